//! The life of a worker: registration, renewal, expiry, return, goodbye.

use std::sync::Arc;

use crate::action::OnWorkerLoss;
use crate::capacity::CapacityMap;
use crate::command::Registration;
use crate::finish;
use crate::id::{Epoch, JobId, WorkerId};
use crate::job::AttemptEnd;
use crate::limits;
use crate::offer;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::status::Status;
use crate::submit::{at_most, capacity_within_limits};
use crate::time::Span;
use crate::worker::{Draining, Worker, WorkerStatus};

/// How a job loses its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The worker's lease expired, or the worker started anew.
    Death,
    /// The worker was stopped gracefully.
    Shutdown,
}

impl Loss {
    const fn status(self) -> Status {
        match self {
            Self::Death => Status::WorkerDead,
            Self::Shutdown => Status::WorkerShutdown,
        }
    }

    const fn attempt_end(self) -> AttemptEnd {
        match self {
            Self::Death => AttemptEnd::WorkerDead,
            Self::Shutdown => AttemptEnd::WorkerShutdown,
        }
    }
}

/// Begins a new life of a worker. What its former life held is lost; what of that nobody has
/// claimed yet waits for [`confirm`].
pub(crate) fn register(
    state: &mut State,
    transition: &mut Transition,
    new: Registration,
) -> Result<Reply, Refusal> {
    state.check_not_removed(new.worker)?;
    let former = state.workers.get(&new.worker).map(Arc::clone);
    if let Some(worker) = &former
        && worker.incarnation == new.incarnation
        && worker.status == WorkerStatus::Running
    {
        return Ok(Reply::Registered { epoch: worker.epoch });
    }
    within_limits(state, &new, former.is_none())?;
    lose_runs(state, transition, new.worker, Loss::Death);
    let epoch = Epoch(former.as_ref().map_or(0, |worker| worker.epoch.0) + 1);
    let mut worker = Worker {
        id: new.worker,
        epoch,
        incarnation: new.incarnation,
        status: WorkerStatus::Running,
        is_confirmed: false,
        actions: new.actions,
        offer_number: 0,
        capacity_declared: new.capacity,
        capacity_set: former.as_ref().and_then(|worker| worker.capacity_set.clone()),
        capacity_in_use: CapacityMap::default(),
        runs: std::collections::BTreeMap::new(),
        ttl: new.ttl,
        renewal: former.as_ref().map_or(0, |worker| worker.renewal),
        heartbeat_expiration: state.now,
        draining: former.as_ref().and_then(|worker| worker.draining),
    };
    worker.renew(state.now);
    state.workers.insert(new.worker, Arc::new(worker));
    for job in jobs_of(state, new.worker, Status::WorkerDead) {
        let now = state.now;
        let job = state.change(job, |job| job.become_status(Status::WorkerResurrection, now));
        transition.announce(Event::WorkerReturned(job));
    }
    announce(state, transition, new.worker);
    Ok(Reply::Registered { epoch })
}

fn within_limits(state: &State, new: &Registration, is_new: bool) -> Result<(), Refusal> {
    if is_new && state.workers.len() >= limits::WORKERS_MAX {
        return Err(Refusal::TooManyWorkers { limit: limits::WORKERS_MAX });
    }
    offer::within_limits(&new.actions, &new.capacity)?;
    at_most("lease, in milliseconds,", new.ttl.as_ms(), limits::TTL_MAX.as_ms())?;
    if new.ttl < limits::TTL_MIN {
        let (got, limit) = (new.ttl.as_ms(), limits::TTL_MIN.as_ms());
        return Err(Refusal::LeaseTooShort { got, limit });
    }
    Ok(())
}

/// The worker is sure that nothing of its former lives runs: those jobs are free again.
pub(crate) fn confirm(
    state: &mut State,
    transition: &mut Transition,
    id: WorkerId,
    epoch: Epoch,
) -> Result<Reply, Refusal> {
    if state.live_worker(id, epoch)?.is_confirmed {
        return Ok(Reply::Ok);
    }
    settle_resurrected(state, transition, id);
    state.change_worker(id, |worker| worker.is_confirmed = true);
    announce(state, transition, id);
    Ok(Reply::Ok)
}

/// The worker renews its lease.
pub(crate) fn heartbeat(state: &mut State, id: WorkerId, epoch: Epoch) -> Result<Reply, Refusal> {
    state.check_not_removed(id)?;
    state.live_worker(id, epoch)?;
    let now = state.now;
    state.change_worker(id, |worker| worker.renew(now));
    Ok(Reply::Ok)
}

/// The worker's lease is over: the leader has waited for its whole length and the margin, and the
/// log has no renewal after the one that the leader saw.
pub(crate) fn expire(
    state: &mut State,
    transition: &mut Transition,
    id: WorkerId,
    epoch: Epoch,
    renewal: u64,
) -> Result<Reply, Refusal> {
    if state.live_worker(id, epoch)?.renewal != renewal {
        return Err(Refusal::Renewed { worker: id, renewal });
    }
    end_life(state, transition, id, WorkerStatus::Dead);
    Ok(Reply::Ok)
}

/// The worker says goodbye.
pub(crate) fn leave(
    state: &mut State,
    transition: &mut Transition,
    id: WorkerId,
    epoch: Epoch,
) -> Result<Reply, Refusal> {
    state.live_worker(id, epoch)?;
    end_life(state, transition, id, WorkerStatus::Shutdown);
    Ok(Reply::Ok)
}

