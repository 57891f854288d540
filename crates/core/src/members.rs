//! Who may become a replica of the cluster, and who is none any more.
//!
//! Raft's membership is not here: it is in the log beside the commands. What is here is what it has to
//! agree with: invitations, each taken by one disk at most, and the replicas that were removed, whose
//! ids nobody gets again.

use std::collections::{BTreeMap, VecDeque};

use thiserror::Error;

use crate::id::WorkerId;
use crate::level::Level;
use crate::limits;
use crate::outcome::{Refusal, Reply};
use crate::state::State;
use crate::time::Timestamp;
use crate::token::TokenHash;
use crate::worker::WorkerStatus;

/// What an administrator, or somebody who was invited by one, wants of the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembersChange {
    /// One new replica may join.
    Invite {
        /// By which its invitation is known again.
        hash: TokenHash,
        /// Until when.
        expires_at: Timestamp,
    },
    /// A new replica takes an invitation.
    Join {
        /// By which the invitation is known again.
        hash: TokenHash,
        /// The new replica.
        replica: WorkerId,
        /// Drawn for its disk: the same replica may ask again, one whose disk is another may not.
        disk: [u8; 16],
        /// The newest feature level that its program knows.
        knows: Level,
    },
    /// A replica is to be none any more: its worker gets no lease from now on.
    Remove {
        /// The replica.
        replica: WorkerId,
    },
    /// A replica is to lead. The log only keeps that somebody wanted it.
    Lead {
        /// The replica.
        replica: WorkerId,
    },
}

/// The right of one new replica to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// By which it is known again.
    pub hash: TokenHash,
    /// Until when it can be taken.
    pub expires_at: Timestamp,
    /// The replica that has taken it.
    pub taken_by: Option<Taker>,
}

/// The replica that has taken an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taker {
    /// Its id.
    pub replica: WorkerId,
    /// The number of its disk.
    pub disk: [u8; 16],
    /// The newest feature level that it knew when it asked last.
    pub knows: Level,
    /// When that was.
    pub at: Timestamp,
}

impl Taker {
    /// Whether it may be about to become a member, so that nobody has asked it yet what it knows.
    fn is_on_its_way(&self, now: Timestamp) -> bool {
        now < self.at.plus(limits::JOIN_LASTS)
    }
}

/// Why the membership stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MembersRefusal {
    /// Nobody was invited with this token, or so long ago that it is forgotten.
    #[error("this cluster has no such invitation; make a new one with: stint cluster invite")]
    NoSuchInvitation,
    /// The invitation has not been taken in time.
    #[error(
        "the invitation has expired, at {} ms; make a new one with: stint cluster invite",
        .0.as_ms()
    )]
    InvitationExpired(Timestamp),
    /// An invitation is for one replica, and for one disk.
    #[error(
        "the invitation has been used, by replica {0}; make a new one with: stint cluster invite"
    )]
    InvitationTaken(WorkerId),
    /// Whoever invites has the invitation expire in the past, or far away.
    #[error(
        "an invitation is good for at least 1 ms and for at most {} h", limits::INVITATION_MAX.as_ms() / 3_600_000
    )]
    InvitationTime,
    /// The same secret was drawn twice, or sent twice with another time.
    #[error("there is another invitation with this secret; draw another one")]
    OtherInvitation,
    /// Too many replicas are invited.
    #[error("{limit} invitations are neither used nor expired; wait for some")]
    TooManyInvitations {
        /// [`limits::INVITATIONS_MAX`].
        limit: usize,
    },
    /// The replica is none any more, and its id is nobody's.
    #[error(
        "replica {0} was removed from the cluster; a new replica needs a new id and a new data directory"
    )]
    ReplicaRemoved(WorkerId),
    /// The program of a new replica does not know all that the cluster has agreed to understand.
    #[error(
        "the cluster has feature level {level}, and replica {replica} knows levels up to {knows}: have it \
         run a later version, and join again with the same invitation"
    )]
    TooOld {
        /// The new replica.
        replica: WorkerId,
        /// The newest level that it knows.
        knows: Level,
        /// The cluster's level.
        level: Level,
    },
    /// A level is to be raised while a replica that does not know it is being taken in.
    #[error(
        "replica {replica}, which knows feature levels up to {knows}, has just been taken in: the level \
         rises when it runs a later version"
    )]
    JoinsMeanwhile {
        /// The new replica.
        replica: WorkerId,
        /// The newest level that it knows.
        knows: Level,
    },
}

/// The invitations and the removed replicas of a state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Members {
    invitations: BTreeMap<[u8; 32], Invitation>,
    /// The oldest first.
    removed: VecDeque<WorkerId>,
}

impl Members {
    /// As a checkpoint has it.
    pub(crate) fn from_parts(invitations: Vec<Invitation>, removed: Vec<WorkerId>) -> Self {
        let invitations = invitations.into_iter().map(|one| (one.hash.0, one)).collect();
        Self { invitations, removed: removed.into() }
    }

    pub(crate) fn invitations(&self) -> impl Iterator<Item = &Invitation> {
        self.invitations.values()
    }

    pub(crate) fn removed(&self) -> impl Iterator<Item = WorkerId> + '_ {
        self.removed.iter().copied()
    }

    pub(crate) fn is_removed(&self, replica: WorkerId) -> bool {
        self.removed.contains(&replica)
    }

    pub(crate) fn are_within_limits(&self) -> bool {
        self.invitations.len() <= limits::INVITATIONS_MAX
            && self.removed.len() <= limits::REPLICAS_REMOVED_MAX
    }
}

