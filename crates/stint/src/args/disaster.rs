//! `stint backup`, `stint restore`, `stint repair`.

use std::path::PathBuf;

use clap::Args;

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
    /// Do not ask: this is the index of the last entry that `--look` has shown.
    #[arg(long, value_name = "INDEX")]
    pub(crate) confirm: Option<u64>,
}
