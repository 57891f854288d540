//! How much room on the disk a proposal needs: new work stops first, and what was taken is carried
//! on with, as long as the reserve lasts. What frees space is part of that.

use stint_core::{Bulk, COMPACTION_ACTION, Command, State};
use stint_storage::Error as StorageError;
use tonic::Status;

use crate::error::Error;
use crate::inner::Inner;

/// What a command is to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It brings something new: refused while the disk is full.
    Work,
    /// It carries on with what was taken, or frees space: refused only when nothing but the reserve is
    /// left, which is for votes and for cutting the log.
    Upkeep,
}

impl Need {
    pub(crate) fn of(command: &Command, state: &State) -> Self {
        let is_compaction = |action: &str| action == COMPACTION_ACTION;
        let when = |is_upkeep| if is_upkeep { Self::Upkeep } else { Self::Work };
        match command {
            Command::Submit(new) => when(is_compaction(&new.spec.action)),
            Command::RunCron { action, .. } => when(is_compaction(action)),
            Command::Fire(firings) => when(firings.iter().all(|one| is_compaction(&one.action))),
            // The others' output waits in their pipes. The compaction says what it does.
            Command::AppendLines { job, .. } => {
                when(state.job(*job).is_some_and(|job| is_compaction(&job.spec.action)))
            }
            Command::Bulk(bulk) => when(!matches!(**bulk, Bulk::Retry(_))),
            Command::GiveToken { .. }
            | Command::PutCron(_)
            | Command::PutActionConfig(_)
            | Command::CreateToken(_) => Self::Work,
            Command::Tick
            | Command::Cancel { .. }
            | Command::PauseQueue { .. }
            | Command::ResumeQueue { .. }
            | Command::Delete { .. }
            | Command::SetCapacity { .. }
            | Command::Drain { .. }
            | Command::Resume { .. }
            | Command::Register(_)
            | Command::Offer(_)
            | Command::Confirm { .. }
            | Command::Heartbeat { .. }
            | Command::Claim { .. }
            | Command::Finish { .. }
            | Command::Leave { .. }
            | Command::Expire { .. }
            | Command::DeleteCron { .. }
            | Command::PauseCron { .. }
            | Command::ResumeCron { .. }
            | Command::DeleteActionConfig { .. }
            | Command::PutSettings(_)
            | Command::Compact(_)
            | Command::Close { .. }
            | Command::ResetAdmin { .. }
            | Command::Refound
            | Command::Members(_)
            | Command::RevokeToken { .. }
            | Command::RaiseLevel { .. } => Self::Upkeep,
            #[cfg(feature = "next-level")]
            Command::Notch => Self::Work,
        }
    }
}

impl Inner {
    /// Whether there is room for this, and otherwise what to do about it.
    pub(crate) fn room_for(&self, need: Need) -> Result<(), Error> {
        let store = self.applied.store();
        let found = match need {
            Need::Work => store.has_room(),
            Need::Upkeep => store.has_reserve(),
        };
        match found {
            Ok(true) => Ok(()),
            Ok(false) => {
                let dir = store.dir().display();
                Err(Error::DiskFull(format!(
                    "{dir}; free some space, and work goes on by itself. Deleting jobs and compacting \
                     their history go on meanwhile"
                )))
            }
            Err(error) => Err(of_storage(&error)),
        }
    }

    /// Refuses what is new while the disk is full.
    pub(crate) fn room(&self) -> Result<(), Error> {
        self.room_for(Need::Work)
    }

    /// Refuses what a leader sends while only the reserve is left.
    pub(crate) fn has_reserve(&self) -> Result<(), Status> {
        self.room_for(Need::Upkeep).map_err(|error| Status::resource_exhausted(error.to_string()))
    }
}

fn of_storage(error: &StorageError) -> Error {
    Error::Failed(error.to_string())
}
