//! Who may become a replica, and who is none any more: two lists.

use stint_core::{
    Level, MembersChange, MembersRefusal, Refusal, Reply, Timestamp, TokenHash, WorkerId, limits,
};

use super::{Answer, Model};

/// A replica and its disk, the level that it knows, and when it said so.
type Taker = (WorkerId, [u8; 16], u32, u64);

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

    /// No level rises over one that is being taken in; of several the one with the first invitation.
    pub(super) fn raise_level(&mut self, to: u32) -> Answer {
        if to <= self.level {
            return Ok(Reply::Ok);
        }
        let mut invited: Vec<_> = self.members.invited.iter().collect();
        invited.sort_by_key(|one| one.0.0);
        for (_, _, taker) in invited {
            if let Some((replica, _, knows, at)) = *taker
                && knows < to
                && self.now < at + limits::JOIN_LASTS.as_ms()
                && !self.members.removed.contains(&replica)
            {
                let knows = Level::new(knows);
                return Err(MembersRefusal::JoinsMeanwhile { replica, knows }.into());
            }
        }
        self.level = to;
        Ok(Reply::Ok)
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
            MembersChange::Join { hash, replica, disk, knows } => {
                let (level, at) = (self.level, self.now);
                self.check_not_removed(replica)?;
                let mut invited = self.members.invited.iter_mut();
                let Some(one) = invited.find(|one| one.0 == hash) else {
                    return Err(MembersRefusal::NoSuchInvitation.into());
                };
                match one.2 {
                    Some((by, of, ..)) if (by, of) == (replica, disk) => {}
                    Some((by, ..)) => return Err(MembersRefusal::InvitationTaken(by).into()),
                    None if now >= one.1 => {
                        return Err(MembersRefusal::InvitationExpired(one.1).into());
                    }
                    None => {}
                }
                if knows.get() < level {
                    let level = Level::new(level);
                    return Err(MembersRefusal::TooOld { replica, knows, level }.into());
                }
                one.2 = Some((replica, disk, knows.get(), at));
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
