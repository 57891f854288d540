//! What can go wrong with the picture as a whole.

use std::io;

use thiserror::Error;

/// The picture cannot be shown.
#[derive(Debug, Error)]
pub enum Error {
    /// Standard output is a file or a pipe.
    #[error(
        "standard input and output have to be a terminal; `stint top --once` prints one picture as text"
    )]
    NoTerminal,
    /// The cluster does not answer, or does not want to.
    #[error(transparent)]
    Cluster(#[from] stint_client::Error),
    /// The terminal does not do what it is told.
    #[error("the terminal fails: {0}")]
    Terminal(#[from] io::Error),
}
