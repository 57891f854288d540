//! The membership, changed while the cluster works: by the leader, one step after the other.
//!
//! A new member follows first, and gets a vote when it has caught up. A removed one goes out of Raft's
//! membership; that it may never come back, and that its worker gets no lease, is part of the state
//! and said first. A leader that finds the membership behind the state goes on where the one before
//! it has stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{ChangeMembers, Instant as _};
use stint_core::{Command, Level, MembersChange, WorkerId};
use stint_failpoint::failpoint;
use stint_proto::peer::v1 as pb;
use stint_proto::peer::v1::change_members_request::Change as WireChange;
use tokio::time::Instant;
use tonic::Status;

use crate::audit::Origin;
use crate::clock::Answer;
use crate::disks::Disk;
use crate::error::Error;
use crate::inbound::Sender;
use crate::inner::{Heard, Inner};
use crate::level::VERSION;
use crate::limits::{CHANGE_TIMEOUT, LEADER_PAUSE, MEMBERS_LOOK, PROMOTION_LAG_MAX, REMOVED_GRACE};
use crate::peer_service::{is_addressed, is_same_cluster};
use crate::peers::Lane;
use crate::types::Node;

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Changed {
    Done,
    /// This replica does not lead, or no more.
    NotLeader,
    NoSuchMember,
    /// The membership has to stay as it is, for this reason.
    Refused(String),
    Unknown(String),
}

impl Inner {
    /// Has a replica be none any more.
    pub(crate) async fn remove(&self, origin: &Origin, replica: WorkerId) -> Result<(), Error> {
        self.change(&WireChange::MayRemove(replica.get()), replica).await?;
        self.agree(origin, MembersChange::Remove { replica }).await?;
        self.change(&WireChange::Remove(replica.get()), replica).await
    }

    /// Has a replica lead.
    pub(crate) async fn transfer(&self, origin: &Origin, replica: WorkerId) -> Result<(), Error> {
        if !self.members().0.contains(&replica.get()) {
            return Err(Error::NoSuchMember(replica));
        }
        self.agree(origin, MembersChange::Lead { replica }).await?;
        self.change(&WireChange::Lead(replica.get()), replica).await
    }

    /// Has the log keep what somebody wants of the membership.
    async fn agree(&self, origin: &Origin, change: MembersChange) -> Result<(), Error> {
        let answer = self.propose(Command::Members(Box::new(change)), Some(origin)).await?;
        answer.map(drop).map_err(|refusal| Error::MembersStay(refusal.to_string()))
    }

    /// Has the leader carry out a change of the membership, whoever that is.
    pub(crate) async fn change(&self, change: &WireChange, replica: WorkerId) -> Result<(), Error> {
        let end = Instant::now() + CHANGE_TIMEOUT;
        loop {
            if let Some(error) = self.failure.seen() {
                return Err(error);
            }
            let left = end.saturating_duration_since(Instant::now());
            let changed = tokio::time::timeout(left, self.change_once(change)).await;
            let why = match changed {
                Ok(Changed::Done) => return Ok(()),
                Ok(Changed::NoSuchMember) => return Err(Error::NoSuchMember(replica)),
                Ok(Changed::Refused(why)) => return Err(Error::MembersStay(why)),
                Ok(Changed::NotLeader) => "none is known".to_owned(),
                Ok(Changed::Unknown(why)) => why,
                Err(_) => "no answer came in time".to_owned(),
            };
            if Instant::now() + LEADER_PAUSE >= end {
                return Err(Error::Unknown(format!("a change of the membership: {why}")));
            }
            tokio::time::sleep(LEADER_PAUSE).await;
        }
    }

    async fn change_once(&self, change: &WireChange) -> Changed {
        if self.raft.is_leader() {
            return self.change_here(change).await;
        }
        let Some((leader, address)) = self.leader() else { return Changed::NotLeader };
        if leader == self.id.get() {
            return Changed::NotLeader;
        }
        let Ok(mut client) = self.peers.client(leader, &address, Lane::Request) else {
            return Changed::NotLeader;
        };
        let request = pb::ChangeMembersRequest {
            cluster: self.cluster.to_vec(),
            change: Some(change.clone()),
        };
        match client.change_members(request).await {
            Ok(answer) => of_wire(answer.into_inner()),
            Err(status) => Changed::Unknown(status.to_string()),
        }
    }