/// An operator says what the worker has. Running jobs keep what they hold, even if that is more.
pub(crate) fn set_capacity(
    state: &mut State,
    transition: &mut Transition,
    id: WorkerId,
    capacity: CapacityMap,
) -> Result<Reply, Refusal> {
    if !state.workers.contains_key(&id) {
        return Err(Refusal::NoSuchWorker(id));
    }
    capacity_within_limits(&capacity)?;
    state.change_worker(id, |worker| worker.capacity_set = Some(capacity));
    announce(state, transition, id);
    Ok(Reply::Ok)
}

/// An operator wants the worker to take no more jobs. What it runs goes on, for as long as `limit`
/// says.
pub(crate) fn drain(
    state: &mut State,
    transition: &mut Transition,
    id: WorkerId,
    limit: Option<Span>,
) -> Result<Reply, Refusal> {
    let former = state.workers.get(&id).ok_or(Refusal::NoSuchWorker(id))?.draining;
    if let Some(limit) = limit {
        at_most("time to drain, in milliseconds,", limit.as_ms(), limits::DRAIN_LIMIT_MAX.as_ms())?;
    }
    let since = former.map_or(state.now, |draining| draining.since);
    let stops_at = limit.map(|limit| state.now.plus(limit));
    state.change_worker(id, |worker| worker.draining = Some(Draining { since, stops_at }));
    announce(state, transition, id);
    Ok(Reply::Ok)
}

/// An operator wants the worker to take jobs again.
pub(crate) fn resume(
    state: &mut State,
    transition: &mut Transition,
    id: WorkerId,
) -> Result<Reply, Refusal> {
    let former = state.workers.get(&id).ok_or(Refusal::NoSuchWorker(id))?.draining;
    if former.is_some() {
        state.change_worker(id, |worker| worker.draining = None);
        announce(state, transition, id);
    }
    Ok(Reply::Ok)
}

/// Ends the life of every worker: whatever they run is out of the reach of this cluster.
pub(crate) fn end_all(state: &mut State, transition: &mut Transition) {
    let live = state.workers.values().filter(|worker| worker.status == WorkerStatus::Running);
    for id in live.map(|worker| worker.id).collect::<Vec<_>>() {
        end_life(state, transition, id, WorkerStatus::Dead);
    }
}

fn end_life(state: &mut State, transition: &mut Transition, id: WorkerId, status: WorkerStatus) {
    let loss = match status {
        WorkerStatus::Shutdown => Loss::Shutdown,
        WorkerStatus::Dead | WorkerStatus::Running => Loss::Death,
    };
    lose_runs(state, transition, id, loss);
    settle_resurrected(state, transition, id);
    state.change_worker(id, |worker| worker.status = status);
    announce(state, transition, id);
    state.forget_if_removed(id);
}

/// Takes all its runs from a worker.
fn lose_runs(state: &mut State, transition: &mut Transition, id: WorkerId, loss: Loss) {
    let runs = state.workers.get(&id).map(|worker| worker.runs.clone()).unwrap_or_default();
    for job in runs.into_keys() {
        lose(state, transition, job, loss);
    }
}

/// Takes one run from its worker: the job ends, or somebody else can claim it.
pub(crate) fn lose(state: &mut State, transition: &mut Transition, id: JobId, loss: Loss) {
    let job = finish::end_run(state, id, loss.attempt_end());
    let on_loss = job.attempts.last().map(|run| run.traits.on_worker_loss).unwrap_or_default();
    let (status, now) = (loss.status(), state.now);
    if job.status == Status::CancelRequest {
        state.change(id, |job| job.become_status(status, now));
        state.end(transition, id, Status::Cancel);
    } else if on_loss == OnWorkerLoss::Abandon {
        state.end(transition, id, status);
    } else if job.attempt_count >= limits::ATTEMPTS_MAX
        || loss == Loss::Death && job.reclaims >= limits::RECLAIMS_MAX
    {
        finish::fail(state, transition, id);
    } else {
        let job = state.change(id, |job| {
            job.become_status(status, now);
            job.reclaims += u32::from(loss == Loss::Death);
        });
        transition.announce(Event::WorkerLost(Arc::clone(&job)));
        transition.announce(Event::Due(job));
    }
}

/// Frees the jobs that waited for their returned worker, or ends them if that was asked for.
fn settle_resurrected(state: &mut State, transition: &mut Transition, id: WorkerId) {
    for job in jobs_of(state, id, Status::WorkerResurrection) {
        let now = state.now;
        if state.expect_job(job).cancel_requested {
            state.end(transition, job, Status::Cancel);
            continue;
        }
        let job = state.change(job, |job| {
            job.become_status(Status::Waiting, now);
            job.worker = None;
        });
        transition.announce(Event::Resurrected(Arc::clone(&job)));
        transition.announce(Event::Due(job));
    }
}

/// The jobs of this status that the worker ran last. Those that wait for their children are in
/// nobody's hands.
fn jobs_of(state: &State, worker: WorkerId, status: Status) -> Vec<JobId> {
    let keys = state.index.keys(None, Some(worker)).into_iter().flatten();
    keys.map(|key| state.expect_job(key.id))
        .filter(|job| job.status == status && job.ending.is_none())
        .map(|job| job.id)
        .collect()
}

fn announce(state: &State, transition: &mut Transition, id: WorkerId) {
    if let Some(worker) = state.workers.get(&id) {
        transition.announce(Event::WorkerChanged(Arc::clone(worker)));
    }
}
