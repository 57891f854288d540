//! `stint action ...`.

use clap::{Args, Subcommand};

use super::{Layered, pair};

/// What can be asked about actions.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The actions that the workers of the cluster offer.
    List,
    /// What an action needs, and what its jobs have that do not say.
    Show {
        /// The action.
        name: String,
    },
    /// Say what a job of this machine's configuration would be started with, without a cluster.
    ///
    /// Without NAME all actions are checked. With it the command line, the environment, and whom
    /// the process runs as are shown for a job with the parameters that are given, or why there
    /// could be no such job.
    Check(Check),
}

/// `stint action check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) layered: Layered,
    /// The action.
    pub(crate) name: Option<String>,
    /// A parameter of the job; can be given many times.
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair, requires = "name")]
    pub(crate) params: Vec<(String, String)>,
}
