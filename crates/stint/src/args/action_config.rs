//! The words of `stint action-config`.

use clap::{Args, Subcommand};

use super::pair;

/// `stint action-config ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All action configs.
    List,
    /// The config of an action.
    Get(One),
    /// Set what every job of an action is told, in place of what was set before.
    ///
    /// A job's own parameters win. Jobs that are submitted already keep what they have.
    Put(Put),
    /// Remove the config of an action.
    Delete(One),
}

/// One action config.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its action.
    pub(crate) action: String,
}

/// `stint action-config put`.
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// The action.
    pub(crate) action: String,
    /// A parameter; can be given many times.
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) params: Vec<(String, String)>,
}
