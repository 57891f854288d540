//! The picture of a cluster in a terminal: what `stint top` shows, and what it does.
//!
//! It is a client like any other, and knows nothing of how a cluster works. `source` asks and
//! watches, `App` is all that is known and what keys do, `draw` and `screen` make a frame of it; the
//! last two touch neither network nor terminal, so that tests can look at what would be seen. Start at
//! [`run`].
#![deny(missing_docs)]

mod app;
mod cells;
mod command;
mod deed;
mod draw;
mod error;
mod filter;
mod limits;
mod once;
mod output;
mod picture;
mod run;
mod screen;
mod source;
mod terminal;
mod text;

pub use error::Error;
pub use once::once;
pub use run::run;

use std::sync::Arc;
use std::time::Duration;

use stint_client::Client;

/// Makes a client of the replicas at these addresses, which gives up after so long.
pub type Connect =
    Arc<dyn Fn(&[String], Duration) -> Result<Client, stint_client::Error> + Send + Sync>;

/// Where the cluster is, and how it is shown.
#[derive(Clone)]
pub struct Options {
    /// The addresses of replicas.
    pub addresses: Vec<String>,
    /// How they are called: with whose token, over which kind of connection.
    pub connect: Connect,
    /// How long a replica that answers is looked for.
    pub patience: Duration,
    /// Whether there may be colours.
    pub has_colours: bool,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
