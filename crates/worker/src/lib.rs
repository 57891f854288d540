//! Runs jobs as processes. Claims through the log, obeys its lease, ends what it started.
//!
//! It decides nothing about who gets a job: that is `stint-core`'s. It knows no HTTP and no disk
//! but the small notes by which it finds what a former life of it left running. Start at
//! [`Worker`], then `agent`, `run`, `stop` and `process`; what keeps a run within its lease is
//! `guardian`, a process of its own.
#![deny(missing_docs)]

mod access;
mod account;
mod agent;
mod builtin;
mod cgroup;
mod clock;
mod command_line;
mod compaction;
mod config;
mod confinement;
mod declared;
mod error;
mod guardian;
mod inventory;
mod invocation;
mod lease;
mod limits;
mod orders;
mod orphans;
mod output;
mod preview;
mod proc;
mod process;
mod pump;
mod run;
mod simulated;
mod stop;
#[cfg(test)]
mod testing;
mod webhook;
mod worker;

pub use command_line::CommandLine;
pub use config::{Action, Config, OutputLimits};
pub use confinement::Confinement;
pub use declared::check as check_declarations;
pub use error::Error;
pub use guardian::{guardian, role};
pub use preview::Preview;
pub use simulated::{RunOutput, Runner};
pub use webhook::{Allowed, Secret, Webhooks};
pub use worker::{Reloader, Worker};
