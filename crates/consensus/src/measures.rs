//! What a replica counts while it takes part in the log, and what its log and its disk are like.

use openraft::async_runtime::WatchReceiver as _;
use stint_measure::{Count, Distribution, Times};

use crate::inner::Inner;

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// How long proposals took that were answered, refused ones among them.
    pub(crate) proposals: Times,
    /// Those whose outcome is an error.
    pub(crate) proposals_failed: Count,
    /// How often another leader was heard of.
    pub(crate) leader_changes: Count,
}

/// The numbers of one replica, at one moment.
#[derive(Debug, Clone)]
pub struct Measures {
    /// How long proposals of this replica took until it had applied them.
    pub proposals: Distribution,
    /// Proposals of this replica that failed, or whose outcome is not known.
    pub proposals_failed: u64,
    /// How often a leader was heard of that was not the last one.
    pub leader_changes: u64,
    /// How long commits of the log took, until fdatasync had returned.
    pub commits: Distribution,
    /// The last entry that a checkpoint contains.
    pub checkpoint_index: u64,
    /// The last entry that is not in the log any more.
    pub purged_index: u64,
}

pub(crate) fn of(inner: &Inner) -> Measures {
    let (checkpoint_index, purged_index) = {
        let metrics = inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        (
            metrics.snapshot.as_ref().map_or(0, |id| id.index),
            metrics.purged.as_ref().map_or(0, |id| id.index),
        )
    };
    let Counts { proposals, proposals_failed, leader_changes } = &inner.counts;
    Measures {
        proposals: proposals.read(),
        proposals_failed: proposals_failed.read(),
        leader_changes: leader_changes.read(),
        commits: inner.log.commits(),
        checkpoint_index,
        purged_index,
    }
}
