//! Raft, as it is set up, begun and watched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::Raft;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{InitializeError, RaftError};
use stint_core::WorkerId;
use tokio::sync::watch;

use crate::error::Error;
use crate::inner::Inner;
use crate::limits;
use crate::replica::{Founders, Keep, Member, Timing};
use crate::state_machine::StateMachine;
use crate::types::{Node, Types};

/// How openraft is to work.
pub(crate) fn config(timing: &Timing, keep: &Keep) -> Result<openraft::Config, Error> {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let config = openraft::Config {
        cluster_name: "stint".to_owned(),
        heartbeat_interval: ms(timing.heartbeat),
        election_timeout_min: ms(timing.election_min),
        election_timeout_max: ms(timing.election_max),
        max_payload_entries: limits::ENTRIES_PER_MESSAGE_MAX,
        snapshot_policy: openraft::SnapshotPolicy::LogsSinceLast(keep.checkpoint_entries),
        max_in_snapshot_log_to_keep: keep.entries,
        replication_lag_threshold: keep.checkpoint_entries + keep.entries,
        // Cut off in few pieces, but none larger than what is to stay.
        purge_batch_size: keep.entries.clamp(1, limits::PURGE_ENTRIES_MAX),
        enable_leader_restore: Some(false),
        enable_pre_vote: Some(true),
        // The least that openraft takes: a lease of the leader and an election.
        quorum_loss_probe_interval: Some(ms(2 * timing.election_max)),
        allow_log_reversion: Some(false),
        ..openraft::Config::default()
    };
    config.validate().map_err(|error| Error::Failed(format!("[raft]: {error}")))
}

/// Founds the cluster, for a replica that has never been part of one. All founders may do so at once:
/// they write the same first entry.
pub(crate) async fn found(
    raft: &Raft<Types, StateMachine>,
    founders: &Founders,
) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
    let members: BTreeMap<u64, Node> = founders
        .iter()
        .map(|(id, member)| {
            let Member { peer_address, client_address } = member.clone();
            (id.get(), Node { peer_address, client_address })
        })
        .collect();
    match raft.initialize(members).await {
        // A peer's first message came in between.
        Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

/// Why a replica does not start that no cluster has taken in.
pub(crate) fn not_invited(id: WorkerId) -> Error {
    Error::Failed(format!(
        "replica {id} is no founder of this cluster, and has not joined it; have it join with: stint \
         cluster join"
    ))
}

/// Notes who leads, and when Raft stops by itself. It wakes when either changes, and not with each entry.
pub(crate) async fn watch(inner: Arc<Inner>, stopping: watch::Receiver<bool>) {
    let mut server = inner.raft.server_metrics();
    let mut leader = None;
    loop {
        let leads = server.borrow_and_update().current_leader;
        if leads.is_some() && leads != leader {
            leader = leads;
            if leader == Some(inner.id.get()) {
                // Most of the others have just voted for it.
                inner.word.note();
            }
            inner.counts.leader_changes.add_one();
        }
        if *stopping.borrow() {
            return;
        }
        if server.changed().await.is_err() {
            break;
        }
    }
    if *stopping.borrow() {
        return;
    }
    let why = match &inner.raft.metrics().borrow_watched().running_state {
        Err(fatal) => fatal.to_string(),
        // Its task is gone, and it did not say why: it panicked. A replica that goes on without it would
        // answer, and never again know anything.
        Ok(()) => {
            "Raft has ended by itself, for a reason that stands further up in this log".to_owned()
        }
    };
    inner.failure.note(Error::Failed(why));
}
