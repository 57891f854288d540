//! The words of `stint queue`.

use clap::Subcommand;

/// `stint queue ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The queues of all actions: how many jobs wait and run, and who has paused them and why.
    List,
    /// Have no job of an action claimed for now. They are still submitted, and those that run go on.
    Pause {
        /// The action.
        action: String,
        /// Why, for those who wonder.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Have the jobs of an action claimed again.
    Resume {
        /// The action.
        action: String,
    },
}
