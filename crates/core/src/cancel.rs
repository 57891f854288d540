//! A client wants a job not to run, or to be gone.

use crate::family;
use crate::id::JobId;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::status::Status;

/// Cancels a job: at once if nobody runs it, else by asking its worker. Asking twice is asking once.
/// Its children are canceled with it.
pub(crate) fn cancel(
    state: &mut State,
    transition: &mut Transition,
    id: JobId,
) -> Result<Reply, Refusal> {
    if !state.jobs.contains_key(&id) {
        return Err(Refusal::NoSuchJob(id));
    }
    cancel_one(state, transition, id);
    Ok(Reply::Ok)
}

/// The same, of a job that is there.
pub(crate) fn cancel_one(state: &mut State, transition: &mut Transition, id: JobId) {
    if state.expect_job(id).is_claimable() {
        state.end(transition, id, Status::Cancel);
    } else {
        stop(state, transition, id);
    }
}

/// Deletes a job: at once if nobody runs it, else as soon as its worker has ended it.
///
/// A job that the state does not know may be in history, which removes it on [`Event::Deleted`];
/// if it is not there either, nothing happens.
pub(crate) fn delete(state: &mut State, transition: &mut Transition, id: JobId) -> Reply {
    match state.jobs.get(&id) {
        None => transition.announce(Event::Deleted(id)),
        Some(job) if job.is_claimable() => state.end(transition, id, Status::Deleted),
        Some(_) => {
            state.change(id, |job| job.delete_requested = true);
            stop(state, transition, id);
        }
    }
    Reply::Ok
}

/// Asks for the end of a job that is in somebody's hands, and of its children.
fn stop(state: &mut State, transition: &mut Transition, id: JobId) {
    let now = state.now;
    let job = state.change(id, |job| {
        job.cancel_requested = true;
        if job.status == Status::Running {
            job.become_status(Status::CancelRequest, now);
        }
    });
    transition.announce(Event::CancelRequested(job));
    family::cancel_children(state, transition, id);
}
