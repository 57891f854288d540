//! `stint backup`, `stint restore`, `stint repair`.

use std::path::PathBuf;

use clap::Args;
use stint_core::WorkerId;

use super::Layered;

/// `stint backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file, which must not be there yet.
    pub(crate) file: PathBuf,
    /// Only read the file that is there to its end, check it, and say what is in it.
    #[arg(long)]
    pub(crate) check: bool,
}

/// `stint restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) layered: Layered,
    /// The backup.
    pub(crate) file: PathBuf,
}

/// `stint repair`.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    pub(crate) layered: Layered,
    /// Only say what there is. Do this on each replica that is left, and repair the newest of them.
    #[arg(long, conflicts_with = "confirm")]
    pub(crate) look: bool,
    /// Data directories of other replicas that are left, or copies of them: they are compared, and an
    /// older one is not repaired.
    #[arg(long, value_name = "DIR")]
    pub(crate) also: Vec<PathBuf>,
    /// The directory that gets the copy of the data directory as it was, if not the one that has the
    /// data directory: the copy takes as much room.
    #[arg(long, value_name = "DIR", conflicts_with = "look")]
    pub(crate) copy_to: Option<PathBuf>,
    /// For a replica that does not start because state.redb is damaged or missing, while the others
    /// work: gets checkpoint and history from one of them. It stays the same replica, since what it has
    /// promised is in its log. Stop it first.
    #[arg(long, conflicts_with_all = ["look", "also", "confirm", "copy_to"])]
    pub(crate) from_peers: bool,
    /// Another replica, by its id and its address for peers, where neither the configuration nor the
    /// log names one.
    #[arg(long, value_name = "ID=HOST:PORT", requires = "from_peers", value_parser = peer)]
    pub(crate) peer: Vec<(WorkerId, String)>,
    /// Do not ask: this is the index of the last entry that `--look` has shown.
    #[arg(long, value_name = "INDEX")]
    pub(crate) confirm: Option<u64>,
}

fn peer(text: &str) -> Result<(WorkerId, String), String> {
    let (id, address) = text.split_once('=').ok_or("it is an id, `=` and an address")?;
    let id: WorkerId = id.parse().map_err(|error| format!("{id}: {error}"))?;
    Ok((id, address.to_owned()))
}
