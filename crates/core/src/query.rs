//! Reading the state: single records, ordered lists, and why a job waits.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use crate::action_config::ActionConfig;
use crate::capacity::CapacityMap;
use crate::cron::Cron;
use crate::id::{JobId, TokenId, WorkerId};
use crate::job::Job;
use crate::limits;
use crate::settings::Settings;
use crate::state::State;
use crate::time::Timestamp;
use crate::token::Token;
use crate::worker::{Worker, WorkerStatus};

/// The place of a job in a list: by scheduled time, then by id. Lists run from the largest down.
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

/// Which jobs a list has; `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only jobs of this action.
    pub action: Option<String>,
    /// Only jobs that this worker runs or ran last.
    pub worker: Option<WorkerId>,
    /// Only jobs that run now, or only those that do not.
    pub is_running: Option<bool>,
}

impl Filter {
    /// Whether the list has this job.
    pub fn matches(&self, job: &Job) -> bool {
        self.action.as_ref().is_none_or(|action| *action == job.spec.action)
            && self.worker.is_none_or(|worker| Some(worker) == job.worker)
            && self.is_running.is_none_or(|running| running == job.status.is_running())
    }
}

/// Why a job that can be claimed is not claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// It is scheduled for later.
    NotDue(Timestamp),
    /// Its action's queue is paused.
    Paused(String),
    /// No worker that lives offers its action.
    NoWorkerOffers(String),
    /// No worker that lives and offers its action has as much capacity at all.
    NoWorkerHas(CapacityMap),
    /// The capacity that it needs is in use.
    CapacityInUse {
        /// What it needs.
        need: CapacityMap,
        /// Jobs that use some of it, at most [`limits::WAIT_NAMES_MAX`].
        by: Vec<JobId>,
    },
    /// The workers that could run it take no more jobs: at most [`limits::WAIT_NAMES_MAX`] of them.
    Draining(Vec<WorkerId>),
    /// Nothing is in its way: it is about to be claimed.
    Soon,
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDue(_) => f.write_str("it is scheduled for later"),
            Self::Paused(action) => write!(f, "the queue of the action \"{action}\" is paused"),
            Self::NoWorkerOffers(action) => {
                write!(f, "no live worker offers the action \"{action}\"")
            }
            Self::NoWorkerHas(need) => write!(f, "no live worker has the capacity {}", Sum(need)),
            Self::CapacityInUse { need, .. } => write!(f, "the capacity {} is in use", Sum(need)),
            Self::Draining(_) => f.write_str("the workers that could run it are draining"),
            Self::Soon => f.write_str("it is about to be claimed"),
        }
    }
}

struct Sum<'a>(&'a CapacityMap);

impl fmt::Display for Sum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, amount)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{name}: {amount}")?;
        }
        Ok(())
    }
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
        if filter.is_running == Some(true) {
            return self.list_running(filter, after, limit);
        }
        let upper = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.index
            .keys(filter.action.as_deref(), filter.worker)
            .into_iter()
            .flat_map(|keys| keys.range((Bound::Unbounded, upper)).rev())
            .map(|key| self.expect_job(key.id))
            .filter(|job| filter.matches(job))
            .take(limit)
            .map(Arc::clone)
            .collect()
    }

    /// The workers know what they run, and the family who waits for children, so that the waiting
    /// jobs need not be walked over.
    fn list_running(&self, filter: &Filter, after: Option<ListKey>, limit: usize) -> Vec<Arc<Job>> {
        let mut jobs: Vec<_> = self
            .workers
            .values()
            .flat_map(|worker| worker.runs.keys())
            .chain(&self.family.ending)
            .map(|id| self.expect_job(*id))
            .filter(|job| filter.matches(job))
            .filter(|job| after.is_none_or(|after| ListKey::of(job) < after))
            .map(Arc::clone)
            .collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(ListKey::of(job)));
        jobs.truncate(limit);
        jobs
    }

    /// Why a job waits; `None` if it does not.
    pub fn why_waiting(&self, job: &Job) -> Option<WaitReason> {
        Waits::new(self).why(job)
    }
}

/// Why jobs wait. What is found for one is known for all that are like it, so that a page of a
/// thousand costs little more than a job of each kind.
#[derive(Debug)]
pub struct Waits<'a> {
    state: &'a State,
    /// By action and need: why a job that is due waits.
    known: BTreeMap<(String, CapacityMap), WaitReason>,
}

impl<'a> Waits<'a> {
    /// Nothing is known yet.
    pub const fn new(state: &'a State) -> Self {
        Self { state, known: BTreeMap::new() }
    }

    /// Why a job waits; `None` if it does not.
    pub fn why(&mut self, job: &Job) -> Option<WaitReason> {
        let state = self.state;
        if !job.is_claimable() || !state.jobs.contains_key(&job.id) {
            return None;
        }
        if state.later.contains(&ListKey::of(job)) {
            return Some(WaitReason::NotDue(job.scheduled_at));
        }
        if state.paused.contains_key(&job.spec.action) {
            return Some(WaitReason::Paused(job.spec.action.clone()));
        }
        let kind = (job.spec.action.clone(), job.need());
        if let Some(known) = self.known.get(&kind) {
            return Some(known.clone());
        }
        let reason = state.why_due(&kind.0, &kind.1);
        self.known.insert(kind, reason.clone());
        Some(reason)
    }
}

impl State {
    /// Why a job of this action and this need waits although it is due.
    fn why_due(&self, action: &str, need: &CapacityMap) -> WaitReason {
        let offering: Vec<_> = self
            .workers
            .values()
            .filter(|worker| worker.status == WorkerStatus::Running && worker.is_confirmed)
            .filter(|worker| worker.actions.contains_key(action))
            .collect();
        if offering.is_empty() {
            return WaitReason::NoWorkerOffers(action.to_owned());
        }
        let nothing = CapacityMap::default();
        let has = |worker: &&Arc<Worker>| worker.capacity().fits(&nothing, need);
        let able: Vec<&Arc<Worker>> = offering.into_iter().filter(has).collect();
        if able.is_empty() {
            return WaitReason::NoWorkerHas(need.clone());
        }
        let (draining, open): (Vec<&Arc<Worker>>, Vec<&Arc<Worker>>) =
            able.into_iter().partition(|worker| worker.draining.is_some());
        if open.is_empty() {
            let workers = draining.into_iter().map(|worker| worker.id);
            return WaitReason::Draining(workers.take(limits::WAIT_NAMES_MAX).collect());
        }
        if open.iter().any(|worker| worker.fits(need)) {
            return WaitReason::Soon;
        }
        let takes = |job: &JobId| {
            let held = self.expect_job(*job).need();
            need.iter().any(|(name, amount)| amount > 0 && held.amount(name) > 0)
        };
        let holders = open.iter().flat_map(|worker| worker.runs.keys().copied()).filter(takes);
        let by = holders.take(limits::WAIT_NAMES_MAX).collect();
        WaitReason::CapacityInUse { need: need.clone(), by }
    }
}
