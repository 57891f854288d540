//! Live jobs in the order of lists: by scheduled time, for all, per action and per worker; and how
//! many there are of each shape.

use std::collections::{BTreeMap, BTreeSet};

use crate::capacity::CapacityMap;
use crate::id::{JobId, WorkerId};
use crate::job::Job;
use crate::limits;
use crate::query::ListKey;
use crate::status::Status;

type Keys = BTreeSet<ListKey>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Index {
    all: Keys,
    by_action: BTreeMap<String, Keys>,
    by_worker: BTreeMap<WorkerId, Keys>,
    /// Those that come from crons, by their action.
    by_cron: BTreeMap<String, BTreeSet<JobId>>,
    /// By action and capacity map.
    shapes: BTreeMap<String, BTreeMap<CapacityMap, usize>>,
    /// By action and unique key.
    unique: BTreeMap<String, BTreeMap<String, JobId>>,
    /// How many jobs of an action run.
    running: BTreeMap<String, usize>,
    /// How many jobs have a status; none is not there.
    statuses: BTreeMap<Status, usize>,
}

impl Index {
    pub(crate) fn insert(&mut self, job: &Job) {
        let key = ListKey::of(job);
        self.all.insert(key);
        if let Some(keys) = self.by_action.get_mut(&job.spec.action) {
            keys.insert(key);
        } else {
            self.by_action.insert(job.spec.action.clone(), BTreeSet::from([key]));
        }
        if let Some(worker) = job.worker {
            self.by_worker.entry(worker).or_default().insert(key);
        }
        if job.cron.is_some() {
            self.by_cron.entry(job.spec.action.clone()).or_default().insert(job.id);
        }
        if !self.shapes.contains_key(&job.spec.action) {
            self.shapes.insert(job.spec.action.clone(), BTreeMap::new());
        }
        if let Some(shapes) = self.shapes.get_mut(&job.spec.action) {
            *shapes.entry(job.need()).or_default() += 1;
        }
        if let Some(key) = &job.policy.unique_key {
            let keys = self.unique.entry(job.spec.action.clone()).or_default();
            let other = keys.insert(key.clone(), job.id);
            assert!(other.is_none(), "job {}: {other:?} has its unique key", job.id);
        }
        self.set_running(&job.spec.action, false, job.status.is_running());
        self.set_status(None, Some(job.status));
    }

    pub(crate) fn remove(&mut self, job: &Job) {
        let key = ListKey::of(job);
        self.all.remove(&key);
        if let Some(keys) = self.by_action.get_mut(&job.spec.action) {
            keys.remove(&key);
            if keys.is_empty() {
                self.by_action.remove(&job.spec.action);
            }
        }
        self.set_worker(key, job.worker, None);
        if job.cron.is_some()
            && let Some(jobs) = self.by_cron.get_mut(&job.spec.action)
        {
            jobs.remove(&job.id);
            if jobs.is_empty() {
                self.by_cron.remove(&job.spec.action);
            }
        }
        if let Some(shapes) = self.shapes.get_mut(&job.spec.action) {
            let need = job.need();
            match shapes.get_mut(&need) {
                Some(jobs) if *jobs > 1 => *jobs -= 1,
                Some(_) | None => {
                    shapes.remove(&need);
                }
            }
            if shapes.is_empty() {
                self.shapes.remove(&job.spec.action);
            }
        }
        if let Some(key) = &job.policy.unique_key
            && let Some(keys) = self.unique.get_mut(&job.spec.action)
        {
            keys.remove(key);
            if keys.is_empty() {
                self.unique.remove(&job.spec.action);
            }
        }
        self.set_running(&job.spec.action, job.status.is_running(), false);
        self.set_status(Some(job.status), None);
    }

    /// The live job of the action that has this unique key.
    pub(crate) fn unique(&self, action: &str, key: &str) -> Option<JobId> {
        self.unique.get(action)?.get(key).copied()
    }

    /// How many jobs of the action run.
    pub(crate) fn running_of(&self, action: &str) -> usize {
        self.running.get(action).copied().unwrap_or(0)
    }

    /// How many jobs run, of all actions.
    pub(crate) fn running_count(&self) -> usize {
        self.running.values().sum()
    }

    /// The actions that have live jobs.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &String> {
        self.by_action.keys()
    }

    pub(crate) fn set_running(&mut self, action: &str, before: bool, after: bool) {
        match (before, after) {
            (false, true) => *self.running.entry(action.to_owned()).or_default() += 1,
            (true, false) => match self.running.get_mut(action) {
                Some(jobs) if *jobs > 1 => *jobs -= 1,
                Some(_) | None => {
                    self.running.remove(action);
                }
            },
            (true, true) | (false, false) => {}
        }
    }

    /// How many jobs there are of each status.
    pub(crate) fn count_by_status(&self) -> &BTreeMap<Status, usize> {
        &self.statuses
    }

    pub(crate) fn set_status(&mut self, before: Option<Status>, after: Option<Status>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            match self.statuses.get_mut(&before) {
                Some(jobs) if *jobs > 1 => *jobs -= 1,
                Some(_) | None => {
                    self.statuses.remove(&before);
                }
            }
        }
        if let Some(after) = after {
            *self.statuses.entry(after).or_default() += 1;
        }
    }

    /// The live jobs that crons of the action have created, the oldest tick first; never none.
    pub(crate) fn of_cron(&self, action: &str) -> Option<&BTreeSet<JobId>> {
        self.by_cron.get(action)
    }

    /// Whether a job of this action and capacity map would bring one shape too many: see
    /// [`limits::SHAPES_PER_ACTION_MAX`].
    pub(crate) fn is_one_shape_too_many(&self, action: &str, need: &CapacityMap) -> bool {
        self.shapes.get(action).is_some_and(|shapes| {
            shapes.len() >= limits::SHAPES_PER_ACTION_MAX && !shapes.contains_key(need)
        })
    }

    pub(crate) fn set_worker(
        &mut self,
        key: ListKey,
        before: Option<WorkerId>,
        after: Option<WorkerId>,
    ) {
        if before == after {
            return;
        }
        if let Some(worker) = before
            && let Some(keys) = self.by_worker.get_mut(&worker)
        {
            keys.remove(&key);
            if keys.is_empty() {
                self.by_worker.remove(&worker);
            }
        }
        if let Some(worker) = after {
            self.by_worker.entry(worker).or_default().insert(key);
        }
    }

    /// The smallest set of keys that has all live jobs of this action and this worker.
    pub(crate) fn keys(&self, action: Option<&str>, worker: Option<WorkerId>) -> Option<&Keys> {
        match (worker, action) {
            (Some(worker), _) => self.by_worker.get(&worker),
            (None, Some(action)) => self.by_action.get(action),
            (None, None) => Some(&self.all),
        }
    }
}
