//! The life of a cluster told once more, as naively as it can be: lists, searched from end to end.
//!
//! Written from the design, not from the code. It shares the records (`Job`, `Worker`, `Outcome`)
//! with the code, so that whole answers can be compared, but none of its rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stint_core::{
    CapacityMap, Children, Command, Ending, Event, Job, JobId, JobSpec, LeaseId, LeftOut, NewJob,
    Outcome, Parts, Policy, QueuePause, Refusal, Reply, Status, Timestamp, Worker, limits,
};

use self::configuration::Configuration;
use self::tokens::Tokens;
use super::table;

mod actions;
mod claims;
pub(crate) mod configuration;
mod family;
mod members;
mod policies;
mod questions;
mod runs;
mod ticks;
mod tokens;
mod workers;

pub(crate) type Answer = Result<Reply, Refusal>;

/// A job that is or was, and whether it is over.
pub(crate) struct Entry {
    pub(crate) job: Job,
    pub(crate) is_over: bool,
    /// What its submitter wrote; of a retry, what the failed job had.
    pub(crate) submitted: JobSpec,
    /// The retries that its submitter wrote, or nothing if they are its action's.
    pub(crate) submitted_retries: Option<u32>,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) now: u64,
    pub(crate) sequence: u64,
    /// How many jobs and leases there were before the first that this model saw.
    jobs_before: u64,
    pub(crate) last_lease: u64,
    /// Jobs up to this place are due; only a flood of due jobs makes it lag behind the time.
    due_up_to: (u64, JobIdOrNone),
    /// All jobs that ever were, in the order of their creation.
    pub(crate) jobs: Vec<Entry>,
    /// Their runs and what they use are worked out anew whenever somebody looks.
    pub(crate) workers: Vec<Worker>,
    /// What has ended, in that order, and in which entry.
    pub(crate) ended: Vec<(u64, JobId)>,
    /// The entry that ended the last job that was forgotten before this model's time.
    forgotten_before: u64,
    pub(crate) configuration: Configuration,
    pub(crate) tokens: Tokens,
    /// The actions whose queues are paused.
    pub(crate) paused: BTreeMap<String, QueuePause>,
    pub(crate) members: members::Members,
    /// How far the feature level was raised; 0 if it never was.
    pub(crate) level: u32,
    /// The rows of the table that were taken.
    pub(crate) rows: BTreeSet<(Status, Status)>,
    events: Vec<Event>,
}

/// A place beside a time; `None` is before all jobs of that time.
type JobIdOrNone = Option<JobId>;

impl Model {
    /// A model that begins where `parts` stand, which have no jobs and no workers.
    pub(crate) fn beginning_at(parts: &Parts) -> Self {
        assert!(parts.jobs.is_empty() && parts.workers.is_empty(), "the model begins empty");
        Self {
            now: parts.now.as_ms(),
            sequence: parts.sequence,
            jobs_before: parts.last_job,
            last_lease: parts.last_lease.0,
            ended: parts.recently_ended.clone(),
            forgotten_before: parts.recently_ended_floor,
            ..Self::default()
        }
    }

