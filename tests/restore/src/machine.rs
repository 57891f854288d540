//! The state machine: the list of what was applied. In memory, as openraft allows where what is
//! committed is kept.

use std::io;

use futures_util::{Stream, StreamExt as _};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf, StoredMembershipOf};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};

use crate::disk::Handle;
use crate::{LogId, Types};

pub(crate) struct Machine {
    disk: Handle,
    applied: Option<LogId>,
    membership: StoredMembershipOf<Types>,
}

impl Machine {
    pub(crate) fn new(disk: Handle) -> Self {
        Self { disk, applied: None, membership: StoredMembershipOf::<Types>::default() }
    }
}

fn none() -> io::Error {
    io::Error::other("there are no snapshots here")
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = ();
    type SnapshotBuilder = NoSnapshots;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId>, StoredMembershipOf<Types>), io::Error> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            if !self.disk.is_alive() {
                return Err(io::Error::other("this node has crashed"));
            }
            self.applied = Some(entry.log_id);
            if let EntryPayload::Membership(membership) = &entry.payload {
                self.membership =
                    StoredMembershipOf::<Types>::new(self.applied, membership.clone());
            }
            self.disk.trace().applied(self.disk.node(), &entry);
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> NoSnapshots {
        NoSnapshots
    }

    async fn install_snapshot(
        &mut self,
        _meta: &SnapshotMetaOf<Types>,
        _snapshot: (),
    ) -> Result<(), io::Error> {
        Err(none())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, ()>>, io::Error> {
        Ok(None)
    }
}

pub(crate) struct NoSnapshots;

impl RaftSnapshotBuilder<Types> for NoSnapshots {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, ()>, io::Error> {
        Err(none())
    }
}
