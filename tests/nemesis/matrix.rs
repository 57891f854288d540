//! What can go wrong, to whom, and which of the two together make no sense.

use std::fmt;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// kill -9.
    Kill,
    /// SIGSTOP.
    Stop,
    /// Frozen by a cgroup.
    Freeze,
    /// Neither hears nor is heard by any other replica; clients reach it.
    Partition,
    /// Hears no other replica, and is heard by all.
    OneWay,
    /// The others hear it and do not hear each other: it is the bridge between them.
    Bridge,
    /// Of all packets to it 30 % are lost.
    Loss,
    /// The wall clock jumps forward, and back again.
    Clock,
    /// The disk is full.
    Full,
    /// Nothing reaches the disk any more, and fsync says EIO.
    Eio,
    /// The disk is gone, and there is an empty one in its place.
    Wipe,
    /// SIGTERM, and a start. Of a worker: it is drained, and resumed.
    Restart,
}

/// Whom it befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Leader,
    Follower,
    /// As many as nothing can be agreed on without, the leader among them.
    Majority,
    All,
    /// Of one replica the part that runs jobs: the guardians of its runs.
    Worker,
}

/// One fault and one target.
pub(super) type Cell = (Fault, Target);

pub(super) const FAULTS: [Fault; 12] = [
    Fault::Kill,
    Fault::Stop,
    Fault::Freeze,
    Fault::Partition,
    Fault::OneWay,
    Fault::Bridge,
    Fault::Loss,
    Fault::Clock,
    Fault::Full,
    Fault::Eio,
    Fault::Wipe,
    Fault::Restart,
];

pub(super) const TARGETS: [Target; 5] =
    [Target::Leader, Target::Follower, Target::Majority, Target::All, Target::Worker];

/// Each fault at least once, each target several times; enough for each commit.
pub(super) const SUBSET: [Cell; 22] = [
    (Fault::Kill, Target::Leader),
    (Fault::Kill, Target::All),
    (Fault::Kill, Target::Worker),
    (Fault::Stop, Target::Leader),
    (Fault::Stop, Target::Majority),
    (Fault::Stop, Target::Worker),
    (Fault::Freeze, Target::Follower),
    (Fault::Freeze, Target::All),
    (Fault::Partition, Target::Leader),
    (Fault::Partition, Target::Majority),
    (Fault::OneWay, Target::Leader),
    (Fault::OneWay, Target::Follower),
    (Fault::Bridge, Target::Leader),
    (Fault::Loss, Target::All),
    (Fault::Clock, Target::Leader),
    (Fault::Clock, Target::Majority),
    (Fault::Full, Target::Leader),
    (Fault::Eio, Target::Leader),
    (Fault::Eio, Target::Majority),
    (Fault::Wipe, Target::Follower),
    (Fault::Restart, Target::All),
    (Fault::Restart, Target::Worker),
];

/// Why there is no such cell.
pub(super) fn senseless(cell: Cell) -> Option<&'static str> {
    match cell {
        (Fault::Wipe, Target::Majority | Target::All) => {
            Some("what most disks had is gone: no promise is about that")
        }
        (Fault::Bridge, Target::Majority | Target::All) => {
            Some("who is a bridge has others to be one between")
        }
        (Fault::Partition | Fault::OneWay | Fault::Bridge | Fault::Loss, Target::Worker) => {
            Some("a worker speaks to no one but its own replica, in one process: see follower")
        }
        (Fault::Clock, Target::Worker) => {
            Some("a guardian counts on the boot-time clock, and has no wall clock")
        }
        (Fault::Full | Fault::Eio | Fault::Wipe, Target::Worker) => {
            Some("a worker's notes are on its replica's disk: see follower")
        }
        _ => None,
    }
}

/// The cell that is called so.
pub(super) fn named(name: &str) -> Option<Cell> {
    let all = FAULTS.iter().flat_map(|fault| TARGETS.map(|target| (*fault, target)));
    all.into_iter().find(|cell| name_of(*cell) == name)
}

pub(super) fn name_of((fault, target): Cell) -> String {
    format!("{fault}-{target}")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}
