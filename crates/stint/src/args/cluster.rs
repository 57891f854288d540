//! `stint cluster ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use stint_client::Timestamp;

use super::audit::since;
use super::{Layered, duration_text};

/// What can be asked of the cluster as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The members, who leads, and who is behind.
    Status,
    /// What happened lately, in steps of half a minute: jobs that were submitted and that ended, and what
    /// waited. It is the memory of the replica that answers, and begins with its start.
    Statistics {
        /// Since a time, such as 2026-03-04T05:06:07Z, or within a duration, such as 2h; 8h are kept.
        #[arg(long, value_name = "TIME", value_parser = since, default_value = "10m")]
        since: Timestamp,
    },
    /// Make an invitation, by which one new replica can join. It takes an administrator's token.
    ///
    /// The invitation is printed alone. Whoever has it can join once, so it is a secret.
    Invite {
        /// How long it is good for, at most 168h.
        #[arg(long, value_name = "DURATION", value_parser = duration_text, default_value = "1h")]
        expires_in: String,
    },
    /// Have this machine's NEW replica join a cluster that runs. Then start it with `stint serve`.
    ///
    /// It prepares the data directory. The replica follows first, and votes when it has caught up.
    /// Asking again with the same invitation and the same directory is asking once.
    Join(Join),
    /// Remove a replica, alive or dead. Its id is nobody's from then on. It takes an administrator's
    /// token.
    ///
    /// What its worker runs is run again by others when its lease is over; drain it first, if it
    /// lives. The replica itself stops, and says why.
    Remove {
        /// The replica's id: 12 hexadecimal digits.
        id: String,
    },
    /// Have a replica lead. It takes an administrator's token.
    TransferLeader {
        /// The replica's id: 12 hexadecimal digits.
        id: String,
    },
}

/// `stint cluster join`.
#[derive(Debug, Args)]
pub(crate) struct Join {
    #[command(flatten)]
    pub(crate) layered: Layered,
    /// The invitation. Other users of this machine can see it where it is given as an argument: set
    /// the variable, or name a file.
    #[arg(
        long,
        env = "STINT_INVITATION",
        hide_env_values = true,
        value_name = "INVITATION",
        required_unless_present = "invitation_file"
    )]
    pub(crate) invitation: Option<String>,
    /// A file that has the invitation; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) invitation_file: Option<PathBuf>,
}