    pub(crate) fn apply(&mut self, at: u64, command: &Command) -> Outcome {
        self.sequence += 1;
        self.now = self.now.max(at);
        self.end_late_ones();
        self.make_due();
        let reply = match command {
            Command::Tick => Ok(Reply::Ok),
            Command::Submit(new) => self.submit(new),
            Command::Cancel { job } => self.cancel(*job),
            Command::Delete { job } => Ok(self.delete(*job)),
            Command::Bulk(bulk) => Ok(self.bulk(bulk)),
            Command::PauseQueue { action, by, reason } => self.pause_queue(action, by, reason),
            Command::ResumeQueue { action } => Ok(self.resume_queue(action)),
            Command::SetCapacity { worker, capacity } => self.set_capacity(*worker, capacity),
            Command::Drain { worker, limit } => self.drain(*worker, *limit),
            Command::Resume { worker } => self.resume(*worker),
            Command::GiveToken { worker, epoch, job, lease, hash } => {
                self.give_token((*worker, *epoch), (*job, *lease), *hash)
            }
            Command::Register(new) => self.register(new),
            Command::Offer(new) => self.offer(new),
            Command::Confirm { worker, epoch } => self.confirm(*worker, *epoch),
            Command::Heartbeat { worker, epoch } => self.heartbeat(*worker, *epoch),
            Command::Claim { worker, epoch, max } => self.claim(*worker, *epoch, *max),
            Command::AppendLines { worker, epoch, job, lease, first, lines } => {
                self.append((*worker, *epoch), (*job, *lease), *first, lines)
            }
            Command::Finish { worker, epoch, runs } => self.finish(*worker, *epoch, runs),
            Command::Leave { worker, epoch } => self.leave(*worker, *epoch),
            Command::Expire { worker, epoch, renewal } => self.expire(*worker, *epoch, *renewal),
            Command::PutCron(new) => self.put_cron(new),
            Command::DeleteCron { action, undecided } => {
                self.delete_cron(action, undecided.as_deref())
            }
            Command::Fire(firings) => self.fire(firings),
            Command::PauseCron { action } => self.pause_cron(action, true),
            Command::ResumeCron { action } => self.pause_cron(action, false),
            Command::RunCron { action, job, drawn } => self.run_cron(action, *job, *drawn),
            Command::PutActionConfig(config) => self.put_action_config(config),
            Command::DeleteActionConfig { action } => self.delete_action_config(action),
            Command::PutSettings(change) => self.put_settings(change),
            Command::Compact(step) => self.compact(step),
            Command::Close { hash } => Ok(self.close_cluster(*hash)),
            Command::ResetAdmin { hash } => self.reset_admin(*hash),
            Command::Refound => Ok(self.refound()),
            Command::CreateToken(new) => self.create_token(new),
            Command::RevokeToken { id } => self.revoke_token(*id),
            Command::Members(change) => self.members(change),
            Command::RaiseLevel { to } => self.raise_level(to.get()),
        };
        Outcome { reply, events: std::mem::take(&mut self.events) }
    }

    /// Where the live job of this id stands in the list.
    pub(crate) fn live(&self, id: JobId) -> Option<usize> {
        self.jobs.iter().position(|entry| !entry.is_over && entry.job.id == id)
    }

