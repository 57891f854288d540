//! The promises, looked for in what the state itself shows and tells, without any model.

use std::collections::{BTreeMap, BTreeSet};

use stint_core::{
    CapacityMap, Command, Event, Fate, Generation, Job, JobId, LeaseId, Outcome, State, Status,
    Timestamp, WorkerId, WorkerStatus,
};

use super::table;

/// Whoever watches a history from its beginning.
#[derive(Default)]
pub(crate) struct Witness {
    now: Timestamp,
    sequence: u64,
    last_lease: LeaseId,
    last_generation: Generation,
    generations: BTreeMap<String, Generation>,
    /// The last tick of each cron that was told of.
    ticks: BTreeMap<Generation, Timestamp>,
    /// The live jobs, as they were after the last entry.
    jobs: BTreeMap<JobId, Status>,
    over: BTreeSet<JobId>,
}

/// What became of a promise; the words say which was broken.
type Kept = Result<(), String>;

fn hold(is_kept: bool, broken: impl FnOnce() -> String) -> Kept {
    if is_kept { Ok(()) } else { Err(broken()) }
}

impl Witness {
    pub(crate) fn beginning_at(state: &State) -> Self {
        let parts = state.parts();
        Self {
            now: parts.now,
            sequence: parts.sequence,
            last_lease: parts.last_lease,
            last_generation: parts.last_generation,
            jobs: state.jobs().map(|job| (job.id, job.status)).collect(),
            ..Self::default()
        }
    }

    /// Looks at one entry and what it left.
    pub(crate) fn watch(&mut self, command: &Command, outcome: &Outcome, after: &State) -> Kept {
        hold(after.now() >= self.now, || format!("time went back from {:?}", self.now))?;
        self.now = after.now();
        self.sequence += 1;
        hold(after.sequence() == self.sequence, || "an entry was not counted".to_owned())?;
        self.watch_leases(outcome, after)?;
        self.watch_generations(outcome)?;
        self.watch_ticks(outcome, after)?;
        self.watch_news(outcome, after)?;
        self.watch_statuses(outcome, after)?;
        watch_families(outcome, after)?;
        watch_retries(outcome)?;
        watch_policies(outcome, after)?;
        watch_waking(after)?;
        if let Command::Claim { worker, .. } = command {
            watch_capacity(*worker, outcome, after)?;
        }
        Ok(())
    }

    /// Lease numbers only grow, and no job has two live leases.
    fn watch_leases(&mut self, outcome: &Outcome, after: &State) -> Kept {
        for event in &outcome.events {
            let Event::Claimed(job) = event else { continue };
            let lease = job.lease().ok_or_else(|| format!("{} was claimed without", job.id))?;
            let last = std::mem::replace(&mut self.last_lease, lease);
            hold(lease > last, || format!("lease {lease} was given after {last}"))?;
        }
        let mut holders = BTreeMap::new();
        for worker in after.workers() {
            for (job, lease) in &worker.runs {
                let other = holders.insert(*job, worker.id);
                hold(other.is_none(), || format!("{job} has two live leases"))?;
                let of_job = after.job(*job).and_then(|job| job.lease());
                hold(of_job == Some(*lease), || format!("{job}: {of_job:?} is not {lease}"))?;
                let is_alive = worker.status == WorkerStatus::Running;
                hold(is_alive, || format!("{} has leases, and is not alive", worker.id))?;
            }
        }
        let is_held = |job: &&std::sync::Arc<Job>| job.status.is_running() && job.ending.is_none();
        let running = after.jobs().filter(is_held).count();
        hold(running == holders.len(), || "a job runs that no worker holds".to_owned())
    }

    /// A cron that is created or takes another's place has a number that none had before.
    fn watch_generations(&mut self, outcome: &Outcome) -> Kept {
        for event in &outcome.events {
            let Event::CronChanged(cron) = event else { continue };
            let former = self.generations.insert(cron.spec.action.clone(), cron.generation);
            if former == Some(cron.generation) && cron.pause.is_some() {
                continue;
            }
            let last = std::mem::replace(&mut self.last_generation, cron.generation);
            let action = &cron.spec.action;
            hold(cron.generation > last, || format!("{action}: generation after {last}"))?;
        }
        Ok(())
    }

