//! Who is to be a replica, or none any more.

use stint_core::{
    Command, Invitation, Level, MembersChange, MembersRefusal, Refusal, Taker, Timestamp, TokenHash,
};

use super::worker_id;

pub(super) fn changes() -> Vec<Command> {
    let (hash, replica) = (TokenHash([5; 32]), worker_id());
    let changes = [
        MembersChange::Invite { hash, expires_at: Timestamp::from_ms(1_700_000_002_000) },
        MembersChange::Join { hash, replica, disk: [9; 16], knows: Level::FIRST },
        MembersChange::Remove { replica },
        MembersChange::Lead { replica },
    ];
    changes.into_iter().map(|change| Command::Members(Box::new(change))).collect()
}

pub(super) fn invitations() -> Vec<Invitation> {
    let expires_at = Timestamp::from_ms(1_700_000_002_000);
    let at = Timestamp::from_ms(0);
    let taken_by = Some(Taker { replica: worker_id(), disk: [9; 16], knows: Level::FIRST, at });
    vec![
        Invitation { hash: TokenHash([5; 32]), expires_at, taken_by: None },
        Invitation { hash: TokenHash([6; 32]), expires_at, taken_by },
    ]
}

/// One of each, in the order of their numbers.
pub(crate) fn refusals() -> Vec<Refusal> {
    let all = [
        MembersRefusal::NoSuchInvitation,
        MembersRefusal::InvitationExpired(Timestamp::from_ms(1)),
        MembersRefusal::InvitationTaken(worker_id()),
        MembersRefusal::InvitationTime,
        MembersRefusal::OtherInvitation,
        MembersRefusal::TooManyInvitations { limit: 64 },
        MembersRefusal::ReplicaRemoved(worker_id()),
        MembersRefusal::TooOld { replica: worker_id(), knows: Level::FIRST, level: Level::new(3) },
        MembersRefusal::JoinsMeanwhile { replica: worker_id(), knows: Level::new(2) },
    ];
    all.into_iter().map(Refusal::Members).collect()
}

pub(super) fn refusal_number(no: &MembersRefusal) -> usize {
    match no {
        MembersRefusal::NoSuchInvitation => 0,
        MembersRefusal::InvitationExpired(_) => 1,
        MembersRefusal::InvitationTaken(_) => 2,
        MembersRefusal::InvitationTime => 3,
        MembersRefusal::OtherInvitation => 4,
        MembersRefusal::TooManyInvitations { .. } => 5,
        MembersRefusal::ReplicaRemoved(_) => 6,
        MembersRefusal::TooOld { .. } => 7,
        MembersRefusal::JoinsMeanwhile { .. } => 8,
    }
}
