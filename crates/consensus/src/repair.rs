//! After the loss of a majority for good: one replica that is left goes on alone.
//!
//! The log of that replica becomes the truth, to its last entry. What the lost ones had committed
//! beyond it is lost with them, and nobody can say whether there was anything. So it is done by hand,
//! and the lost ones, should they come back, are strangers.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId as _;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use stint_core::{Timestamp, WorkerId};
use stint_proto::log::v1 as pb;
use stint_storage::{Identity, Store};

use crate::codec::{decode_audited, decode_header};
use crate::error::Error;
use crate::level::check_level;
use crate::limits::EXAMINE_BYTES;
use crate::log_store::{COMMITTED, VOTE};
use crate::replica::Member;
use crate::restore::{NOBODY, append, first_half, node, put_vote, refound, unfit};
use crate::types::{
    Entry, LeaderId, LogId, Membership, StoredMembership, decode_entry, log_id_of,
    stored_membership_of, vote_of,
};

/// What a replica that is stopped has in its data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// Whose directory it is.
    pub identity: Identity,
    /// The last term that it has heard of.
    pub term: u64,
    /// The term and the index of its last entry. The replica whose pair is the largest knows most.
    pub last: (u64, u64),
    /// When the leader of then stamped the last entry that has a time.
    pub last_at: Option<Timestamp>,
    /// Up to here it knows that the entries are committed. Later ones may be.
    pub committed: u64,
    /// The members of the cluster, as far as it knows, and whether they vote.
    pub members: Vec<(u64, Member, bool)>,
}

impl Survivor {
    /// How many voters there are.
    pub fn voters(&self) -> usize {
        self.members.iter().filter(|(_, _, is_voter)| *is_voter).count()
    }

    /// Entries that it has, and of which it cannot say whether they are committed.
    pub fn uncertain(&self) -> u64 {
        self.last.1.saturating_sub(self.committed)
    }
}

/// Looks through the data directory of a replica that does not run. Every entry of its log is read.
///
/// # Errors
/// [`Error::Unfit`] if it is nobody's, or its log is damaged; [`Error::Storage`] if it is in use, or damaged.
pub fn examine(dir: &Path) -> Result<Survivor, Error> {
    look(&open(dir)?).map(|(survivor, _)| survivor)
}

/// Makes a replica the only member of its cluster. What it has in its log is committed by that. `now`
/// only tells this repair from others.
///
/// # Errors
/// As of [`examine`]. Nothing is changed then.
pub fn repair(dir: &Path, id: WorkerId, alone: &Member, now: Timestamp) -> Result<Survivor, Error> {
    let store = open(dir)?;
    let (survivor, last) = look(&store)?;
    if survivor.identity.replica != id.get() {
        return Err(unfit(format!(
            "{}: it belongs to replica {:012x}, not to {id}",
            dir.display(),
            survivor.identity.replica
        )));
    }
    let leader_id = LeaderId::new(survivor.term.max(survivor.last.0) + 1, NOBODY);
    let at = |number| LogId::new(leader_id, last.index + number);
    let nodes = BTreeMap::from([(id.get(), node(alone))]);
    let membership = Membership::new(vec![[id.get()].into()], nodes)
        .map_err(|error| unfit(format!("the members: {error}")))?;
    // The time of the log, and not of this machine, whose clock nobody has compared.
    let stamp = survivor.last_at.unwrap_or(Timestamp::from_ms(0));
    // The peers of before become strangers first: should this be broken off behind it, this replica
    // is one that nobody answers, and the repair can be done once more.
    store.begin_lineage(lineage(&survivor, now))?;
    put_vote(&store, leader_id)?;
    let membership = Entry { log_id: at(1), payload: EntryPayload::Membership(membership) };
    append(&store, &[membership, refound(at(2), stamp, "repair")])?;
    Ok(survivor)
}