    /// Each tick is told of once, in its order, and is exactly one job, or else has its reason.
    fn watch_ticks(&mut self, outcome: &Outcome, after: &State) -> Kept {
        let mut jobs = BTreeMap::new();
        for event in &outcome.events {
            if let Event::Submitted(job) = event
                && job.retry_from == job.id
                && let Some(tick) = job.cron.and_then(|link| link.tick)
            {
                jobs.insert(job.id, tick);
            }
        }
        for event in &outcome.events {
            let Event::CronTicked(ticked) = event else { continue };
            let record = &ticked.record;
            let last = self.ticks.insert(ticked.generation, record.last);
            let is_next = last.is_none_or(|last| last < record.first);
            hold(is_next && record.first <= record.last, || format!("{record:?} after {last:?}"))?;
            if let Fate::Fired(job) = record.fate {
                let is_one = record.count == 1 && jobs.remove(&job) == Some(record.first);
                hold(is_one, || format!("{record:?} is not one job"))?;
            }
        }
        hold(jobs.is_empty(), || format!("{jobs:?} are of no tick"))?;
        for cron in after.crons() {
            let last = self.ticks.get(&cron.generation).copied();
            hold(cron.last_tick == last, || format!("{cron:?}: its last tick was {last:?}"))?;
        }
        Ok(())
    }

    /// Whoever follows the events knows the status of every live job, and sees it change by the table.
    fn watch_news(&self, outcome: &Outcome, after: &State) -> Kept {
        let mut told = self.jobs.clone();
        for event in &outcome.events {
            let Some(job) = event.job() else { continue };
            let (id, to) = (job.id, job.status);
            let from = told.insert(id, to).unwrap_or(Status::Waiting);
            let is_row = from == to || table::may_be_told(from, to);
            hold(is_row, || format!("{id} was told to go from {from} to {to}"))?;
        }
        for job in after.jobs() {
            let (id, status, told) = (job.id, job.status, told.get(&job.id));
            hold(told == Some(&status), || format!("{id} is {status}, and {told:?} was told"))?;
        }
        Ok(())
    }

    /// Statuses change by the table, and what is over stays over.
    fn watch_statuses(&mut self, outcome: &Outcome, after: &State) -> Kept {
        let mut ended = BTreeMap::new();
        for event in &outcome.events {
            let Event::Ended(job) = event else { continue };
            let twice = ended.insert(job.id, job.status).is_some() || !self.over.insert(job.id);
            hold(!twice, || format!("{} ended twice", job.id))?;
        }
        let mut jobs = BTreeMap::new();
        for job in after.jobs() {
            hold(!self.over.contains(&job.id), || format!("{} came back", job.id))?;
            jobs.insert(job.id, job.status);
        }
        for (id, to) in jobs.iter().chain(&ended) {
            let from = self.jobs.get(id).copied().unwrap_or(Status::Waiting);
            let is_row = from == *to || table::may_be_seen(from, *to);
            hold(is_row, || format!("{id} went from {from} to {to}"))?;
        }
        let is_lost = |id: &&JobId| !jobs.contains_key(id) && !ended.contains_key(id);
        let lost = self.jobs.keys().find(is_lost);
        hold(lost.is_none(), || format!("{lost:?} vanished without a word"))?;
        self.jobs = jobs;
        Ok(())
    }
}

/// What is over has no children that are not, and what is done none that was not done.
fn watch_families(outcome: &Outcome, after: &State) -> Kept {
    for event in &outcome.events {
        let Event::Ended(job) = event else { continue };
        let left = after.children(job.id).len();
        hold(left == 0, || format!("{} is over, and has {left} live children", job.id))?;
        let is_done = job.status == Status::Done;
        let failed = job.children.failed;
        hold(!is_done || failed == 0, || format!("{}: done, {failed} children failed", job.id))?;
    }
    let orphan = after.jobs().find(|job| job.parent.is_some_and(|id| after.job(id).is_none()));
    hold(orphan.is_none(), || format!("{orphan:?} is alone in the world"))
}

