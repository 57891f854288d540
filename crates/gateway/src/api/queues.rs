//! The operations on the queues of actions.

use stint_core::{Command, QueueStatus};

use super::jobs::done;
use super::{Api, ApiError, Caller};
use crate::parse::shown_action;

impl Api {
    /// The queues of all actions behind this name that are known, in the order of their names.
    pub(crate) async fn list_queues(
        &self,
        caller: &Caller,
        after: &str,
    ) -> Result<Vec<QueueStatus>, ApiError> {
        self.barrier().await?;
        let _turn = self.turn_to_page(caller).await?;
        let queues = self.replica.with_state(stint_core::State::queues);
        Ok(queues.into_iter().filter(|queue| *queue.action > *after).collect())
    }

    /// Has no job of the action claimed for now. Asking again says anew who and why.
    pub(crate) async fn pause_queue(
        &self,
        caller: &Caller,
        action: &str,
        reason: String,
    ) -> Result<QueueStatus, ApiError> {
        let by = caller.user().unwrap_or_default().to_owned();
        let command = Command::PauseQueue { action: action.to_owned(), by, reason };
        done("a pause", &self.propose(caller, command).await??)?;
        Ok(self.replica.with_state(|state| state.queue_of(action)))
    }

    /// Has the jobs of the action claimed again. Asking twice is asking once.
    pub(crate) async fn resume_queue(
        &self,
        caller: &Caller,
        action: &str,
    ) -> Result<QueueStatus, ApiError> {
        let queues = self.list_queues(caller, "").await?;
        if !queues.iter().any(|queue| queue.action == action) {
            let shown = shown_action(action);
            let message = format!("action \"{shown}\": it is unknown, and so is its queue");
            return Err(ApiError::NoSuchAction(message));
        }
        let command = Command::ResumeQueue { action: action.to_owned() };
        done("a resumption", &self.propose(caller, command).await??)?;
        Ok(self.replica.with_state(|state| state.queue_of(action)))
    }
}
