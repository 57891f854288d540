//! The list of all places.

/// A place in a replica that runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) part: Part,
    /// Which replica comes by there.
    pub(super) at: At,
    /// What makes it come by, beside the load.
    pub(super) by: By,
    /// What an error there means for the replica.
    pub(super) error: Then,
}

/// Which test reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Log,
    State,
    Consensus,
    Edge,
    Snapshot,
    Sweep,
    Members,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Leader,
    Follower,
    /// The first of the members, whom newcomers ask first.
    First,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Load,
    /// A checkpoint is due.
    Checkpoint,
    /// The log is cut behind a checkpoint.
    Purge,
    /// Another replica is to lead.
    Transfer,
    /// A worker is not heard of.
    Silence,
    Backup,
    /// History is compacted.
    Compaction,
    /// SIGHUP.
    HangUp,
    /// SIGTERM.
    Stop,
    /// A follower comes back that needs a snapshot: the replica itself, or another.
    Snapshot,
    /// A replica joins, and goes again.
    Join,
}

/// What comes of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The replica goes on; somebody tries again.
    GoesOn,
    /// The replica stops: its disk, or what it knows of it, cannot be trusted.
    Stops,
    /// One or the other: somebody may have waited for what failed, or not.
    Either,
}

const fn place(name: &'static str, part: Part, at: At, by: By, error: Then) -> Place {
    Place { name, part, at, by, error }
}

use At::{First, Follower, Leader};
use Part::{Consensus, Edge, Log, Members, Snapshot, State, Sweep};
use Then::{Either, GoesOn, Stops};

