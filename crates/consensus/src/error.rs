//! What can go wrong between a proposal and its entry, or between a read and its answer.

use stint_core::{Level, WorkerId};
use thiserror::Error;

use crate::codec::Garbled;
use crate::level::too_new;

/// The world failed. A refusal is not here: it is an answer.
#[derive(Debug, Clone, Error)]
pub enum Error {
    /// No leader was found in time. Nothing was proposed; a later try may succeed.
    #[error("no leader: {0}; try again, or look at `stint cluster status`")]
    NoLeader(String),
    /// The proposal may or may not be in the log.
    #[error("outcome unknown: {0}; it may or may not have been carried out")]
    Unknown(String),
    /// The leader cannot take proposals now, and nothing was proposed; or this replica is too far
    /// behind to be read.
    #[error("{0}")]
    Unavailable(String),
    /// The disk is full: writes are refused until there is space.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// What happened at the wanted index is not kept any more.
    #[error(
        "what happened from index {wanted} on is not kept any more, only from index {oldest} on; \
         read what there is now, and watch from there"
    )]
    Compacted {
        /// The index from which on it was wanted.
        wanted: u64,
        /// The index from which on nothing is missing.
        oldest: u64,
    },
    /// What is to be restored or repaired is not fit for that, and why. Nothing was changed.
    #[error("{0}")]
    Unfit(String),
    /// The disk failed under a tool that works on a replica that is stopped, or that is starting.
    #[error(transparent)]
    Storage(#[from] stint_storage::Error),
    /// The cluster has no such replica.
    #[error("replica {0}: no such member of this cluster")]
    NoSuchMember(WorkerId),
    /// The membership has to stay as it is.
    #[error("{0}")]
    MembersStay(String),
    /// The cluster does not have the feature level yet that this needs. Nothing was proposed.
    #[error(
        "this needs feature level {needs}, and the cluster has {has}, which rises by itself as soon as \
         all replicas run a version that knows it; `stint cluster status` says which do not"
    )]
    LevelTooLow {
        /// The level that is needed.
        needs: Level,
        /// The level of the cluster.
        has: Level,
    },
    /// The data directory, or the cluster, has a feature level that this version does not know; it
    /// does not start, or stops.
    #[error("{what}: {}", too_new(*.level))]
    TooOld {
        /// What has the level.
        what: String,
        /// The level.
        level: Level,
    },
    /// This replica was removed from the cluster; it stops.
    #[error(
        "replica {0} was removed from the cluster, and takes no part in it any more; its data \
         directory can be deleted. A new replica needs a new id and a new data directory"
    )]
    Removed(WorkerId),
    /// This replica is stopping.
    #[error("this replica is shutting down; ask another one")]
    ShuttingDown,
    /// This replica's disk or Raft has failed; it stops.
    #[error("this replica has failed: {0}; its log says more")]
    Failed(String),
}

impl From<Garbled> for Error {
    fn from(garbled: Garbled) -> Self {
        if let Garbled::TooNew { what, level } = garbled {
            return Self::TooOld { what: what.to_owned(), level };
        }
        Self::Unfit(format!("what is on the disk cannot be read: {garbled}"))
    }
}
