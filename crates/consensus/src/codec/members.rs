//! Who is to be a replica: the command, invitations, and why there is no change.

use stint_core::{Invitation, MembersChange, MembersRefusal};
use stint_proto::log::v1 as pb;
use stint_proto::log::v1::members_change::Change as Wire;
use stint_proto::peer::v1 as peer;

use super::token::hash_of;
use super::{Decoded, Garbled, at, missing, worker_id};

pub(super) fn change(change: &MembersChange) -> pb::MembersChange {
    let change = match change {
        MembersChange::Invite { hash, expires_at } => {
            Wire::Invite(pb::Invite { hash: hash.0.to_vec(), expires_at_ms: expires_at.as_ms() })
        }
        MembersChange::Join { hash, replica, disk } => Wire::Join(pb::Join {
            hash: hash.0.to_vec(),
            replica: replica.get(),
            disk: disk.to_vec(),
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
        taken_by: taken_by.map_or(0, |(replica, _)| replica.get()),
        disk: taken_by.map(|(_, disk)| disk.to_vec()).unwrap_or_default(),
    }
}

pub(super) fn invitation_of(invitation: &pb::Invitation) -> Decoded<Invitation> {
    let taken_by = match invitation.taken_by {
        0 => None,
        replica => Some((worker_id(replica)?, disk_of(&invitation.disk)?)),
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
        other => return Err(Garbled::new("refusal", other)),
    })
}
