//! The configuration of a replica: read from a TOML file, checked as a whole before anything starts.
//!
//! A mistake is answered with its file, line and column, and with what would be right; nothing is
//! ignored. What an operator can write is in `file.rs`; what it means is [`Config`].

mod actions;
mod check;
mod file;
mod place;
mod text;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use stint_consensus::{Member, Timing};
use stint_core::{TokenHash, WorkerId};
use stint_storage::Identity;

pub(crate) use file::LogFormat;
pub(crate) use place::Error;
pub(crate) use text::{AdminTokenHash, length};
pub(crate) use tls::Tls;

use place::Source;

/// All that a replica is told, ready for use.
#[derive(Debug)]
pub(crate) struct Config {
    /// Its id, which is also its worker's.
    pub(crate) id: WorkerId,
    /// The cluster's id.
    pub(crate) cluster: [u8; 16],
    /// Where its data is.
    pub(crate) data_dir: PathBuf,
    /// Where it listens to clients.
    pub(crate) client_address: SocketAddr,
    /// How it serves them, and whether they need a token.
    pub(crate) doors: stint_gateway::Config,
    /// The hash of the first token, which closes the cluster.
    pub(crate) admin_token_hash: Option<TokenHash>,
    /// Where it listens to its peers.
    pub(crate) peer_address: SocketAddr,
    /// What encrypts its connections.
    pub(crate) tls: Tls,
    /// The replicas that found the cluster.
    pub(crate) founders: BTreeMap<WorkerId, Member>,
    /// The pace of Raft.
    pub(crate) timing: Timing,
    /// Its worker; `None` if it runs no jobs.
    pub(crate) worker: Option<stint_worker::Config>,
    /// How it logs.
    pub(crate) log: Log,
}

/// How a replica logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// A filter such as `info` or `info,stint_consensus=debug`.
    pub(crate) level: String,
}

impl Config {
    /// Reads and checks a file.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let text = read(path)?;
        check::config(Source { file: path, text: &text })
    }

    /// Whose data directory is expected.
    pub(crate) fn identity(&self) -> Identity {
        Identity { replica: self.id.get(), cluster: self.cluster }
    }
}

/// Checks a file of `[actions.NAME]` tables, as `stint dev` takes it, and gives back its text.
pub(crate) fn read_actions(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    let source = Source { file: path, text: &text };
    let parsed: file::Actions = source.parse()?;
    actions::read(source, parsed.actions)?;
    Ok(text)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::Unreadable { file: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests;