/// Each job that fails and may be tried again has one retry in the same entry, and no other has.
fn watch_retries(outcome: &Outcome) -> Kept {
    let mut retries: BTreeMap<JobId, &Job> = BTreeMap::new();
    for event in &outcome.events {
        let is_asked_for = |job: &Job| {
            let is_it = |other: &Event| matches!(other, Event::Retried { by, .. } if *by == job.id);
            outcome.events.iter().any(is_it)
        };
        if let Event::Submitted(job) = event
            && job.retry_from != job.id
            && !is_asked_for(job)
        {
            let other = retries.insert(job.retry_from, job);
            hold(other.is_none(), || format!("{} has two retries", job.retry_from))?;
        }
    }
    for event in &outcome.events {
        let Event::Ended(job) = event else { continue };
        let is_due = job.status == Status::Error && job.retries_left > 0 && !job.cancel_requested;
        let retry = retries.remove(&job.id);
        hold(retry.is_some() == is_due, || format!("{}: retry {retry:?}", job.id))?;
        if let Some(retry) = retry {
            let is_right = retry.retries_left + 1 == job.retries_left
                && retry.retries_total == job.retries_total
                && retry.spec == job.spec
                && retry.policy == job.policy
                && job.retried_by == Some(retry.id)
                && retry.status == Status::Waiting
                && retry.attempts.is_empty()
                && retry.scheduled_at >= job.last_updated;
            hold(is_right, || format!("{retry:?} is no right retry of {job:?}"))?;
        }
    }
    hold(retries.is_empty(), || format!("{retries:?} retry nothing"))
}

/// Of an action and a key one job is alive; nothing begins that has expired, and nothing of a
/// paused queue.
fn watch_policies(outcome: &Outcome, after: &State) -> Kept {
    let mut keys = BTreeSet::new();
    for job in after.jobs() {
        if let Some(key) = &job.policy.unique_key {
            let is_new = keys.insert((&job.spec.action, key));
            hold(is_new, || format!("{} is not the only one with {key}", job.id))?;
        }
    }
    for event in &outcome.events {
        let Event::Claimed(job) = event else { continue };
        let is_of_use = job.policy.expires_at.is_none_or(|at| at > after.now());
        hold(is_of_use, || format!("{} was claimed too late", job.id))?;
        let is_open = after.queue_of(&job.spec.action).pause.is_none();
        hold(is_open, || format!("{} was claimed of a paused queue", job.id))?;
    }
    Ok(())
}

/// A claim takes no more of a capacity than there is.
fn watch_capacity(id: WorkerId, outcome: &Outcome, after: &State) -> Kept {
    let Some(worker) = after.worker(id) else { return Ok(()) };
    for event in &outcome.events {
        let Event::Claimed(job) = event else { continue };
        for (name, amount) in job.spec.capacity_map.iter().flat_map(CapacityMap::iter) {
            let used = worker.runs.keys().filter_map(|id| after.job(*id));
            let used: u64 = used.map(|job| job.need().amount(name)).sum();
            let has = worker.capacity().amount(name);
            let is_kept = amount == 0 || used <= has;
            hold(is_kept, || format!("{id} uses {used} of {has} {name} after a claim"))?;
        }
    }
    Ok(())
}

/// No job waits for a worker that will never speak for it.
fn watch_waking(after: &State) -> Kept {
    let is_returning = |job: &&std::sync::Arc<Job>| {
        job.status == Status::WorkerResurrection && job.ending.is_none()
    };
    let returning = after.jobs().filter(is_returning);
    for job in returning {
        let worker = job.worker.and_then(|id| after.worker(id));
        let is_awaited =
            worker.is_some_and(|w| w.status == WorkerStatus::Running && !w.is_confirmed);
        hold(is_awaited, || format!("{} waits for {:?} for ever", job.id, job.worker))?;
    }
    Ok(())
}

/// A refused command has changed nothing but time and count: it is as a tick.
pub(crate) fn refused_is_tick(
    mut before: State,
    at: Timestamp,
    outcome: &Outcome,
    after: &State,
) -> Kept {
    let tick = before.apply(at, Command::Tick);
    let is_kept = before == *after && tick.events == outcome.events;
    hold(is_kept, || "a refused command has changed something".to_owned())
}

/// What is proposed twice happens once.
pub(crate) fn again_is_nothing(mut state: State, at: Timestamp, command: &Command) -> Kept {
    let mut ticked = state.clone();
    let events = ticked.apply(at, Command::Tick).events;
    let again = state.apply(at, command.clone());
    let is_kept = again.reply.is_ok() && again.events == events && state == ticked;
    hold(is_kept, || format!("its second proposal has changed something: {again:?}"))
}
