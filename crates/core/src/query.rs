//! Reading the state: single records, ordered lists, and why a job waits.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::action_config::ActionConfig;
use crate::cron::Cron;
use crate::id::{CronId, JobId, TokenId, WorkerId};
use crate::job::Job;
use crate::policy::Priority;
use crate::settings::Settings;
use crate::state::State;
use crate::status::Status;
use crate::time::Timestamp;
use crate::token::Token;
use crate::worker::Worker;

/// The place of a job in a list: by scheduled time, then by id. Lists run from the largest down, unless
/// their [`Order`] is the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListKey {
    /// From when on the job can be claimed.
    pub scheduled_at: Timestamp,
    /// The job.
    pub id: JobId,
}

impl ListKey {
    /// The place of this job.
    pub fn of(job: &Job) -> Self {
        Self { scheduled_at: job.scheduled_at, id: job.id }
    }

    /// The first place of all jobs scheduled from `instant` on.
    const fn start_of(instant: Timestamp) -> Self {
        Self { scheduled_at: instant, id: JobId::from_bytes([0; 16]) }
    }

    /// The last place of all jobs scheduled up to `instant`.
    pub(crate) const fn end_of(instant: Timestamp) -> Self {
        Self { scheduled_at: instant, id: JobId::from_bytes([0xff; 16]) }
    }
}

impl Default for ListKey {
    /// The place before all jobs.
    fn default() -> Self {
        Self { scheduled_at: Timestamp::ZERO, id: JobId::from_bytes([0; 16]) }
    }
}

/// From which end a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// From what is scheduled latest.
    #[default]
    NewestFirst,
    /// From what is scheduled earliest.
    OldestFirst,
}

impl Order {
    /// How two places stand to each other in a list; the smaller one comes first.
    pub fn compare(self, a: &ListKey, b: &ListKey) -> Ordering {
        match self {
            Self::NewestFirst => b.cmp(a),
            Self::OldestFirst => a.cmp(b),
        }
    }
}

/// Which jobs a list has; `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only jobs of this action.
    pub action: Option<String>,
    /// Only jobs that this worker runs or ran last.
    pub worker: Option<WorkerId>,
    /// Only jobs that run now, or only those that do not.
    pub is_running: Option<bool>,
    /// Only jobs of these statuses; of any, if there is none.
    pub statuses: BTreeSet<Status>,
    /// Only jobs that are scheduled for this instant or later.
    pub since: Option<Timestamp>,
    /// Only jobs that are scheduled for this instant or earlier.
    pub until: Option<Timestamp>,
    /// Only jobs whose latest attempt began at this instant or later.
    pub started_since: Option<Timestamp>,
    /// Only jobs whose latest attempt began at this instant or earlier.
    pub started_until: Option<Timestamp>,
    /// Only jobs that are over, and ended at this instant or later.
    pub ended_since: Option<Timestamp>,
    /// Only jobs that are over, and ended at this instant or earlier.
    pub ended_until: Option<Timestamp>,
    /// Only children of this job.
    pub parent: Option<JobId>,
    /// Only jobs of this cron.
    pub cron: Option<CronId>,
    /// Only jobs with this text in the name or the value of a parameter.
    pub text: Option<String>,
    /// Only jobs of this priority.
    pub priority: Option<Priority>,
    /// Only jobs with this unique key.
    pub unique_key: Option<String>,
    /// Only jobs that have failed for good: [`Job::has_failed_for_good`].
    pub is_failed: bool,
    /// Only jobs up to this one in the order of creation: [`Job::sequence`].
    pub created_up_to: Option<u64>,
}

impl Filter {
    /// Whether the list has this job.
    pub fn matches(&self, job: &Job) -> bool {
        self.action.as_ref().is_none_or(|action| *action == job.spec.action)
            && self.worker.is_none_or(|worker| Some(worker) == job.worker)
            && self.is_running.is_none_or(|running| running == job.status.is_running())
            && (self.statuses.is_empty() || self.statuses.contains(&job.status))
            && self.since.is_none_or(|since| job.scheduled_at >= since)
            && self.until.is_none_or(|until| job.scheduled_at <= until)
            && within((self.started_since, self.started_until), || {
                job.attempts.last().map(|attempt| attempt.started_at)
            })
            && within((self.ended_since, self.ended_until), || {
                job.is_over().then_some(job.last_updated)
            })
            && (self.parent.is_none() || self.parent == job.parent)
            && self.cron.is_none_or(|cron| job.cron.is_some_and(|link| link.id == cron))
            && self.text.as_ref().is_none_or(|text| has_text(job, text))
            && self.priority.is_none_or(|priority| priority == job.policy.priority)
            && (self.unique_key.is_none() || self.unique_key == job.policy.unique_key)
            && (!self.is_failed || job.has_failed_for_good())
            && self.created_up_to.is_none_or(|last| job.sequence <= last)
    }

