//! Who may become a replica, and who is none any more: two lists.

use stint_core::{
    MembersChange, MembersRefusal, Refusal, Reply, Timestamp, TokenHash, WorkerId, limits,
};

use super::{Answer, Model};

/// A replica and its disk.
type Taker = (WorkerId, [u8; 16]);

#[derive(Default)]
pub(crate) struct Members {
    invited: Vec<(TokenHash, Timestamp, Option<Taker>)>,
    removed: Vec<WorkerId>,
}

impl Members {
    pub(crate) fn of(&self, hash: TokenHash) -> Option<(TokenHash, Timestamp, Option<Taker>)> {
        self.invited.iter().find(|one| one.0 == hash).copied()
    }
}

impl Model {
    pub(super) fn check_not_removed(&self, id: WorkerId) -> Result<(), Refusal> {
        if self.members.removed.contains(&id) {
            return Err(MembersRefusal::ReplicaRemoved(id).into());
        }
        Ok(())
    }

    pub(super) fn members(&mut self, change: &MembersChange) -> Answer {
        let now = Timestamp::from_ms(self.now);
        match *change {
            MembersChange::Invite { hash, expires_at } => match self.members.of(hash) {
                Some((_, same, _)) if same == expires_at => {}
                Some(_) => return Err(MembersRefusal::OtherInvitation.into()),
                None => {
                    let latest = Timestamp::from_ms(self.now + limits::INVITATION_MAX.as_ms());
                    if expires_at <= now || expires_at > latest {
                        return Err(MembersRefusal::InvitationTime.into());
                    }
                    self.members.invited.push((hash, expires_at, None));
                }
            },
            MembersChange::Join { hash, replica, disk } => {
                self.check_not_removed(replica)?;
                let mut invited = self.members.invited.iter_mut();
                let Some(one) = invited.find(|one| one.0 == hash) else {
                    return Err(MembersRefusal::NoSuchInvitation.into());
                };
                match one.2 {
                    Some(by) if by == (replica, disk) => {}
                    Some((by, _)) => return Err(MembersRefusal::InvitationTaken(by).into()),
                    None if now >= one.1 => {
                        return Err(MembersRefusal::InvitationExpired(one.1).into());
                    }
                    None => one.2 = Some((replica, disk)),
                }
            }
            MembersChange::Remove { replica } => {
                if !self.members.removed.contains(&replica) {
                    self.members.removed.push(replica);
                    self.forget_removed();
                }
            }
            MembersChange::Lead { replica } => self.check_not_removed(replica)?,
        }
        Ok(Reply::Ok)
    }
}
