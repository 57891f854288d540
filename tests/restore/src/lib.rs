//! openraft alone, on simulated disks and time: what becomes of an acknowledged value when a leader
//! that has crashed goes on as the leader (`docs/leader-restore.md`).
//!
//! `run` plays one `Plan`: three nodes, clients, crashes, and at the end a time of rest. What it
//! says is a function of the plan. Nothing of stint is in it: whatever it finds is between openraft
//! and a store that keeps to openraft's rules.
//!
//! Start with `scenario.rs`; `disk.rs` is the model that matters.

#![cfg(feature = "simulate")]

mod dice;
mod disk;
mod log_store;
mod machine;
mod net;
mod plan;
mod scenario;
mod shrink;
mod trace;

pub use plan::{Fault, Plan, Victim, Votes};
pub use scenario::run;
pub use shrink::shrink;
pub use trace::{Outcome, Violation};

openraft::declare_raft_types!(
    /// openraft's choice of types, with dice that follow the seed.
    pub(crate) Types:
        D = Value,
        R = (),
        NodeId = u64,
        Node = (),
        AsyncRuntime = Runtime,
);

pub(crate) type Runtime =
    openraft::rt::deterministic_rng::DeterministicRng<openraft::impls::TokioRuntime>;
pub(crate) type Entry = openraft::type_config::alias::EntryOf<Types>;
pub(crate) type LogId = openraft::type_config::alias::LogIdOf<Types>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<Types>;
pub(crate) type Raft = openraft::Raft<Types, machine::Machine>;

/// What a client writes: a number that nobody else writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) u64);

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "value {}", self.0)
    }
}