    /// Carries out a change, if this replica leads.
    pub(crate) async fn change_here(&self, change: &WireChange) -> Changed {
        if !self.raft.is_leader() {
            return Changed::NotLeader;
        }
        match change {
            WireChange::Add(new) => self.add_here(new.clone()).await,
            WireChange::MayRemove(replica) => self.may_remove_here(*replica).await,
            WireChange::Remove(replica) => self.remove_here(*replica).await,
            WireChange::Lead(replica) => self.lead_here(*replica).await,
        }
    }

    async fn add_here(&self, new: pb::NewMember) -> Changed {
        let pb::NewMember { replica, node } = new;
        let Some(node) = node else { return Changed::Refused("it has no address".to_owned()) };
        let stint_proto::log::v1::Node { peer_address, client_address } = node;
        let node = Node { peer_address, client_address };
        let known = self.nodes();
        match known.get(&replica) {
            Some((former, _)) if *former == node => return Changed::Done,
            Some(_) => {
                return Changed::Refused(format!(
                    "replica {replica:012x} is a member already, with other addresses"
                ));
            }
            None => {}
        }
        let is_taken = |(other, (former, _)): (&u64, &(Node, bool))| {
            let same = if former.peer_address == node.peer_address {
                &former.peer_address
            } else if former.client_address == node.client_address {
                &former.client_address
            } else {
                return None;
            };
            Some(format!("the address {same} is that of replica {other:012x}; remove that first"))
        };
        if let Some(why) = known.iter().find_map(is_taken) {
            return Changed::Refused(why);
        }
        if let Err(why) = failpoint!("consensus::members::add") {
            return Changed::Unknown(why.to_string());
        }
        self.write(ChangeMembers::AddNodes(BTreeMap::from([(replica, node)]))).await
    }

    /// Whether the cluster can go on without this replica. A leader that is to go hands over first.
    async fn may_remove_here(&self, replica: u64) -> Changed {
        if let Some(refusal) = self.why_stay(replica) {
            return refusal;
        }
        if replica == self.id.get() {
            self.hand_over().await;
            return Changed::NotLeader;
        }
        Changed::Done
    }

    /// Why a replica cannot go, if it cannot.
    fn why_stay(&self, replica: u64) -> Option<Changed> {
        let nodes = self.nodes();
        let Some((_, is_voter)) = nodes.get(&replica) else {
            let id = WorkerId::new(replica)?;
            let was_removed = self.applied.read().state.is_removed(id);
            return if was_removed { None } else { Some(Changed::NoSuchMember) };
        };
        if !is_voter {
            return None;
        }
        let left: Vec<u64> = nodes
            .iter()
            .filter(|(id, (_, is_voter))| *is_voter && **id != replica)
            .map(|(id, _)| *id)
            .collect();
        if left.is_empty() {
            let why = format!("replica {replica:012x} is the last one that votes");
            return Some(Changed::Refused(why));
        }
        let silent: Vec<_> = left.iter().filter(|id| !self.is_heard(**id)).collect();
        if 2 * (left.len() - silent.len()) > left.len() {
            return None;
        }
        let silent: Vec<_> = silent.iter().map(|id| format!("{id:012x}")).collect();
        Some(Changed::Refused(format!(
            "without replica {replica:012x} there would be {} that vote, of which {} cannot be \
             reached: nothing could be agreed on any more. Remove those first, or bring them back",
            left.len(),
            silent.join(", ")
        )))
    }

    async fn remove_here(&self, replica: u64) -> Changed {
        let nodes = self.nodes();
        let Some((_, is_voter)) = nodes.get(&replica) else { return Changed::Done };
        if let Some(refusal) = self.why_stay(replica) {
            return refusal;
        }
        if replica == self.id.get() {
            self.hand_over().await;
            return Changed::NotLeader;
        }
        if let Err(why) = failpoint!("consensus::members::remove") {
            return Changed::Unknown(why.to_string());
        }
        let ids = BTreeSet::from([replica]);
        let change = if *is_voter {
            ChangeMembers::RemoveVoters(ids)
        } else {
            ChangeMembers::RemoveNodes(ids)
        };
        self.write(change).await
    }

    async fn lead_here(&self, replica: u64) -> Changed {
        if replica == self.id.get() {
            return Changed::Done;
        }
        let nodes = self.nodes();
        let Some((_, is_voter)) = nodes.get(&replica) else { return Changed::NoSuchMember };
        if !is_voter {
            let why =
                format!("replica {replica:012x} does not vote yet; wait until it has caught up");
            return Changed::Refused(why);
        }
        if !self.is_heard(replica) {
            return Changed::Refused(format!("replica {replica:012x} cannot be reached"));
        }
        if self.hand_over_to(replica).await == Some(replica) {
            return Changed::Done;
        }
        // Another one may have been elected in between; whoever asks goes on with that.
        Changed::Unknown(format!("replica {replica:012x} did not take over"))
    }

