//! Who is to be a replica: the command, invitations, and why there is no change.

use stint_core::{Invitation, Level, MembersChange, MembersRefusal, Taker};
use stint_proto::log::v1 as pb;
use stint_proto::log::v1::members_change::Change as Wire;
use stint_proto::peer::v1 as peer;

use super::token::hash_of;
use super::{Decoded, Garbled, at, missing, wire_level, worker_id};

pub(super) fn change(change: &MembersChange) -> pb::MembersChange {
    let change = match change {
        MembersChange::Invite { hash, expires_at } => {
            Wire::Invite(pb::Invite { hash: hash.0.to_vec(), expires_at_ms: expires_at.as_ms() })
        }
        MembersChange::Join { hash, replica, disk, knows } => Wire::Join(pb::Join {
            hash: hash.0.to_vec(),
            replica: replica.get(),
            disk: disk.to_vec(),
            newest_level: wire_level(*knows),
        }),
        MembersChange::Remove { replica } => Wire::Remove(replica.get()),
        MembersChange::Lead { replica } => Wire::Lead(replica.get()),
    };
    pb::MembersChange { change: Some(change) }
}

pub(super) fn change_of(change: pb::MembersChange) -> Decoded<MembersChange> {
    Ok(match change.change.ok_or_else(|| missing("change of the members"))? {
        Wire::Invite(invite) => MembersChange::Invite {
            hash: hash_of(&invite.hash)?,
            expires_at: at(invite.expires_at_ms),
        },
        Wire::Join(join) => MembersChange::Join {
            hash: hash_of(&join.hash)?,
            replica: worker_id(join.replica)?,
            disk: disk_of(&join.disk)?,
            knows: Level::new(join.newest_level),
        },
        Wire::Remove(replica) => MembersChange::Remove { replica: worker_id(replica)? },
        Wire::Lead(replica) => MembersChange::Lead { replica: worker_id(replica)? },
    })
}

/// The random number of a disk.
pub(crate) fn disk_of(bytes: &[u8]) -> Decoded<[u8; 16]> {
    let wrong = |_| Garbled::new("number of a disk", format!("{} bytes, not 16", bytes.len()));
    <[u8; 16]>::try_from(bytes).map_err(wrong)
}

pub(super) fn invitation(invitation: &Invitation) -> pb::Invitation {
    let taken_by = invitation.taken_by.as_ref();
    pb::Invitation {
        hash: invitation.hash.0.to_vec(),
        expires_at_ms: invitation.expires_at.as_ms(),
        taken_by: taken_by.map_or(0, |by| by.replica.get()),
        disk: taken_by.map(|by| by.disk.to_vec()).unwrap_or_default(),
        newest_level: taken_by.map_or(0, |by| wire_level(by.knows)),
        taken_at_ms: taken_by.map_or(0, |by| by.at.as_ms()),
    }
}

pub(super) fn invitation_of(invitation: &pb::Invitation) -> Decoded<Invitation> {
    let taken_by = match invitation.taken_by {
        0 => None,
        replica => Some(Taker {
            replica: worker_id(replica)?,
            disk: disk_of(&invitation.disk)?,
            knows: Level::new(invitation.newest_level),
            at: at(invitation.taken_at_ms),
        }),
    };
    let hash = hash_of(&invitation.hash)?;
    Ok(Invitation { hash, expires_at: at(invitation.expires_at_ms), taken_by })
}

pub(super) fn refusal(no: &MembersRefusal) -> peer::Refusal {
    let empty = peer::Refusal::default();
    match no {
        MembersRefusal::NoSuchInvitation => peer::Refusal { kind: 140, ..empty },
        MembersRefusal::InvitationExpired(at) => {
            peer::Refusal { kind: 141, a: at.as_ms(), ..empty }
        }
        MembersRefusal::InvitationTaken(by) => {
            peer::Refusal { kind: 142, worker: by.get(), ..empty }
        }
        MembersRefusal::InvitationTime => peer::Refusal { kind: 143, ..empty },
        MembersRefusal::OtherInvitation => peer::Refusal { kind: 144, ..empty },
        MembersRefusal::TooManyInvitations { limit } => {
            let limit = u64::try_from(*limit).unwrap_or(u64::MAX);
            peer::Refusal { kind: 145, a: limit, ..empty }
        }
        MembersRefusal::ReplicaRemoved(replica) => {
            peer::Refusal { kind: 146, worker: replica.get(), ..empty }
        }
        MembersRefusal::TooOld { replica, knows, level } => {
            let (a, b) = (u64::from(knows.get()), u64::from(level.get()));
            peer::Refusal { kind: 225, worker: replica.get(), a, b, ..empty }
        }
        MembersRefusal::JoinsMeanwhile { replica, knows } => {
            let a = u64::from(knows.get());
            peer::Refusal { kind: 226, worker: replica.get(), a, ..empty }
        }
    }
}

pub(super) fn refusal_of(no: &peer::Refusal) -> Decoded<MembersRefusal> {
    Ok(match no.kind {
        140 => MembersRefusal::NoSuchInvitation,
        141 => MembersRefusal::InvitationExpired(at(no.a)),
        142 => MembersRefusal::InvitationTaken(worker_id(no.worker)?),
        143 => MembersRefusal::InvitationTime,
        144 => MembersRefusal::OtherInvitation,
        145 => MembersRefusal::TooManyInvitations {
            limit: usize::try_from(no.a).unwrap_or(usize::MAX),
        },
        146 => MembersRefusal::ReplicaRemoved(worker_id(no.worker)?),
        225 => {
            let (replica, knows, level) = (worker_id(no.worker)?, level(no.a), level(no.b));
            MembersRefusal::TooOld { replica, knows, level }
        }
        226 => {
            MembersRefusal::JoinsMeanwhile { replica: worker_id(no.worker)?, knows: level(no.a) }
        }
        other => return Err(Garbled::new("refusal", other)),
    })
}

fn level(number: u64) -> Level {
    Level::new(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use stint_core::{Timestamp, TokenHash, WorkerId};

    use super::*;

    #[test]
    fn what_a_new_replica_knows_comes_back_from_the_log_and_from_a_checkpoint() {
        let (hash, replica) = (TokenHash([5; 32]), WorkerId::new(4).expect("an id"));
        let (disk, knows) = ([9; 16], Level::new(7));
        let join = MembersChange::Join { hash, replica, disk, knows };
        assert_eq!(change_of(change(&join)), Ok(join));
        let expires_at = Timestamp::from_ms(3);
        let taken_by = Some(Taker { replica, disk, knows, at: Timestamp::from_ms(2) });
        let taken = Invitation { hash, expires_at, taken_by };
        assert_eq!(invitation_of(&invitation(&taken)), Ok(taken));
    }
}