/// Those that a replica that runs comes by.
pub(super) const PLACES: &[Place] = &[
    place("storage::log::group", Log, Leader, By::Load, Stops),
    place("storage::log::synced", Log, Follower, By::Load, Stops),
    place("storage::log::purge", Log, Follower, By::Purge, Stops),
    place("storage::log::sweep", Log, Leader, By::Purge, Either),
    place("consensus::log::append", Log, Leader, By::Load, Stops),
    place("consensus::vote::save", Log, Follower, By::Transfer, Stops),
    place("consensus::vote::saved", Log, Follower, By::Transfer, Stops),
    place("consensus::upkeep::purge", Log, Follower, By::Load, GoesOn),
    place("storage::state::batch", State, Leader, By::Checkpoint, Stops),
    place("storage::state::put", State, Follower, By::Checkpoint, Stops),
    place("storage::checkpoint::begin", State, Follower, By::Checkpoint, Stops),
    place("storage::checkpoint::chunk", State, Leader, By::Checkpoint, Stops),
    place("storage::checkpoint::commit", State, Follower, By::Checkpoint, Stops),
    place("storage::checkpoint::committed", State, Leader, By::Checkpoint, Stops),
    place("storage::output::append", State, Follower, By::Load, Stops),
    place("storage::output::sync", State, Follower, By::Checkpoint, Stops),
    place("storage::output::synced", State, Follower, By::Checkpoint, Stops),
    place("consensus::checkpoint::build", State, Follower, By::Checkpoint, Stops),
    place("consensus::upkeep::checkpoint", State, Follower, By::Load, GoesOn),
    place("consensus::apply::begin", Consensus, Leader, By::Load, Stops),
    place("consensus::apply::applied", Consensus, Follower, By::Load, Stops),
    place("consensus::apply::kept", Consensus, Leader, By::Load, Stops),
    place("consensus::propose::begin", Consensus, Leader, By::Load, GoesOn),
    place("consensus::propose::answered", Consensus, Leader, By::Load, GoesOn),
    place("consensus::forward::send", Consensus, Follower, By::Load, GoesOn),
    place("consensus::forward::answered", Consensus, Follower, By::Load, GoesOn),
    place("consensus::forward::heard", Consensus, Leader, By::Load, GoesOn),
    place("consensus::read::index", Consensus, Leader, By::Load, GoesOn),
    place("consensus::read::ask", Consensus, Follower, By::Load, GoesOn),
    place("consensus::ticker::tick", Consensus, Leader, By::Load, GoesOn),
    place("consensus::ticker::expire", Consensus, Leader, By::Silence, GoesOn),
    place("consensus::ticker::fire", Consensus, Leader, By::Load, GoesOn),
    place("consensus::clock::ask", Consensus, Leader, By::Load, GoesOn),
    place("consensus::peer::append", Consensus, Follower, By::Load, GoesOn),
    place("consensus::peer::vote", Consensus, Follower, By::Transfer, GoesOn),
    place("consensus::members::hand_over", Consensus, Leader, By::Transfer, GoesOn),
    place("consensus::backup::begin", Edge, Follower, By::Backup, GoesOn),
    place("consensus::backup::send", Edge, Follower, By::Backup, GoesOn),
    place("storage::snapshot::read", Edge, Follower, By::Backup, GoesOn),
    place("worker::life::register", Edge, Follower, By::Stop, GoesOn),
    place("worker::life::confirm", Edge, Follower, By::Stop, GoesOn),
    place("worker::life::renew", Edge, Follower, By::Load, GoesOn),
    place("worker::work::claim", Edge, Follower, By::Load, GoesOn),
    place("worker::work::finish", Edge, Leader, By::Load, GoesOn),
    place("worker::run::note", Edge, Follower, By::Load, GoesOn),
    place("worker::run::guardian", Edge, Follower, By::Load, GoesOn),
    place("worker::run::launch", Edge, Leader, By::Load, GoesOn),
    place("worker::pump::append", Edge, Follower, By::Load, GoesOn),
    place("worker::farewell::leave", Edge, Follower, By::Stop, GoesOn),
    place("gateway::outside::request", Edge, Follower, By::Load, GoesOn),
    place("gateway::outside::answer", Edge, Leader, By::Load, GoesOn),
    place("stint::reload::read", Edge, Follower, By::HangUp, GoesOn),
    place("stint::certificates::reload", Edge, Follower, By::HangUp, GoesOn),
    place("storage::output::sweep", Sweep, Follower, By::Compaction, GoesOn),
    place("storage::output::anew", Sweep, Follower, By::Compaction, GoesOn),
    place("consensus::sweep::period", Sweep, Leader, By::Compaction, GoesOn),
    place("consensus::snapshot::send", Snapshot, Leader, By::Snapshot, GoesOn),
    place("consensus::snapshot::receive", Snapshot, Follower, By::Snapshot, GoesOn),
    place("consensus::snapshot::install", Snapshot, Follower, By::Snapshot, Stops),
    place("storage::state::rename", Snapshot, Follower, By::Snapshot, Stops),
    place("storage::state::renamed", Snapshot, Follower, By::Snapshot, Stops),
    place("storage::snapshot::write", Snapshot, Follower, By::Snapshot, GoesOn),
    place("storage::snapshot::finish", Snapshot, Follower, By::Snapshot, GoesOn),
    place("consensus::output::fetch", Snapshot, Follower, By::Snapshot, GoesOn),
    place("consensus::join::taken", Members, First, By::Join, GoesOn),
    place("consensus::members::add", Members, Leader, By::Join, GoesOn),
    place("consensus::members::promote", Members, Leader, By::Join, GoesOn),
    place("consensus::members::remove", Members, Leader, By::Join, GoesOn),
];

/// Those that `stint restore` comes by, before there is a replica.
pub(super) const OF_RESTORE: &[&str] = &[
    "consensus::restore::install",
    "consensus::restore::log",
    "storage::store::filled",
    "storage::file::write",
    "storage::file::rename",
];

/// The one that `stint cluster join` comes by.
pub(super) const OF_JOIN: &str = "consensus::join::note";

/// Those that a cluster comes by once, when its level rises: one of each replica, one of the leader.
pub(super) const OF_LEVEL: [&str; 2] = ["storage::level::raise", "consensus::level::raise"];
