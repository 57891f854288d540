//! The configuration of a replica: a TOML file with the environment and the command line over it,
//! checked as a whole before anything starts.
//!
//! A mistake is answered with its file, line and column, and with what would be right; nothing is
//! ignored. What an operator can write is in `file.rs`; what it means is [`Config`].

mod action;
mod actions;
mod check;
mod file;
mod fixed;
mod keys;
mod layers;
mod place;
mod show;
mod text;
mod tls;
mod traces;
mod webhook;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use stint_consensus::{Member, Timing};
use stint_core::{TokenHash, WorkerId};
use stint_storage::Identity;
use stint_worker::Action;

pub(crate) use file::LogFormat;
pub(crate) use fixed::fixed;
pub(crate) use layers::{Layers, variables};
pub(crate) use place::Error;
pub(crate) use text::{AdminTokenHash, length};
pub(crate) use tls::Tls;

use place::Source;
use show::Reader;

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
    /// The replicas that found the cluster; none if this one joins it.
    pub(crate) founders: BTreeMap<WorkerId, Member>,
    /// Where this replica is reached.
    pub(crate) member: Member,
    /// The pace of Raft.
    pub(crate) timing: Timing,
    /// Its worker; `None` if it runs no jobs.
    pub(crate) worker: Option<stint_worker::Config>,
    /// How it logs.
    pub(crate) log: Log,
    /// Where its traces go; `None` if it tells none.
    pub(crate) traces: Option<stint_trace::Config>,
}

/// How a replica logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    /// A filter such as `info` or `info,stint_consensus=debug`.
    pub(crate) level: String,
}

impl Config {
    /// Reads and checks all layers.
    pub(crate) fn load(layers: &Layers) -> Result<Self, Error> {
        check::config(layers.read()?.source())
    }

    /// The same of a file over which nothing stands.
    pub(crate) fn of_file(path: &Path) -> Result<Self, Error> {
        Self::load(&Layers::file(path))
    }

    /// Whose data directory is expected.
    pub(crate) fn identity(&self) -> Identity {
        Identity { replica: self.id.get(), cluster: self.cluster }
    }
}

/// What the layers say, as one file, with where each value comes from and with the defaults.
/// Secrets are left out unless they are asked for.
pub(crate) fn show(layers: &Layers, with_secrets: bool) -> Result<String, Error> {
    Config::load(layers)?;
    shown_to(layers, if with_secrets { Reader::Program } else { Reader::Operator })
}

/// The same for whoever is told of a cluster that is not well.
pub(crate) fn told(layers: &Layers) -> Result<String, Error> {
    shown_to(layers, Reader::Helper)
}

fn shown_to(layers: &Layers, reader: Reader) -> Result<String, Error> {
    let mut text = layers.read()?;
    text.add_defaults();
    show::text(text.source(), reader)
}

/// The actions of a configuration, whether its worker is enabled or not, or of a file that has
/// nothing else.
pub(crate) fn all_actions(layers: &Layers) -> Result<BTreeMap<String, Action>, Error> {
    let text = layers.read()?;
    let source = text.source();
    let table: toml::Table = source.parse()?;
    let actions = if table.contains_key("replica") {
        check::config(source)?;
        source.parse::<file::File>()?.actions
    } else {
        source.parse::<file::Actions>()?.actions
    };
    actions::read(source, actions)
}

/// Checks a file of `[actions.NAME]` tables, as `stint dev` takes it, and gives back its text.
pub(crate) fn read_actions(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    let source = Source { file: path, text: &text, parts: &[] };
    let parsed: file::Actions = source.parse()?;
    actions::read(source, parsed.actions)?;
    webhook::webhooks(source, parsed.webhook)?;
    Ok(text)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::Unreadable { file: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests;