fn lineage(survivor: &Survivor, now: Timestamp) -> [u8; 16] {
    let Identity { replica, cluster } = survivor.identity;
    let (term, index) = survivor.last;
    let mut hash = Sha256::new();
    hash.update(cluster);
    hash.update(format!("repaired by {replica} behind {index} of {term} at {}", now.as_ms()));
    first_half(hash)
}

fn open(dir: &Path) -> Result<Store, Error> {
    let identity = Store::identity_of(dir)?;
    check_level(dir)?;
    let nobodys = || unfit(format!("{}: there is no data of a replica", dir.display()));
    Ok(Store::open(dir, identity.ok_or_else(nobodys)?)?)
}

/// What there is, and its last entry.
fn look(store: &Store) -> Result<(Survivor, LogId), Error> {
    let identity = Store::identity_of(store.dir())?;
    let identity = identity.ok_or_else(|| unfit("the identity is gone"))?;
    let checkpoint = store.state.checkpoint()?;
    let (mut last, mut membership, mut last_at) = match &checkpoint {
        Some(header) => {
            let (restored, applied, membership) = decode_header(&header.header)?;
            let membership = stored_membership_of(membership)?;
            (applied.as_ref().map(log_id_of), membership, Some(restored.now()))
        }
        None => (None, StoredMembership::default(), None),
    };
    let applied = last.as_ref().map_or(0, |id| id.index);
    let mut next = store.log.first_index().unwrap_or(u64::MAX);
    let end = store.log.last_index().map_or(0, |last| last + 1);
    while next < end {
        let entries = store.log.read(next, end, EXAMINE_BYTES).map_err(|error| damaged(&error))?;
        for (index, bytes) in entries {
            next = index + 1;
            let entry = decode_entry(Bytes::from(bytes))?;
            match entry.payload {
                EntryPayload::Membership(found) => {
                    membership = StoredMembership::new(Some(entry.log_id), found);
                }
                EntryPayload::Normal(payload) => {
                    let (at, _, _) = decode_audited(&payload.0)?;
                    last_at = last_at.max(Some(at));
                }
                EntryPayload::Blank => {}
            }
            last = Some(entry.log_id);
        }
    }
    let last =
        last.ok_or_else(|| unfit("its log is empty: it has never been part of a cluster"))?;
    let committed = stored_id(store, COMMITTED)?.map_or(0, |id| id.index);
    let survivor = Survivor {
        identity,
        term: term(store)?.max(last.leader_id.term),
        last: (last.leader_id.term, last.index),
        last_at,
        committed: committed.max(applied).min(last.index),
        members: members(&membership),
    };
    Ok((survivor, last))
}

fn damaged(error: &stint_storage::Error) -> Error {
    unfit(format!(
        "{error}. The log of this replica cannot be the truth: repair from another one that is left, \
         or restore a backup"
    ))
}

fn stored_id(store: &Store, key: &str) -> Result<Option<LogId>, Error> {
    let bytes = store.log.get(key)?.filter(|bytes| !bytes.is_empty());
    let id = bytes.map(|bytes| pb::LogId::decode(bytes.as_slice())).transpose();
    let id = id.map_err(|error| unfit(format!("the log is garbled: {error}")))?;
    Ok(id.as_ref().map(log_id_of))
}

fn term(store: &Store) -> Result<u64, Error> {
    let bytes = store.log.get(VOTE)?;
    let vote = bytes.map(|bytes| pb::Vote::decode(bytes.as_slice())).transpose();
    let vote = vote.map_err(|error| unfit(format!("the vote is garbled: {error}")))?;
    Ok(vote.map_or(0, |vote| vote_of(&vote).leader_id.term))
}

fn members(stored: &StoredMembership) -> Vec<(u64, Member, bool)> {
    let membership = stored.membership();
    let is_voter = |id: &u64| membership.voter_ids().any(|voter| voter == *id);
    let nodes = membership.nodes();
    nodes
        .map(|(id, node)| {
            let peer_address = node.peer_address.clone();
            let client_address = node.client_address.clone();
            (*id, Member { peer_address, client_address }, is_voter(id))
        })
        .collect()
}
