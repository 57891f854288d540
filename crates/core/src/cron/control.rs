//! A client pauses a cron, resumes it, or wants it run at once.

use std::sync::Arc;

use super::Pause;
use crate::command::NewJob;
use crate::id::JobId;
use crate::job::CronLink;
use crate::outcome::{Event, Refusal, Reply};
use crate::policy::Policy;
use crate::state::{State, Transition};
use crate::submit::{self, shown};

/// Stops a cron's ticks. Those that come while it is paused are missed, and when it is resumed
/// become what the policy says of missed ones. Pausing twice is pausing once.
pub(crate) fn pause(
    state: &mut State,
    transition: &mut Transition,
    action: &str,
) -> Result<Reply, Refusal> {
    let cron = state.crons.get(action).ok_or_else(|| Refusal::NoSuchCron(shown(action)))?;
    if !cron.is_paused() {
        let from = state.now;
        let pause = Some(Pause { from, until: None });
        let cron = state.crons.change(action, |cron| cron.pause = pause);
        transition.announce(Event::CronChanged(cron));
    }
    Ok(Reply::Ok)
}

/// Lets a cron's ticks go on.
pub(crate) fn resume(
    state: &mut State,
    transition: &mut Transition,
    action: &str,
) -> Result<Reply, Refusal> {
    let cron = state.crons.get(action).ok_or_else(|| Refusal::NoSuchCron(shown(action)))?;
    if let Some(Pause { from, until: None }) = cron.pause {
        let pause = Some(Pause { from, until: Some(state.now) });
        let cron = state.crons.change(action, |cron| cron.pause = pause);
        transition.announce(Event::CronChanged(cron));
    }
    Ok(Reply::Ok)
}

/// Creates a job of a cron at once, whatever its schedule, its policies and its pause say. Its
/// ticks stay as they are.
pub(crate) fn run(
    state: &mut State,
    transition: &mut Transition,
    action: &str,
    (id, drawn): (JobId, u64),
) -> Result<Reply, Refusal> {
    if let Some(job) = state.jobs.get(&id) {
        let is_same = job.spec.action == action && job.cron.is_some_and(|link| link.tick.is_none());
        return if is_same {
            Ok(Reply::Submitted(Arc::clone(job)))
        } else {
            Err(Refusal::IdTaken(id))
        };
    }
    if state.recent.contains(id) {
        return Ok(Reply::SubmittedBefore(id));
    }
    if !state.recent.reaches_back_to(drawn) {
        return Err(Refusal::SubmitTooLate(id));
    }
    let cron = state.crons.get(action).ok_or_else(|| Refusal::NoSuchCron(shown(action)))?;
    let (spec, retries) = (cron.spec.clone(), cron.retries_of_jobs());
    let link = CronLink { id: cron.id, tick: None };
    let new = NewJob {
        id,
        drawn,
        spec,
        scheduled_at: None,
        retries,
        parent: None,
        policy: Policy::default(),
        retry_from: None,
    };
    submit::admit(state, transition, new, Some(link)).map(Reply::Submitted)
}
