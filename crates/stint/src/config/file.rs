//! What an operator can write: the shape of the file, word for word. Keys that are not here are
//! refused by name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use stint_core::OnWorkerLoss;
use toml::Spanned;

use super::text::{
    Address, AdminTokenHash, AllowedOrigin, ClusterId, Length, Listen, ReplicaId, Size, Time, Umask,
};

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
    pub(super) traces: Traces,
    #[serde(default)]
    pub(super) webhook: Webhook,
    #[serde(default)]
    pub(super) actions: BTreeMap<Spanned<String>, Spanned<Action>>,
}

/// A file of actions alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Actions {
    #[serde(default)]
    pub(super) webhook: Webhook,
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
    pub(super) client_ca: Option<PathBuf>,
    pub(super) peer_certificate: Option<PathBuf>,
    pub(super) peer_key: Option<PathBuf>,
    pub(super) peer_ca: Option<PathBuf>,
}

/// What holds where the file says nothing about TLS.
fn no_tls() -> Spanned<Tls> {
    Spanned::new(0..0, Tls::default())
}

/// A replica that joins a cluster is told by it who its members are.
fn no_members() -> Spanned<Vec<Member>> {
    Spanned::new(0..0, Vec::new())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cluster {
    pub(super) id: ClusterId,
    pub(super) admin_token_hash: Option<AdminTokenHash>,
    #[serde(default = "no_members")]
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
    pub(super) connections_per_address: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raft {
    pub(super) heartbeat: Option<Spanned<Length>>,
    pub(super) election_min: Option<Spanned<Length>>,
    pub(super) election_max: Option<Spanned<Length>>,
    pub(super) request_timeout: Option<Spanned<Length>>,
    pub(super) snapshot_bytes_per_second: Option<Spanned<Size>>,
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

/// What the built-in action `webhook` may do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    #[serde(default)]
    pub(super) allow: Vec<Spanned<String>>,
    pub(super) ca: Option<Spanned<PathBuf>>,
    /// Files, by the names that jobs know.
    #[serde(default)]
    pub(super) secret_files: BTreeMap<Spanned<String>, Spanned<PathBuf>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    #[serde(default)]
    pub(super) format: LogFormat,
    pub(super) level: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Traces {
    pub(super) endpoint: Option<Spanned<String>>,
    pub(super) ca: Option<Spanned<PathBuf>>,
    pub(super) share: Option<Spanned<f64>>,
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
    pub(super) description: Option<String>,
    pub(super) command: Spanned<Vec<String>>,
    pub(super) working_dir: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) environment: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) group: Option<Spanned<String>>,
    pub(super) umask: Option<Spanned<Umask>>,
    pub(super) nice: Option<Spanned<i32>>,
    pub(super) memory: Option<Spanned<Size>>,
    pub(super) pids: Option<Spanned<u64>>,
    pub(super) cpu_time: Option<Spanned<Length>>,
    pub(super) open_files: Option<Spanned<u64>>,
    pub(super) deadline: Option<Spanned<Time>>,
    pub(super) stop_timeout: Option<Spanned<Time>>,
    pub(super) retries: Option<Spanned<u32>>,
    pub(super) capacity: Option<BTreeMap<Spanned<String>, Spanned<u64>>>,
    #[serde(default)]
    pub(super) on_worker_loss: OnLoss,
    pub(super) backoff: Option<Spanned<Backoff>>,
    #[serde(default)]
    pub(super) children: bool,
    #[serde(default)]
    pub(super) parameters: BTreeMap<Spanned<String>, Spanned<Parameter>>,
    #[serde(default)]
    pub(super) only_declared: bool,
    pub(super) line_bytes_max: Option<Spanned<u64>>,
    pub(super) lines_max: Option<Spanned<u64>>,
    pub(super) output_bytes_max: Option<Spanned<u64>>,
}

/// What a parameter of an action may be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameter {
    pub(super) description: Option<String>,
    pub(super) required: Option<bool>,
    pub(super) default: Option<String>,
    pub(super) bytes_max: Option<u64>,
    pub(super) minimum: Option<i64>,
    pub(super) maximum: Option<i64>,
    #[serde(default)]
    pub(super) values: Vec<String>,
    pub(super) pattern: Option<String>,
}

/// How long retries wait: one length for all of them, or how they grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) factor_percent: Option<u32>,
    pub(super) max: Option<Duration>,
    pub(super) jitter_percent: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackoffTable {
    first: Length,
    factor_percent: Option<u32>,
    max: Option<Length>,
    jitter_percent: Option<u32>,
}

impl<'de> Deserialize<'de> for Backoff {
    /// By hand, because what serde makes of either the one or the other says of a mistake only
    /// that there is one.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Backoff;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration like \"10s\", or a table with the key \"first\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Backoff, E> {
                let Length(first) = Length::try_from(text.to_owned()).map_err(E::custom)?;
                Ok(Backoff { first, factor_percent: None, max: None, jitter_percent: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Backoff, A::Error> {
                let table = BackoffTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Backoff {
                    first: table.first.0,
                    factor_percent: table.factor_percent,
                    max: table.max.map(|max| max.0),
                    jitter_percent: table.jitter_percent,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
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
