//! A worker asks for jobs, and the log decides which it gets.

use crate::id::{Epoch, LeaseId, WorkerId};
use crate::job::Attempt;
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::status::Status;
use crate::worker::Worker;

/// Gives the worker the jobs that come first in the queue, that it offers the action of, and that
/// fit beside what it runs: each under a new lease. One that has expired ends instead.
pub(crate) fn claim(
    state: &mut State,
    transition: &mut Transition,
    id: WorkerId,
    epoch: Epoch,
    max: u32,
) -> Result<Reply, Refusal> {
    state.check_not_removed(id)?;
    let worker = state.live_worker(id, epoch)?;
    if !worker.is_confirmed {
        return Err(Refusal::NotConfirmed(id));
    }
    let max = usize::try_from(max.min(limits::CLAIM_MAX)).unwrap_or(usize::MAX);
    let picked: Vec<_> = pick(state, worker, max)
        .into_iter()
        .map(|job| {
            let action = &state.expect_job(job).spec.action;
            (job, worker.actions.get(action).map(|offer| offer.traits).unwrap_or_default())
        })
        .collect();
    let mut count = 0;
    for (job, traits) in &picked {
        if state.expect_job(*job).has_expired(state.now) {
            state.expire(transition, *job);
            continue;
        }
        count += 1;
        state.last_lease = LeaseId(state.last_lease.0 + 1);
        let (lease, now) = (state.last_lease, state.now);
        let job = state.change(*job, |job| {
            job.become_status(Status::Running, now);
            job.begin_attempt(Attempt {
                number: job.attempt_count + 1,
                worker: id,
                epoch,
                lease,
                traits: *traits,
                started_at: now,
                end: None,
            });
        });
        state.change_worker(id, |worker| {
            worker.runs.insert(job.id, lease);
            worker.capacity_in_use.take(&job.need());
        });
        transition.announce(Event::Claimed(job));
    }
    Ok(Reply::Claimed { count })
}

fn pick(state: &State, worker: &Worker, max: usize) -> Vec<crate::JobId> {
    if worker.draining.is_some() {
        return Vec::new();
    }
    let actions = worker.actions.keys().map(String::as_str);
    let actions = actions.filter(|action| !state.paused.contains_key(*action));
    state.queue.pick(actions, worker.capacity(), worker.capacity_in_use.clone(), max)
}

impl State {
    /// Whether the worker would get a job if it asked now. Costs less than an entry in the log.
    pub fn has_work_for(&self, worker: WorkerId) -> bool {
        self.workers.get(&worker).is_some_and(|w| {
            w.is_alive_in(w.epoch) && w.is_confirmed && !pick(self, w, 1).is_empty()
        })
    }
}
