//! What an operator can write: the shape of the file, word for word. Keys that are not here are
//! refused by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use stint_core::OnWorkerLoss;
use toml::Spanned;

use super::text::{Address, AdminTokenHash, AllowedOrigin, ClusterId, Length, Listen, ReplicaId};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) replica: Replica,
    pub(super) cluster: Cluster,
    #[serde(default = "no_tls")]
    pub(super) tls: Spanned<Tls>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) raft: Raft,
    #[serde(default)]
    pub(super) worker: Worker,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) actions: BTreeMap<Spanned<String>, Spanned<Action>>,
}

/// A file of actions alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actions {
    #[serde(default)]
    pub(super) actions: BTreeMap<Spanned<String>, Spanned<Action>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replica {
    pub(super) id: Spanned<ReplicaId>,
    pub(super) data_dir: Spanned<PathBuf>,
    pub(super) client_address: Spanned<Listen>,
    pub(super) peer_address: Spanned<Listen>,
    pub(super) advertise_client: Option<Spanned<Address>>,
    pub(super) advertise_peer: Option<Spanned<Address>>,
    #[serde(default)]
    pub(super) insecure_plain_text: bool,
    pub(super) insecure_open: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) allowed_origins: Option<Spanned<Vec<AllowedOrigin>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) client_certificate: Option<PathBuf>,
    pub(super) client_key: Option<PathBuf>,
    pub(super) peer_certificate: Option<PathBuf>,
    pub(super) peer_key: Option<PathBuf>,
    pub(super) peer_ca: Option<PathBuf>,
}

/// What holds where the file says nothing about TLS.
fn no_tls() -> Spanned<Tls> {
    Spanned::new(0..0, Tls::default())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cluster {
    pub(super) id: ClusterId,
    pub(super) admin_token_hash: Option<AdminTokenHash>,
    pub(super) members: Spanned<Vec<Member>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub(super) id: Spanned<ReplicaId>,
    pub(super) peer_address: Spanned<Address>,
    pub(super) client_address: Spanned<Address>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) requests_per_second: Option<Spanned<u32>>,
    pub(super) requests_at_once: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raft {
    pub(super) heartbeat: Option<Spanned<Length>>,
    pub(super) election_min: Option<Spanned<Length>>,
    pub(super) election_max: Option<Spanned<Length>>,
    pub(super) request_timeout: Option<Spanned<Length>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Worker {
    pub(super) enabled: Option<bool>,
    pub(super) lease_ttl: Option<Spanned<Length>>,
    pub(super) runs_max: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) capacity: BTreeMap<Spanned<String>, Spanned<u64>>,
    pub(super) drain_limit: Option<Spanned<Length>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    #[serde(default)]
    pub(super) format: LogFormat,
    pub(super) level: Option<Spanned<String>>,
}

/// In which form a replica logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    pub(super) command: Spanned<Vec<String>>,
    pub(super) working_dir: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) deadline: Option<Spanned<Length>>,
    pub(super) stop_timeout: Option<Spanned<Length>>,
    #[serde(default)]
    pub(super) on_worker_loss: OnLoss,
    pub(super) backoff: Option<Spanned<Length>>,
    #[serde(default)]
    pub(super) children: bool,
    pub(super) line_bytes_max: Option<Spanned<u64>>,
    pub(super) lines_max: Option<Spanned<u64>>,
    pub(super) output_bytes_max: Option<Spanned<u64>>,
}

/// What becomes of a job whose worker is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OnLoss {
    #[default]
    Reclaim,
    Abandon,
}

impl From<OnLoss> for OnWorkerLoss {
    fn from(loss: OnLoss) -> Self {
        match loss {
            OnLoss::Reclaim => Self::Reclaim,
            OnLoss::Abandon => Self::Abandon,
        }
    }
}
