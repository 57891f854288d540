//! The types that openraft works with, and what stands for them on disk and on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId as _;
use prost::Message as _;
use stint_core::{Refusal, Reply};
use stint_proto::log::v1 as pb;

use crate::codec::Garbled;

/// An encoded proposal: encoded once, by whoever leads, and carried as it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(pub(crate) Bytes);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What applying an entry answers; nothing for entries that are Raft's own.
pub(crate) type Answer = Option<Result<Reply, Refusal>>;

/// A replica as the membership names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Node {
    pub(crate) peer_address: String,
    pub(crate) client_address: String,
}

openraft::declare_raft_types!(
    /// Our choice of types.
    pub(crate) Types:
        D = Payload,
        R = Answer,
        NodeId = u64,
        Node = Node,
);

pub(crate) type Entry = openraft::type_config::alias::EntryOf<Types>;
pub(crate) type LeaderId = openraft::type_config::alias::LeaderIdOf<Types>;
pub(crate) type LogId = openraft::type_config::alias::LogIdOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, Node>;
pub(crate) type StoredMembership = openraft::type_config::alias::StoredMembershipOf<Types>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<Types>;

pub(crate) fn log_id_to_wire(id: &LogId) -> pb::LogId {
    pb::LogId { leader: Some(leader_to_wire(&id.leader_id)), index: id.index }
}

pub(crate) fn log_id_of(id: &pb::LogId) -> LogId {
    LogId::new(leader_of(id.leader.as_ref()), id.index)
}

fn leader_to_wire(id: &LeaderId) -> pb::LeaderId {
    pb::LeaderId { term: id.term, replica: id.node_id }
}

fn leader_of(id: Option<&pb::LeaderId>) -> LeaderId {
    let id = id.copied().unwrap_or_default();
    LeaderId::new(id.term, id.replica)
}

pub(crate) fn vote_to_wire(vote: &Vote) -> pb::Vote {
    pb::Vote { leader: Some(leader_to_wire(&vote.leader_id)), is_committed: vote.committed }
}

pub(crate) fn vote_of(vote: &pb::Vote) -> Vote {
    Vote { leader_id: leader_of(vote.leader.as_ref()), committed: vote.is_committed }
}

pub(crate) fn membership_to_wire(membership: &Membership) -> pb::Membership {
    pb::Membership {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|voters| pb::VoterSet { replicas: voters.iter().copied().collect() })
            .collect(),
        nodes: membership
            .nodes()
            .map(|(id, node)| {
                let node = pb::Node {
                    peer_address: node.peer_address.clone(),
                    client_address: node.client_address.clone(),
                };
                (*id, node)
            })
            .collect(),
    }
}

pub(crate) fn membership_of(membership: pb::Membership) -> Result<Membership, Garbled> {
    let configs: Vec<BTreeSet<u64>> =
        membership.configs.into_iter().map(|set| set.replicas.into_iter().collect()).collect();
    let nodes: BTreeMap<u64, Node> = membership
        .nodes
        .into_iter()
        .map(|(id, node)| {
            let pb::Node { peer_address, client_address } = node;
            (id, Node { peer_address, client_address })
        })
        .collect();
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, nodes).map_err(|error| Garbled::new("membership", error))
}

pub(crate) fn stored_membership_to_wire(stored: &StoredMembership) -> pb::StoredMembership {
    pb::StoredMembership {
        log_id: stored.log_id().as_ref().map(log_id_to_wire),
        membership: Some(membership_to_wire(stored.membership())),
    }
}

pub(crate) fn stored_membership_of(
    stored: pb::StoredMembership,
) -> Result<StoredMembership, Garbled> {
    let membership = membership_of(stored.membership.unwrap_or_default())?;
    Ok(StoredMembership::new(stored.log_id.as_ref().map(log_id_of), membership))
}

pub(crate) fn encode_entry(entry: &Entry) -> Vec<u8> {
    use pb::entry::Payload as Wire;
    let payload = match &entry.payload {
        EntryPayload::Blank => Wire::Blank(true),
        EntryPayload::Normal(payload) => Wire::Proposal(payload.0.clone()),
        EntryPayload::Membership(membership) => Wire::Membership(membership_to_wire(membership)),
    };
    pb::Entry { log_id: Some(log_id_to_wire(&entry.log_id)), payload: Some(payload) }
        .encode_to_vec()
}

pub(crate) fn decode_entry(bytes: Bytes) -> Result<Entry, Garbled> {
    use pb::entry::Payload as Wire;
    let entry = pb::Entry::decode(bytes).map_err(|error| Garbled::new("entry", error))?;
    let log_id = entry.log_id.ok_or_else(|| Garbled::new("entry", "it has no log id"))?;
    let payload = match entry.payload.ok_or_else(|| Garbled::new("entry", "it has no payload"))? {
        Wire::Blank(_) => EntryPayload::Blank,
        Wire::Proposal(bytes) => EntryPayload::Normal(Payload(bytes)),
        Wire::Membership(membership) => EntryPayload::Membership(membership_of(membership)?),
    };
    Ok(Entry { log_id: log_id_of(&log_id), payload })
}
