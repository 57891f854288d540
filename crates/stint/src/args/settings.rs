//! The words of `stint settings`.

use clap::{Args, Subcommand};

use super::duration_text;

/// `stint settings ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The settings of the cluster.
    Get,
    /// Change the settings that are named; the others stay.
    Set(Set),
}

/// `stint settings set`.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Set {
    /// Whether the history of jobs is compacted at all.
    #[arg(long = "job-history-compaction", value_name = "BOOL")]
    pub(crate) compaction: Option<bool>,
    /// How many jobs history keeps at most; 0 is no bound.
    #[arg(long = "job-history-to-keep", value_name = "COUNT")]
    pub(crate) to_keep: Option<u64>,
    /// How long history keeps a job; 0 is no bound.
    #[arg(long = "job-history-max-age", value_name = "DURATION", value_parser = duration_text)]
    pub(crate) max_age: Option<String>,
}