impl State {
    /// All invitations that are remembered, expired and taken ones too.
    pub fn invitations(&self) -> impl Iterator<Item = &Invitation> {
        self.members.invitations()
    }

    /// Whether this disk of this replica has taken the invitation.
    pub fn has_taken(&self, hash: TokenHash, replica: WorkerId, disk: [u8; 16]) -> bool {
        let invitation = self.members.invitations.get(&hash.0);
        let is_by = |by: &Taker| (by.replica, by.disk) == (replica, disk);
        invitation.is_some_and(|one| one.taken_by.as_ref().is_some_and(is_by))
    }

    /// Whether the replica was removed from the cluster.
    pub fn is_removed(&self, replica: WorkerId) -> bool {
        self.members.is_removed(replica)
    }

    /// Forgets the worker of a removed replica once it does not live: nobody with its id comes back.
    pub(crate) fn forget_if_removed(&mut self, id: WorkerId) {
        let is_over =
            self.workers.get(&id).is_some_and(|worker| worker.status != WorkerStatus::Running);
        if is_over && self.is_removed(id) {
            self.workers.remove(&id);
        }
    }

    /// A worker of a removed replica gets neither lease nor jobs.
    pub(crate) fn check_not_removed(&self, worker: WorkerId) -> Result<(), Refusal> {
        if self.is_removed(worker) {
            return Err(MembersRefusal::ReplicaRemoved(worker).into());
        }
        Ok(())
    }
}

pub(crate) fn apply(state: &mut State, change: MembersChange) -> Result<Reply, Refusal> {
    match change {
        MembersChange::Invite { hash, expires_at } => invite(state, hash, expires_at)?,
        MembersChange::Join { hash, replica, disk, knows } => {
            let taker = Taker { replica, disk, knows, at: state.now };
            join(state, hash, taker)?;
        }
        MembersChange::Remove { replica } => remove(state, replica),
        MembersChange::Lead { replica } => state.check_not_removed(replica)?,
    }
    Ok(Reply::Ok)
}

fn invite(state: &mut State, hash: TokenHash, expires_at: Timestamp) -> Result<(), MembersRefusal> {
    let now = state.now;
    if let Some(former) = state.members.invitations.get(&hash.0) {
        let is_same = former.expires_at == expires_at;
        return if is_same { Ok(()) } else { Err(MembersRefusal::OtherInvitation) };
    }
    if expires_at <= now || expires_at > now.plus(limits::INVITATION_MAX) {
        return Err(MembersRefusal::InvitationTime);
    }
    let invitations = &mut state.members.invitations;
    if invitations.len() >= limits::INVITATIONS_MAX {
        // What is of no use any more makes room: it only says why it is refused.
        invitations.retain(|_, one| match &one.taken_by {
            Some(by) => by.is_on_its_way(now),
            None => one.expires_at > now,
        });
    }
    if invitations.len() >= limits::INVITATIONS_MAX {
        return Err(MembersRefusal::TooManyInvitations { limit: limits::INVITATIONS_MAX });
    }
    invitations.insert(hash.0, Invitation { hash, expires_at, taken_by: None });
    Ok(())
}

fn join(state: &mut State, hash: TokenHash, taker: Taker) -> Result<(), MembersRefusal> {
    let Taker { replica, knows, .. } = taker;
    if state.is_removed(replica) {
        return Err(MembersRefusal::ReplicaRemoved(replica));
    }
    let (now, level) = (state.now, state.level);
    let invitation = state.members.invitations.get_mut(&hash.0);
    let invitation = invitation.ok_or(MembersRefusal::NoSuchInvitation)?;
    match invitation.taken_by {
        Some(by) if (by.replica, by.disk) == (replica, taker.disk) => {}
        Some(by) => return Err(MembersRefusal::InvitationTaken(by.replica)),
        None if invitation.expires_at <= now => {
            return Err(MembersRefusal::InvitationExpired(invitation.expires_at));
        }
        None => {}
    }
    // What it asked with before is of no use to it, either.
    if knows < level {
        return Err(MembersRefusal::TooOld { replica, knows, level });
    }
    invitation.taken_by = Some(taker);
    Ok(())
}

/// Refuses a level that a replica does not know which is being taken in: no leader has asked it yet.
pub(crate) fn check_known_to_takers(state: &State, to: Level) -> Result<(), MembersRefusal> {
    let mut takers = state.members.invitations().filter_map(|one| one.taken_by);
    let is_in_the_way =
        |by: &Taker| by.knows < to && by.is_on_its_way(state.now) && !state.is_removed(by.replica);
    match takers.find(is_in_the_way) {
        Some(Taker { replica, knows, .. }) => {
            Err(MembersRefusal::JoinsMeanwhile { replica, knows })
        }
        None => Ok(()),
    }
}

fn remove(state: &mut State, replica: WorkerId) {
    let removed = &mut state.members.removed;
    if removed.contains(&replica) {
        return;
    }
    if removed.len() >= limits::REPLICAS_REMOVED_MAX {
        removed.pop_front();
    }
    removed.push_back(replica);
    state.forget_if_removed(replica);
}
