//! `stint debug`.

use std::path::PathBuf;

use clap::Subcommand;

/// `stint debug ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Gather what each replica knows of itself and of the cluster in one archive, for a report of a bug.
    ///
    /// Configurations, the latest lines of the logs, metrics, status, workers, queues, crons and what
    /// the machines say; no tokens, keys, parameters or output. Most of it takes an administrator's
    /// token. What could not be had is named in the archive, with why.
    Bundle {
        /// The archive, which must not be there yet [default: stint-debug-TIME.tar.gz].
        #[arg(short = 'o', long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}