    /// Writes a change of the membership; entries of others between its two are no matter.
    async fn write(&self, change: ChangeMembers<u64, Node>) -> Changed {
        match self.raft.change_membership(change, false).await {
            Ok(_) => Changed::Done,
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_))) => Changed::NotLeader,
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(error))) => {
                let is_passing = matches!(
                    error,
                    ChangeMembershipError::InProgress(_)
                        | ChangeMembershipError::UncommittedLeaderLog(_)
                );
                if is_passing {
                    return Changed::Unknown("another change is under way".to_owned());
                }
                Changed::Refused(error.to_string())
            }
            Err(other) => Changed::Unknown(other.to_string()),
        }
    }

    /// All members, with whether they vote.
    fn nodes(&self) -> BTreeMap<u64, (Node, bool)> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let voters: BTreeSet<u64> = membership.voter_ids().collect();
        membership.nodes().map(|(id, node)| (*id, (node.clone(), voters.contains(id)))).collect()
    }

    /// Whether the leader, which is this replica, has heard of it lately.
    fn is_heard(&self, replica: u64) -> bool {
        if replica == self.id.get() {
            return true;
        }
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let heard = metrics.heartbeat.as_ref().and_then(|known| known.get(&replica));
        heard.is_some_and(|at| {
            at.as_ref().is_some_and(|at| at.elapsed() < 2 * self.timing.election_max)
        })
    }

    /// A member without a vote that has caught up, as the leader knows.
    fn to_be_promoted(&self) -> Option<u64> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let voters: BTreeSet<u64> = membership.voter_ids().collect();
        let last = metrics.last_log_index.unwrap_or(0);
        let view = self.applied.read();
        let progress = metrics.replication.as_ref()?;
        let mut waiting = progress.iter().filter(|(id, matched)| {
            let has_most = matched.as_ref().is_some_and(|at| at.index + PROMOTION_LAG_MAX >= last);
            let is_wanted = WorkerId::new(**id).is_some_and(|id| !view.state.is_removed(id));
            !voters.contains(id) && has_most && is_wanted
        });
        waiting.find(|(id, _)| membership.get_node(id).is_some()).map(|(id, _)| *id)
    }

    /// Takes note, as the leader, of who follows without a vote, and since when; nobody else knows.
    /// Whether there is anybody.
    fn note_learners(&self) -> bool {
        let is_leader = self.raft.is_leader();
        let nodes = if is_leader { self.nodes() } else { BTreeMap::new() };
        let mut since = self.learners.lock().unwrap_or_else(PoisonError::into_inner);
        let is_learner = |id: &u64| nodes.get(id).is_some_and(|(_, is_voter)| !is_voter);
        since.retain(|id, _| is_learner(id));
        for id in nodes.keys().filter(|id| is_learner(id)) {
            since.entry(*id).or_insert_with(Instant::now);
        }
        !since.is_empty()
    }

    /// A member that was removed by the state, and is in the membership yet.
    fn to_be_removed(&self) -> Option<u64> {
        let members = self.nodes();
        let view = self.applied.read();
        let is_removed = |id: &u64| WorkerId::new(*id).is_some_and(|id| view.state.is_removed(id));
        members.into_keys().find(is_removed)
    }
}

/// Brings the membership to where it shall be, as the leader, until the replica stops.
///
/// It looks when an entry was applied or the members have changed; and while somebody is to get a vote,
/// which depends on how far behind he is, or to go, again and again.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut progress = inner.applied.progress();
    let mut server = inner.raft.server_metrics();
    let mut is_busy = true;
    loop {
        tokio::time::sleep(MEMBERS_LOOK).await;
        let changed = tokio::select! {
            () = std::future::ready(()), if is_busy => true,
            changed = progress.changed() => changed.is_ok(),
            changed = server.changed() => changed.is_ok(),
        };
        if !changed {
            return;
        }
        if inner.is_removed(inner.id) {
            end(&inner).await;
        }
        is_busy = inner.note_learners();
        if !inner.raft.is_leader() {
            continue;
        }
        if let Some(replica) = inner.to_be_promoted()
            && inner.is_heard(replica)
            && failpoint!("consensus::members::promote").is_ok()
        {
            let change = ChangeMembers::AddVoterIds(BTreeSet::from([replica]));
            let changed = inner.write(change).await;
            tracing::info!(
                replica = format!("{replica:012x}"),
                ?changed,
                "a new member gets a vote"
            );
            warn_if_even(&inner);
        }
        if let Some(replica) = inner.to_be_removed() {
            is_busy = true;
            let changed = inner.remove_here(replica).await;
            tracing::info!(replica = format!("{replica:012x}"), ?changed, "a member is removed");
            warn_if_even(&inner);
        }
    }
}