    /// Whether nothing that is alive can match.
    pub fn is_of_history(&self) -> bool {
        let is_over = |status: &Status| {
            matches!(status, Status::Done | Status::Error | Status::Cancel | Status::Deleted)
        };
        // What has lost its worker for good keeps its status.
        self.is_failed || !self.statuses.is_empty() && self.statuses.iter().all(is_over)
    }

    /// Whether nothing that is over can match.
    pub fn is_of_state(&self) -> bool {
        let is_alive = |status: &Status| {
            matches!(
                status,
                Status::Waiting
                    | Status::Running
                    | Status::CancelRequest
                    | Status::WorkerResurrection
            )
        };
        self.is_running == Some(true)
            || !self.statuses.is_empty() && self.statuses.iter().all(is_alive)
    }

    /// Whether action, worker and the times of the schedule say all of it, where a job is over.
    pub fn is_plain(&self) -> bool {
        let (action, worker) = (self.action.clone(), self.worker);
        let (is_running, since, until) = (self.is_running, self.since, self.until);
        *self == Self { action, worker, is_running, since, until, ..Self::default() }
    }

    /// Whether only jobs that run now can match.
    fn is_of_running(&self) -> bool {
        self.is_running == Some(true)
            || !self.statuses.is_empty() && self.statuses.iter().all(|status| status.is_running())
    }
}

/// Whether it has happened within these bounds, if there are any.
fn within(
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    at: impl FnOnce() -> Option<Timestamp>,
) -> bool {
    since.is_none() && until.is_none()
        || at().is_some_and(|at| {
            since.is_none_or(|since| at >= since) && until.is_none_or(|until| at <= until)
        })
}

fn has_text(job: &Job, text: &str) -> bool {
    let parameters = job.spec.parameters.iter().flatten();
    parameters.into_iter().any(|(name, value)| name.contains(text) || value.contains(text))
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// The jobs that match, in the order of the list.
    pub jobs: Vec<Arc<Job>>,
    /// The last place that was looked at, if there are more behind it.
    pub stopped: Option<ListKey>,
}

impl State {
    /// The cluster's clock: the time of the last entry.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How many commands have been applied.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// [`Job::sequence`] of the last job that was created.
    pub fn last_job(&self) -> u64 {
        self.last_job
    }

    /// A job that is not over.
    pub fn job(&self, id: JobId) -> Option<&Arc<Job>> {
        self.jobs.get(&id)
    }

    /// The jobs that are not over, in no order that a list has.
    pub fn jobs(&self) -> impl ExactSizeIterator<Item = &Arc<Job>> {
        self.jobs.values()
    }

    /// A worker, dead ones included.
    pub fn worker(&self, id: WorkerId) -> Option<&Arc<Worker>> {
        self.workers.get(&id)
    }

    /// All workers in the order of their ids.
    pub fn workers(&self) -> impl ExactSizeIterator<Item = &Arc<Worker>> {
        self.workers.values()
    }

    /// Whether any worker, alive or not, offers the action.
    pub fn offers(&self, action: &str) -> bool {
        self.workers.values().any(|worker| worker.actions.contains_key(action))
    }

    /// The cron of an action.
    pub fn cron(&self, action: &str) -> Option<&Arc<Cron>> {
        self.crons.get(action)
    }

    /// All crons in the order of their actions.
    pub fn crons(&self) -> impl ExactSizeIterator<Item = &Arc<Cron>> {
        self.crons.values()
    }

    /// The config of an action.
    pub fn action_config(&self, action: &str) -> Option<&Arc<ActionConfig>> {
        self.action_configs.get(action)
    }

    /// All action configs in the order of their actions.
    pub fn action_configs(&self) -> impl ExactSizeIterator<Item = &Arc<ActionConfig>> {
        self.action_configs.values()
    }

    /// The settings of the cluster.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A token, which may have expired.
    pub fn token(&self, id: TokenId) -> Option<&Arc<Token>> {
        self.tokens.get(&id)
    }

