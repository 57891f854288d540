//! `stint token ...`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::Layered;
use crate::config;

/// What can be asked about who may call.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give somebody a token, and print it: it is shown this once.
    Create {
        /// Whose it is; any name. A user exists through the tokens that have the name.
        #[arg(long, value_name = "NAME")]
        user: String,
        /// What it allows.
        #[arg(long, value_enum, value_name = "ROLE")]
        role: Role,
        /// How long it is good for, such as 720h [default: for ever].
        #[arg(long, value_name = "DURATION", value_parser = config::length)]
        expires_in: Option<Duration>,
        /// What it is for.
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
    },
    /// As whom the cluster takes the token that is used, and what it allows.
    Show,
    /// All tokens, expired ones too, without what is secret of them.
    List,
    /// Take a token back: it is worthless at once, on every replica.
    Revoke {
        /// The token's id, as `stint token list` shows it.
        id: String,
    },
    /// Draw an administrator's token on the machine of a replica, because all others are lost.
    ///
    /// The replica need not run; it brings the token into the cluster at its next start. It takes the
    /// right to write into the replica's data directory, and no token.
    ResetAdmin(ResetAdmin),
}

/// `stint token reset-admin`.
#[derive(Debug, Args)]
pub(crate) struct ResetAdmin {
    #[command(flatten)]
    pub(crate) layered: Layered,
    /// A new file for the token; `-` is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(crate) admin_token_file: PathBuf,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// To look at jobs, their output, workers and the cluster.
    Viewer,
    /// The same, and to submit, cancel and delete jobs, and to set capacities.
    Operator,
    /// All of it, tokens too.
    Admin,
}

impl Role {
    /// As the API names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}
