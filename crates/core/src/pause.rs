//! The queue of an action: paused and resumed, and how long it is.

use std::collections::BTreeSet;

use crate::action::BUILT_IN_ACTIONS;
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{action_is_known, at_most, count};
use crate::time::Timestamp;

/// That no job of an action is claimed for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Who has said so last; empty if nobody is known.
    pub by: String,
    /// Why, in the words of whoever has said so.
    pub reason: String,
}

/// The jobs of one action that are not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStatus {
    /// The action.
    pub action: String,
    /// Since when and why none of its jobs is claimed, if so.
    pub pause: Option<Pause>,
    /// Jobs that are due and not claimed.
    pub due: usize,
    /// Jobs that are scheduled for later.
    pub scheduled: usize,
    /// Jobs that run.
    pub running: usize,
    /// When the job that has been due for longest was scheduled.
    pub oldest_due: Option<Timestamp>,
}

/// No job of the action is claimed any more; those that run go on. Of a queue that is paused already
/// only who and why are new.
pub(crate) fn pause(
    state: &mut State,
    transition: &mut Transition,
    action: String,
    (by, reason): (String, String),
) -> Result<Reply, Refusal> {
    at_most("name of the user", count(by.len()), count(limits::NAME_BYTES_MAX))?;
    at_most("reason", count(reason.len()), count(limits::PAUSE_REASON_BYTES_MAX))?;
    if let Some(pause) = state.paused.get_mut(&action) {
        (pause.by, pause.reason) = (by, reason);
        return Ok(Reply::Ok);
    }
    action_is_known(state, &action)?;
    if state.paused.len() >= limits::PAUSED_QUEUES_MAX {
        return Err(Refusal::TooManyPausedQueues { limit: limits::PAUSED_QUEUES_MAX });
    }
    state.paused.insert(action.clone(), Pause { at: state.now, by, reason });
    transition.announce(Event::QueuePaused(action));
    Ok(Reply::Ok)
}

/// The jobs of the action are claimed again. A queue that is not paused stays so, also one of an
/// action that nobody offers any more: a resumption that arrives twice is one.
pub(crate) fn resume(state: &mut State, transition: &mut Transition, action: String) -> Reply {
    if state.paused.remove(&action).is_some() {
        transition.announce(Event::QueueResumed(action));
    }
    Reply::Ok
}

impl State {
    /// The actions whose queues are paused, in the order of their names.
    pub fn paused(&self) -> impl Iterator<Item = (&str, &Pause)> {
        self.paused.iter().map(|(action, pause)| (action.as_str(), pause))
    }

    /// The queues of all actions that are offered, built in or paused, or that have jobs which are
    /// not over; in the order of their names.
    pub fn queues(&self) -> Vec<QueueStatus> {
        let offered = self.workers.values().flat_map(|worker| worker.actions.keys());
        let mut actions: BTreeSet<&str> = offered.map(String::as_str).collect();
        actions.extend(BUILT_IN_ACTIONS);
        actions.extend(self.paused.keys().map(String::as_str));
        actions.extend(self.index.actions().map(String::as_str));
        actions.into_iter().map(|action| self.queue_of(action)).collect()
    }

    /// The queue of an action, whether anybody knows that or not.
    pub fn queue_of(&self, action: &str) -> QueueStatus {
        let live = self.index.keys(Some(action), None).map_or(0, BTreeSet::len);
        let (due, running) = (self.queue.len_of(action), self.index.running_of(action));
        // Where none is due, all that is scheduled would be walked for nothing.
        let jobs = self.index.keys(Some(action), None).filter(|_| due > 0).into_iter().flatten();
        let oldest = jobs.map(|key| self.expect_job(key.id)).find(|job| job.is_claimable());
        QueueStatus {
            action: action.to_owned(),
            pause: self.paused.get(action).cloned(),
            due,
            // Beside these there are the jobs that wait for their returned worker, a moment.
            scheduled: live.saturating_sub(due + running),
            running,
            oldest_due: oldest.map(|job| job.scheduled_at),
        }
    }
}