    pub(crate) fn live_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|entry| !entry.is_over).map(|entry| &entry.job)
    }

    /// Whether anybody may claim the job once it is due.
    pub(crate) fn is_free(job: &Job) -> bool {
        [Status::Waiting, Status::WorkerDead, Status::WorkerShutdown].contains(&job.status)
            && job.ending.is_none()
    }

    pub(crate) fn is_due(&self, job: &Job) -> bool {
        (job.scheduled_at.as_ms(), Some(job.id)) <= self.due_up_to
    }

    /// Free jobs whose time has come become due, by time and id; of very many, some with the next
    /// entry.
    fn make_due(&mut self) {
        let mut places: Vec<_> = self
            .live_jobs()
            .filter(|job| Self::is_free(job) && !self.is_due(job))
            .map(|job| (job.scheduled_at.as_ms(), Some(job.id)))
            .filter(|(time, _)| *time <= self.now)
            .collect();
        places.sort_unstable();
        let is_flood = places.len() >= limits::PROMOTIONS_PER_ENTRY_MAX;
        places.truncate(limits::PROMOTIONS_PER_ENTRY_MAX);
        self.due_up_to = match places.last() {
            Some(last) if is_flood => *last,
            _ => self.due_up_to.max((self.now, Some(JobId::from_bytes([0xff; 16])))),
        };
        for id in places.into_iter().filter_map(|(_, id)| id) {
            let i = self.live(id).expect("it was just found");
            self.tell(Event::Due, i);
        }
    }

    fn submit(&mut self, new: &NewJob) -> Answer {
        if let Some(i) = self.live(new.id) {
            let (job, written) = (&self.jobs[i].job, self.jobs[i].submitted_retries);
            // Nobody can tell no retries from nothing said, where the action says nothing either.
            let retries = new.retries.or(written.filter(|retries| *retries == 0));
            let is_same = self.jobs[i].submitted == new.spec
                && written == retries
                && job.parent == new.parent.map(|parent| parent.job)
                && job.policy == new.policy
                && job.retry_from == new.retry_from.unwrap_or(new.id);
            let same = Reply::Submitted(Arc::new(job.clone()));
            return if is_same { Ok(same) } else { Err(Refusal::IdTaken(new.id)) };
        }
        if let Some(answer) = self.had_before(new.id, new.drawn) {
            return answer;
        }
        if let Some(twin) = self.twin(new) {
            return Ok(Reply::Submitted(Arc::new(self.jobs[twin].job.clone())));
        }
        let i = self.create_whole(new)?;
        if let Some(job) = new.retry_from {
            self.events.push(Event::Retried { job, by: new.id });
        }
        self.announce_new(i);
        Ok(Reply::Submitted(Arc::new(self.jobs[i].job.clone())))
    }

    /// A job with all that its action and the config of that have for it.
    fn create_whole(&mut self, new: &NewJob) -> Result<usize, Refusal> {
        self.admit(new)?;
        new.parent.map_or(Ok(()), |parent| self.takes_child(parent))?;
        let scheduled_at = new.scheduled_at.unwrap_or(Timestamp::from_ms(self.now));
        let (spec, retries, from_config, left_out) = if new.retry_from.is_none() {
            self.whole(new)?
        } else {
            // It is as its action declares it now.
            if let Some(offer) = self.offered(&new.spec.action) {
                let parameters = new.spec.parameters.clone().unwrap_or_default();
                Self::as_declared(&new.spec.action, &offer, &parameters)?;
            }
            (new.spec.clone(), new.retries.unwrap_or(0), BTreeSet::new(), BTreeSet::new())
        };
        let retry_from = new.retry_from.unwrap_or(new.id);
        let i = self.create(new.id, retry_from, spec, scheduled_at, (retries, retries));
        self.jobs[i].submitted = new.spec.clone();
        if left_out.contains(&LeftOut::Retries) {
            self.jobs[i].submitted_retries = None;
        }
        self.jobs[i].job.policy = new.policy.clone();
        self.jobs[i].job.from_config = from_config;
        self.jobs[i].job.parent = new.parent.map(|parent| parent.job);
        self.jobs[i].job.left_out = left_out;
        Ok(i)
    }

    /// The answer to a submission of which it is known, or cannot be known, whether it was here.
    fn had_before(&self, id: JobId, drawn: u64) -> Option<Answer> {
        let forgotten = self.ended.len().saturating_sub(limits::RECENTLY_ENDED_MAX);
        let (forgotten, remembered) = self.ended.split_at(forgotten);
        if remembered.iter().any(|(_, ended)| *ended == id) {
            return Some(Ok(Reply::SubmittedBefore(id)));
        }
        let forgotten_up_to = forgotten.last().map_or(self.forgotten_before, |(entry, _)| *entry);
        (drawn < forgotten_up_to).then_some(Err(Refusal::SubmitTooLate(id)))
    }

    /// The limits that a submission of the simulation can meet.
    fn admit(&self, new: &NewJob) -> Result<(), Refusal> {
        self.known(&new.spec.action)?;
        over_limit(u64::from(new.retries.unwrap_or(0)), u64::from(limits::RETRIES_MAX))?;
        new.spec.capacity_map.as_ref().map_or(Ok(()), capacity_limits)?;
        self.admit_policy(new)
    }

    fn known(&self, action: &str) -> Result<(), Refusal> {
        let is_offered = self.workers.iter().any(|w| w.actions.contains_key(action));
        let built_in = ["sleep", "false", "noop", "webhook", "onlinegc_joblogs"];
        if is_offered || built_in.contains(&action) {
            Ok(())
        } else {
            Err(Refusal::NoSuchAction(action.to_owned()))
        }
    }

    fn create(
        &mut self,
        id: JobId,
        retry_from: JobId,
        spec: JobSpec,
        scheduled_at: Timestamp,
        (retries_left, retries_total): (u32, u32),
    ) -> usize {
        let now = Timestamp::from_ms(self.now);
        let submitted = spec.clone();
        let job = Job {
            id,
            retry_from,
            spec,
            status: Status::Waiting,
            sequence: self.jobs_before + u64::try_from(self.jobs.len()).expect("few") + 1,
            created_at: now,
            scheduled_at,
            last_updated: now,
            retries_left,
            retries_total,
            worker: None,
            delete_requested: false,
            cancel_requested: false,
            reclaims: 0,
            attempt_count: 0,
            attempts: Vec::new(),
            line_count: 0,
            from_config: BTreeSet::new(),
            parent: None,
            children: Children::default(),
            ending: None,
            token: None,
            left_out: BTreeSet::new(),
            cron: None,
            policy: Policy::default(),
            is_expired: false,
            retried_by: None,
        };
        let submitted_retries = Some(retries_total);
        self.jobs.push(Entry { job, is_over: false, submitted, submitted_retries });
        self.jobs.len() - 1
    }

    fn announce_new(&mut self, i: usize) {
        self.tell_parent_of(i);
        self.tell(Event::Submitted, i);
        if self.is_due(&self.jobs[i].job) {
            self.tell(Event::Due, i);
        }
    }

    fn cancel(&mut self, id: JobId) -> Answer {
        let i = self.live(id).ok_or(Refusal::NoSuchJob(id))?;
        if Self::is_free(&self.jobs[i].job) {
            self.end(i, Status::Cancel);
        } else {
            self.ask_to_stop(i);
        }
        Ok(Reply::Ok)
    }

    fn delete(&mut self, id: JobId) -> Reply {
        match self.live(id) {
            // History's business.
            None => self.events.push(Event::Deleted(id)),
            Some(i) if Self::is_free(&self.jobs[i].job) => self.end(i, Status::Deleted),
            Some(i) => {
                self.jobs[i].job.delete_requested = true;
                self.ask_to_stop(i);
            }
        }
        Reply::Ok
    }

    /// Its worker ends it, and hears of that as often as somebody asks.
    fn ask_to_stop(&mut self, i: usize) {
        self.jobs[i].job.cancel_requested = true;
        if self.jobs[i].job.status == Status::Running {
            self.set_status(i, Status::CancelRequest);
        }
        self.tell(Event::CancelRequested, i);
        self.cancel_children(i);
    }

    fn set_status(&mut self, i: usize, to: Status) {
        let from = self.jobs[i].job.status;
        assert!(table::has_row(from, to), "the model takes a row that is not there: {from} {to}");
        self.rows.insert((from, to));
        self.jobs[i].job.status = to;
        self.jobs[i].job.last_updated = Timestamp::from_ms(self.now);
    }

    /// The job is over as `status`, when its children are.
    fn end(&mut self, i: usize, status: Status) {
        self.conclude(i, Ending::Over(status));
    }

    fn fail(&mut self, i: usize) {
        self.conclude(i, Ending::Failure);
    }

    /// The job is over as `status`, and gone at once if somebody wanted it deleted.
    fn depart(&mut self, i: usize, status: Status) {
        self.set_status(i, status);
        if self.jobs[i].job.delete_requested && status != Status::Deleted {
            self.set_status(i, Status::Deleted);
        }
        self.jobs[i].is_over = true;
        self.ended.push((self.sequence, self.jobs[i].job.id));
        self.tell(Event::Ended, i);
    }

    /// A job that has failed is tried again, as a new one.
    fn retry(&mut self, i: usize) {
        let failed = self.jobs[i].job.clone();
        let now = Timestamp::from_ms(self.now);
        let backoff = failed.attempts.last().map(|run| run.traits.backoff).unwrap_or_default();
        let wait = backoff.wait(failed.retries_total - failed.retries_left, failed.id);
        let id = failed.id.derive(now, "retry");
        let retries = (failed.retries_left - 1, failed.retries_total);
        let retry = self.create(id, failed.id, failed.spec, now.plus(wait), retries);
        self.jobs[retry].job.cron = failed.cron;
        self.jobs[retry].job.parent = failed.parent;
        self.jobs[retry].job.policy = failed.policy;
        self.announce_new(retry);
    }

    fn tell(&mut self, event: fn(Arc<Job>) -> Event, i: usize) {
        self.events.push(event(Arc::new(self.jobs[i].job.clone())));
    }

    fn next_lease(&mut self) -> LeaseId {
        self.last_lease += 1;
        LeaseId(self.last_lease)
    }
}

/// What a job takes, name by name; nothing where it says nothing.
pub(crate) fn need_of(job: &Job) -> BTreeMap<String, u64> {
    let map = job.spec.capacity_map.iter().flat_map(CapacityMap::iter);
    map.map(|(name, amount)| (name.to_owned(), amount)).filter(|(_, amount)| *amount > 0).collect()
}

/// Refusals over a limit are compared without their words.
fn over_limit(got: u64, limit: u64) -> Result<(), Refusal> {
    if got <= limit { Ok(()) } else { Err(Refusal::OverLimit { what: "".into(), got, limit }) }
}

fn capacity_limits(map: &CapacityMap) -> Result<(), Refusal> {
    map.iter().try_for_each(|(_, amount)| over_limit(amount, limits::CAPACITY_AMOUNT_MAX))
}
