//! What can go wrong with the worker itself; what goes wrong with a job is the job's result.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The worker cannot start, or cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A command line that is no command line.
    #[error("{0}")]
    Command(String),
    /// A configuration that the worker cannot work by.
    #[error("{0}")]
    Config(String),
    /// The operating system refused what the worker needs for itself.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was to be done, as a verb phrase.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it was refused.
        source: io::Error,
    },
    /// The worker's replica has stopped, and a worker cannot work without it.
    #[error("the worker's replica has stopped: {0}")]
    ReplicaStopped(#[source] stint_consensus::Error),
    /// A bug of the worker ended it; its processes have been killed.
    #[error("the worker ended unexpectedly, which is a bug; its log says more")]
    Crashed,
}
