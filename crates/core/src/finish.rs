//! A run ends: done, error or cancel, and perhaps a retry.

use std::sync::Arc;

use crate::backoff::Backoff;
use crate::command::{Exit, ExitCause, Finished};
use crate::family::{self, Ending};
use crate::id::{Epoch, JobId, WorkerId};
use crate::job::{AttemptEnd, Job};
use crate::lease::{self, Loss};
use crate::limits;
use crate::outcome::{Refusal, Reply};
use crate::state::{State, Transition};
use crate::status::Status;
use crate::submit;
use crate::time::Span;

/// Ends runs of a worker, each under its lease; one that is refused does not hinder the others.
pub(crate) fn finish(
    state: &mut State,
    transition: &mut Transition,
    worker: WorkerId,
    epoch: Epoch,
    runs: Vec<Finished>,
) -> Result<Reply, Refusal> {
    state.live_worker(worker, epoch)?;
    let answers = runs
        .into_iter()
        .map(|run| {
            state.job_under_lease(worker, epoch, run.job, run.lease)?;
            finish_one(state, transition, run.job, run.exit);
            Ok(())
        })
        .collect();
    Ok(Reply::Finished(answers))
}

fn finish_one(state: &mut State, transition: &mut Transition, id: JobId, exit: Exit) {
    let is_canceling = state.expect_job(id).status == Status::CancelRequest;
    if let ExitCause::AskedToWait(span) = exit.cause {
        wait_at_least(state, id, span);
    }
    match exit.cause {
        ExitCause::Own | ExitCause::AskedToWait(_) => {
            let end = exit.signal.map_or(AttemptEnd::Exited(exit.code), AttemptEnd::Signaled);
            let is_success = end == AttemptEnd::Exited(0);
            end_run(state, id, end);
            if is_success {
                family::conclude(state, transition, id, Ending::Success);
            } else {
                fail(state, transition, id);
            }
        }
        ExitCause::Canceled => {
            end_run(state, id, AttemptEnd::Canceled);
            if is_canceling {
                state.end(transition, id, Status::Cancel);
            } else {
                fail(state, transition, id);
            }
        }
        ExitCause::Deadline => {
            end_run(state, id, AttemptEnd::DeadlineExceeded);
            fail(state, transition, id);
        }
        ExitCause::Shutdown => lease::lose(state, transition, id, Loss::Shutdown),
        ExitCause::CouldNotStart(mut reason) => {
            let end = reason.floor_char_boundary(limits::REASON_BYTES_MAX);
            reason.truncate(end);
            end_run(state, id, AttemptEnd::CouldNotStart(reason));
            fail(state, transition, id);
        }
    }
}

/// Has the retry of a running job wait for so long, if it would not in any case. What a retry waits
/// is among the traits of the run that failed, and remembered with them.
fn wait_at_least(state: &mut State, id: JobId, span: Span) {
    state.change(id, |job| {
        let wait = backoff_of(job).max(span);
        if let Some(run) = job.attempts.last_mut() {
            run.traits.backoff = Backoff::constant(wait);
        }
    });
}

/// How long the retry of this job waits.
fn backoff_of(failed: &Job) -> Span {
    let backoff = failed.attempts.last().map(|run| run.traits.backoff).unwrap_or_default();
    backoff.wait(failed.retries_total.saturating_sub(failed.retries_left), failed.id)
}

/// Closes the current attempt of a running job and gives back what it held.
pub(crate) fn end_run(state: &mut State, id: JobId, end: AttemptEnd) -> Arc<Job> {
    let now = state.now;
    let job = Arc::clone(state.expect_job(id));
    let holder = job.run().expect("a running job has a run").worker;
    state.change_worker(holder, |worker| {
        worker.runs.remove(&id);
        worker.capacity_in_use.give_back(&job.need());
    });
    drop(job);
    state.change(id, |job| {
        job.end_attempt(now, end);
        job.token = None;
    })
}

/// Ends a job as `error`, and creates its retry if it has one left and nobody wants it gone.
pub(crate) fn fail(state: &mut State, transition: &mut Transition, id: JobId) {
    family::conclude(state, transition, id, Ending::Failure);
}

/// The id of the retry of a job that fails, if it has one left and nobody wants it gone.
pub(crate) fn retry_of(state: &State, failing: &Job) -> Option<JobId> {
    let is_due = failing.retries_left > 0 && failing.status != Status::CancelRequest;
    is_due.then(|| submit::id_of_retry(state, failing.id))
}

/// Creates the retry of a job that has failed, under this id.
pub(crate) fn retry(state: &mut State, transition: &mut Transition, failed: &Job, id: JobId) {
    submit::retry(state, transition, failed, id, backoff_of(failed));
}
