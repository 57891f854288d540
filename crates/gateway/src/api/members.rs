//! The operations on the members of the cluster.

use stint_core::{Command, MembersChange, Span, Timeout, Timestamp, WorkerId};

use super::jobs::done;
use super::{Api, ApiError, Caller};
use crate::invitation::Invitation;
use crate::limits;
use crate::token::Secret;

/// An invitation, which is told this once.
pub(crate) struct Invited {
    /// What the new replica is told.
    pub(crate) invitation: Invitation,
    /// Until when it can join.
    pub(crate) expires_at: Timestamp,
}

impl Api {
    /// Makes an invitation, by which one new replica can join.
    pub(crate) async fn invite_replica(
        &self,
        caller: &Caller,
        expires_in: Option<Timeout>,
    ) -> Result<Invited, ApiError> {
        let secret = Secret::draw()
            .map_err(|error| ApiError::internal(&format!("no random number: {error}")))?;
        let good_for = expires_in.map_or(limits::INVITATION_DEFAULT, |timeout| timeout.span());
        let expires_at = self.replica.now().plus(good_for.max(Span::from_ms(1)));
        let change = MembersChange::Invite { hash: secret.hash(), expires_at };
        let reply = self.propose(caller, Command::Members(Box::new(change))).await??;
        done("an invitation", &reply)?;
        let members = self.replica.status().members.into_iter();
        let peers = members.map(|one| (one.id, one.member.peer_address)).collect();
        let cluster = self.replica.cluster();
        Ok(Invited { invitation: Invitation { secret, cluster, peers }, expires_at })
    }

    /// Removes a replica from the cluster, alive or dead.
    pub(crate) async fn remove_replica(
        &self,
        caller: &Caller,
        id: WorkerId,
    ) -> Result<(), ApiError> {
        Ok(self.replica.remove(&caller.origin(), id).await?)
    }

    /// Has a replica lead, which may be the one that does.
    pub(crate) async fn transfer_leader(
        &self,
        caller: &Caller,
        id: WorkerId,
    ) -> Result<(), ApiError> {
        Ok(self.replica.transfer_leader(&caller.origin(), id).await?)
    }
}