    /// All tokens, also those that have expired, in the order of their ids.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &Arc<Token>> {
        self.tokens.values()
    }

    /// Whether callers need a token: there has been one, and it is never forgotten that there was.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// How many jobs are not over, by status.
    pub fn count_by_status(&self) -> &BTreeMap<Status, usize> {
        self.index.count_by_status()
    }

    /// How many jobs are due and not claimed.
    pub fn due_count(&self) -> usize {
        self.queue.len()
    }

    /// How many claimable jobs are scheduled for later.
    pub fn later_count(&self) -> usize {
        self.later.len()
    }

    /// The actions that have jobs which are due and not claimed: how many, and since when the
    /// oldest of them is due. Its cost is that of the shapes and of what runs, not of what waits.
    pub fn due_by_action(&self) -> impl Iterator<Item = (&str, usize, Timestamp)> {
        self.queue.actions().map(|action| {
            let queue = self.queue_of(action);
            (action, queue.due, queue.oldest_due.unwrap_or(self.now))
        })
    }

    /// Live jobs that match, newest first: those after `after` in that order, at most `limit`.
    pub fn list(&self, filter: &Filter, after: Option<ListKey>, limit: usize) -> Vec<Arc<Job>> {
        self.scan(filter, Order::NewestFirst, after, limit, usize::MAX).jobs
    }

    /// The same in either order, but no more than `places_max` jobs are looked at.
    pub fn scan(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<ListKey>,
        limit: usize,
        places_max: usize,
    ) -> Scan {
        if filter.is_of_running() {
            return self.list_running(filter, order, after, limit);
        }
        let mut scan = Scan::default();
        let Some(bounds) = bounds(filter, order, after) else { return scan };
        let keys = self.index.keys(filter.action.as_deref(), filter.worker);
        let mut keys = keys.into_iter().flat_map(|keys| keys.range(bounds));
        let mut next = || match order {
            Order::NewestFirst => keys.next_back(),
            Order::OldestFirst => keys.next(),
        };
        let (mut last, mut looked_at) = (None, 0);
        while let Some(key) = next() {
            if scan.jobs.len() >= limit || looked_at >= places_max {
                scan.stopped = last;
                break;
            }
            (last, looked_at) = (Some(*key), looked_at + 1);
            let job = self.expect_job(key.id);
            if filter.matches(job) {
                scan.jobs.push(Arc::clone(job));
            }
        }
        scan
    }

    /// The workers know what they run, and the family who waits for children, so that the waiting
    /// jobs need not be walked over.
    fn list_running(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<ListKey>,
        limit: usize,
    ) -> Scan {
        let mut jobs: Vec<_> = self
            .workers
            .values()
            .flat_map(|worker| worker.runs.keys())
            .chain(&self.family.ending)
            .map(|id| self.expect_job(*id))
            .filter(|job| filter.matches(job))
            .filter(|job| {
                after.is_none_or(|after| order.compare(&ListKey::of(job), &after).is_gt())
            })
            .map(Arc::clone)
            .collect();
        jobs.sort_by(|a, b| order.compare(&ListKey::of(a), &ListKey::of(b)));
        let is_cut = jobs.len() > limit;
        jobs.truncate(limit);
        let stopped = jobs.last().map(|job| ListKey::of(job)).filter(|_| is_cut);
        Scan { jobs, stopped }
    }
}

/// The places that a list may have behind `after`; `None` if there cannot be any.
fn bounds(
    filter: &Filter,
    order: Order,
    after: Option<ListKey>,
) -> Option<(Bound<ListKey>, Bound<ListKey>)> {
    let since = filter.since.map_or(ListKey::default(), ListKey::start_of);
    let until = filter.until.map(ListKey::end_of);
    // Of two bounds of one side the narrower one counts, and what is excluded is.
    let (lower, upper) = match (order, after) {
        (Order::NewestFirst, Some(after)) if until.is_none_or(|until| until >= after) => {
            (Bound::Included(since), Bound::Excluded(after))
        }
        (Order::OldestFirst, Some(after)) if since <= after => {
            (Bound::Excluded(after), until.map_or(Bound::Unbounded, Bound::Included))
        }
        (Order::NewestFirst | Order::OldestFirst, Some(_) | None) => {
            (Bound::Included(since), until.map_or(Bound::Unbounded, Bound::Included))
        }
    };
    let key = |bound: &Bound<ListKey>| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(*key),
        Bound::Unbounded => None,
    };
    let is_empty = key(&lower).zip(key(&upper)).is_some_and(|(lower, upper)| lower > upper);
    (!is_empty).then_some((lower, upper))
}
