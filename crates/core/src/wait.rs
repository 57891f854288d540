//! Why jobs wait.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::capacity::CapacityMap;
use crate::id::{JobId, WorkerId};
use crate::job::Job;
use crate::limits;
use crate::query::ListKey;
use crate::state::State;
use crate::time::Timestamp;
use crate::worker::{Worker, WorkerStatus};

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

/// Jobs of one action that are due and that no worker which lives could run, even if it had nothing
/// else to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Their action.
    pub action: String,
    /// How many there are.
    pub count: usize,
    /// Why some of them fit nowhere.
    pub reason: WaitReason,
}

impl State {
    /// Why a job waits; `None` if it does not.
    pub fn why_waiting(&self, job: &Job) -> Option<WaitReason> {
        Waits::new(self).why(job)
    }

    /// The jobs that fit nowhere, by their actions; of no more than `shapes_max` kinds of jobs. What it
    /// costs does not depend on how many jobs wait.
    pub fn stuck(&self, shapes_max: usize) -> Vec<Stuck> {
        let mut all: Vec<Stuck> = Vec::new();
        let shapes = self.queue.shapes().filter(|(action, ..)| !self.paused.contains_key(*action));
        for (action, need, count) in shapes.take(shapes_max) {
            let reason = self.why_due(action, need);
            if !matches!(reason, WaitReason::NoWorkerOffers(_) | WaitReason::NoWorkerHas(_)) {
                continue;
            }
            match all.last_mut().filter(|last| last.action == action) {
                Some(last) => last.count += count,
                None => all.push(Stuck { action: action.to_owned(), count, reason }),
            }
        }
        all
    }

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
