//! Leadership given away, rather than lost.

use openraft::async_runtime::WatchReceiver as _;
use stint_failpoint::failpoint;

use crate::inner::Inner;
use crate::limits::HANDOVER_TIMEOUT;

impl Inner {
    /// Makes the voter that has most of the log the leader, and waits for it, within bounds. Does
    /// nothing on a replica that does not lead.
    pub(crate) async fn hand_over(&self) {
        if !self.raft.is_leader() {
            return;
        }
        if let Some(next) = self.next_leader() {
            self.hand_over_to(next).await;
        }
    }

    /// Makes this voter the leader, and waits for another one than this replica, within bounds.
    /// Says who that is.
    pub(crate) async fn hand_over_to(&self, next: u64) -> Option<u64> {
        let us = self.id.get();
        failpoint!("consensus::members::hand_over").ok()?;
        if self.raft.trigger().transfer_leader(next).await.is_err() {
            return None;
        }
        let mut metrics = self.raft.metrics();
        let handed_over = async {
            loop {
                let leader = metrics.borrow_watched().current_leader;
                if leader.is_some_and(|leader| leader != us) {
                    return leader;
                }
                if metrics.changed().await.is_err() {
                    return None;
                }
            }
        };
        let leader = tokio::time::timeout(HANDOVER_TIMEOUT, handed_over).await;
        if leader.is_err() {
            tracing::warn!("leadership was not handed over in time; the others will elect");
        }
        leader.ok().flatten()
    }

    /// The other voter that is least behind, as the leader knows.
    fn next_leader(&self) -> Option<u64> {
        let us = self.id.get();
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let is_voter = |id: u64| {
            id != us && metrics.membership_config.membership().voter_ids().any(|voter| voter == id)
        };
        let progress = metrics.replication.as_ref()?;
        let others = progress.iter().filter(|(id, _)| is_voter(**id));
        let most = others.max_by_key(|(_, matched)| matched.as_ref().map(|id| id.index));
        most.map(|(id, _)| *id)
    }
}
