//! What the parts of one replica share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::Raft;
use openraft::async_runtime::WatchReceiver as _;
use stint_core::WorkerId;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::blocking::blocking;
use crate::clock::Clock;
use crate::condition::Conditions;
use crate::disks::{Disk, Disks};
use crate::error::Error;
use crate::failure::Failure;
use crate::level::Builds;
use crate::limits::{GOODBYE_TIMEOUT, LET_GO_LOOK};
use crate::log_store::LogStore;
use crate::measures::Counts;
use crate::peers::Peers;
use crate::propose::Forward;
use crate::read::Waiting;
use crate::replica::Timing;
use crate::silence::{self, Word};
use crate::snapshot::Incoming;
use crate::state_machine::{Applied, StateMachine};
use crate::types::Types;

/// The members as another one knows them, who knows more.
#[derive(Default)]
pub(crate) struct Heard {
    /// The entry that says so.
    pub(crate) index: u64,
    pub(crate) members: Vec<u64>,
}

/// One replica, as its own tasks see it.
pub(crate) struct Inner {
    pub(crate) id: WorkerId,
    /// The cluster by which peers know each other: since it was founded, or began anew.
    pub(crate) cluster: Bytes,
    /// The cluster as its configuration names it: that is all that a new replica knows.
    pub(crate) cluster_named: [u8; 16],
    pub(crate) timing: Timing,
    pub(crate) clock: Clock,
    pub(crate) raft: Raft<Types, StateMachine>,
    pub(crate) applied: Arc<Applied>,
    pub(crate) log: LogStore,
    pub(crate) peers: Arc<Peers>,
    /// Snapshots that come in.
    pub(crate) incoming: Incoming,
    /// The number of this replica's disk.
    pub(crate) disk: Disk,
    pub(crate) disks: Disks,
    /// What the other members run.
    pub(crate) builds: Builds,
    /// How this replica and the other members are.
    pub(crate) conditions: Conditions,
    /// Becomes true when it is sure that this replica may take part under its id.
    pub(crate) admitted: watch::Sender<bool>,
    /// Who founds the cluster, by its configuration.
    pub(crate) founders: Vec<u64>,
    /// Members that this replica's own log does not name yet, as it was told by others.
    pub(crate) heard: Mutex<Heard>,
    /// Since when this replica, as the leader, has known members that do not vote.
    pub(crate) learners: Mutex<BTreeMap<u64, Instant>>,
    /// When there was a leader, for sure.
    pub(crate) word: Word,
    pub(crate) failure: Failure,
    /// What it counts while it works.
    pub(crate) counts: Counts,
    /// Becomes true when the replica is being stopped.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) forwards: mpsc::Sender<Forward>,
    pub(crate) barriers: mpsc::Sender<Waiting>,
    /// When it was last told that a replica of another cluster speaks to this one.
    pub(crate) stranger_told: Mutex<Option<Instant>>,
    /// What others in this process have to say of its health, by topic.
    pub(crate) notices: Mutex<BTreeMap<&'static str, Vec<String>>>,
}

impl Inner {
    /// Returns when the replica is being stopped.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.subscribe();
        async move { drop(stopping.wait_for(|stopping| *stopping).await) }
    }

    /// Waits until no call of a peer and no task of Raft uses the disk any more: they have been
    /// told to end, but nobody says when each of them has.
    pub(crate) async fn wait_until_let_go(this: &Arc<Self>) {
        let is_alone = || {
            Arc::strong_count(this) == 1
                && Arc::strong_count(&this.applied) == 1
                && this.log.is_unshared()
        };
        let alone = async {
            while !is_alone() {
                tokio::time::sleep(LET_GO_LOOK).await;
            }
        };
        if tokio::time::timeout(GOODBYE_TIMEOUT, alone).await.is_err() {
            tracing::warn!("the data directory is still in use by a call that does not end");
        }
    }

    /// The leader as far as this replica knows, and where its peers reach it; none if it has been
    /// silent for long.
    pub(crate) fn leader(&self) -> Option<(u64, String)> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        if silence::of(self, &metrics).is_some() {
            return None;
        }
        let id = metrics.current_leader?;
        let node = metrics.membership_config.membership().get_node(&id)?;
        Some((id, node.peer_address.clone()))
    }

    /// Whether the log names this replica, as far as it is here, or a member has said so. An empty
    /// log names nobody yet: the founders are, and one that joins takes whoever its cluster has
    /// certified. A replica that was away may have to follow a leader that it has never
    /// heard of.
    pub(crate) fn is_member(&self, id: u64) -> bool {
        let (members, index) = self.members();
        if members.contains(&id) {
            return true;
        }
        if members.is_empty() {
            return self.founders.is_empty() || self.founders.contains(&id);
        }
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.index > index && heard.members.contains(&id)
    }

    /// The ids of all members, and the entry that says so; the latest that this replica has.
    pub(crate) fn members(&self) -> (Vec<u64>, u64) {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let stored = &metrics.membership_config;
        let index = stored.log_id().as_ref().map_or(0, |id| id.index);
        (stored.membership().nodes().map(|(id, _)| *id).collect(), index)
    }

    /// Whether the cluster has removed this replica, by the entries that are applied here.
    pub(crate) fn is_removed(&self, id: WorkerId) -> bool {
        let view = self.applied.read();
        let is_member = view.membership.membership().get_node(&id.get()).is_some();
        !is_member && view.state.is_removed(id)
    }

    /// Takes note, durably, of what a peer says of its disk.
    pub(crate) async fn note_disk(self: &Arc<Self>, peer: u64, disk: Disk) {
        if self.disks.of(peer).is_some() {
            return;
        }
        let (mut members, _) = self.members();
        if members.is_empty() {
            members.clone_from(&self.founders);
        }
        let inner = Arc::clone(self);
        let note = move || inner.disks.note(peer, disk, &members);
        match blocking(note).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the disk of a peer cannot be noted"),
            Err(error) => tracing::warn!(%error, "the disk of a peer was not noted"),
        }
    }

    /// All other members by the latest membership, and where they are reached.
    pub(crate) fn other_nodes(&self) -> Vec<(u64, String)> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let nodes = metrics.membership_config.membership().nodes();
        let others = nodes.filter(|(id, _)| **id != self.id.get());
        others.map(|(id, node)| (*id, node.peer_address.clone())).collect()
    }

    /// Where all other members are reached, as far as the log is applied here.
    pub(crate) fn peer_addresses(&self) -> Vec<(u64, String)> {
        let view = self.applied.read();
        let nodes = view.membership.membership().nodes();
        nodes
            .filter(|(id, _)| **id != self.id.get())
            .map(|(id, node)| (*id, node.peer_address.clone()))
            .collect()
    }

    /// Waits until this replica has applied the entry.
    pub(crate) async fn wait_applied(&self, index: u64, end: Instant) -> Result<(), Error> {
        let mut progress = self.applied.progress();
        loop {
            if progress.borrow_and_update().is_some_and(|applied| applied >= index) {
                return Ok(());
            }
            if let Some(error) = self.failure.seen() {
                return Err(error);
            }
            let left = end.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, progress.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::ShuttingDown),
                Err(_) => {
                    return Err(Error::Unknown(format!(
                        "entry {index} is committed, but this replica is behind"
                    )));
                }
            }
        }
    }
}