fn warn_if_even(inner: &Inner) {
    if let Some(warning) =
        even_voters(inner.nodes().values().filter(|(_, is_voter)| *is_voter).count())
    {
        tracing::warn!("{warning}");
    }
}

/// What is to be said of so many voters.
pub fn even_voters(voters: usize) -> Option<String> {
    (voters.is_multiple_of(2) && voters > 0).then(|| {
        format!(
            "{voters} replicas vote: the loss of {} stops the cluster, as it would with {}; add \
             one, or remove one",
            voters / 2,
            voters - 1
        )
    })
}

/// Takes in what a peer says of the membership.
pub(crate) fn hear(inner: &Arc<Inner>, answer: &Answer) {
    if answer.is_removed {
        let inner = Arc::clone(inner);
        // It ends what this is part of, so that it must not be waited for here.
        drop(tokio::spawn(async move { end(&inner).await }));
    }
    inner.builds.note(answer.peer, answer.build.clone());
    if let Some(condition) = &answer.condition {
        inner.conditions.note(answer.peer, condition.clone());
    }
    let mut heard = inner.heard.lock().unwrap_or_else(PoisonError::into_inner);
    if answer.membership_index > heard.index {
        *heard = Heard { index: answer.membership_index, members: answer.members.clone() };
    }
}

/// Stops this replica, because it is none any more.
async fn end(inner: &Inner) {
    tokio::time::sleep(REMOVED_GRACE).await;
    inner.failure.note(Error::Removed(inner.id));
}

/// Says what time it is here, and what is known of whoever asks. It need not be a member: a replica
/// that was removed is told so.
pub(crate) async fn answer_clock(
    inner: &Arc<Inner>,
    sender: Sender,
    request: pb::ClockRequest,
) -> Result<pb::ClockResponse, Status> {
    is_same_cluster(inner, &request.cluster)?;
    let asking =
        WorkerId::new(request.sender).filter(|id| sender.0.is_none_or(|by| by == id.get()));
    let is_removed = asking.is_some_and(|id| inner.is_removed(id));
    if !is_removed {
        is_addressed(inner, sender, &request.cluster, request.target)?;
    }
    let mut your_disk = Vec::new();
    if let (Some(id), Ok(disk)) = (asking, Disk::try_from(request.disk.as_slice())) {
        inner.note_disk(id.get(), disk).await;
        your_disk = inner.disks.of(id.get()).map(|disk| disk.to_vec()).unwrap_or_default();
    }
    let (members, membership_index) = inner.members();
    let own = inner.conditions.own();
    let last_log_index = inner.raft.metrics().borrow_watched().last_log_index.unwrap_or(0);
    let (disk_free_bytes, disk_total_bytes) = own.disk.unwrap_or_default();
    Ok(pb::ClockResponse {
        wall_ms: inner.clock.wall().as_ms(),
        disk: inner.disk.to_vec(),
        your_disk,
        is_removed,
        members,
        membership_index,
        newest_level: Level::NEWEST.get(),
        version: VERSION.to_owned(),
        cluster_level: inner.applied.read().state.level().get(),
        last_log_index,
        disk_free_bytes,
        disk_total_bytes,
        warnings: own.warnings,
    })
}

pub(crate) fn to_wire(changed: Changed) -> pb::change_members_response::Result {
    use pb::change_members_response::Result as Wire;
    match changed {
        Changed::Done => Wire::Done(true),
        Changed::NotLeader => Wire::NotLeader(true),
        Changed::NoSuchMember => Wire::NoSuchMember(true),
        Changed::Refused(why) => Wire::Refused(why),
        Changed::Unknown(why) => Wire::Unknown(why),
    }
}

fn of_wire(answer: pb::ChangeMembersResponse) -> Changed {
    use pb::change_members_response::Result as Wire;
    match answer.result {
        Some(Wire::Done(_)) => Changed::Done,
        Some(Wire::NotLeader(_)) => Changed::NotLeader,
        Some(Wire::NoSuchMember(_)) => Changed::NoSuchMember,
        Some(Wire::Refused(why)) => Changed::Refused(why),
        Some(Wire::Unknown(why)) => Changed::Unknown(why),
        None => Changed::Unknown("the leader's answer is empty".to_owned()),
    }
}
