//! What a client may ask of the state, answered by looking at every job.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use stint_core::{
    Filter, Job, JobId, ListKey, Order, Status, Timestamp, WaitReason, Worker, WorkerId,
    WorkerStatus, limits,
};

use super::{Model, need_of};

impl Model {
    pub(crate) fn list(
        &self,
        filter: &Filter,
        after: Option<ListKey>,
        most: usize,
    ) -> Vec<Arc<Job>> {
        self.list_in(Order::NewestFirst, filter, after, most)
    }

    pub(crate) fn list_in(
        &self,
        order: Order,
        filter: &Filter,
        after: Option<ListKey>,
        most: usize,
    ) -> Vec<Arc<Job>> {
        let runs = |job: &Job| [Status::Running, Status::CancelRequest].contains(&job.status);
        let mut jobs: Vec<_> = self
            .live_jobs()
            .filter(|job| filter.action.is_none() || filter.action == Some(job.spec.action.clone()))
            .filter(|job| filter.worker.is_none() || filter.worker == job.worker)
            .filter(|job| filter.is_running.is_none() || filter.is_running == Some(runs(job)))
            .filter(|job| filter.statuses.is_empty() || filter.statuses.contains(&job.status))
            .filter(|job| filter.since.is_none_or(|since| since <= job.scheduled_at))
            .filter(|job| filter.until.is_none_or(|until| job.scheduled_at <= until))
            .map(|job| Arc::new(job.clone()))
            .collect();
        jobs.sort_by_key(|job| Reverse((job.scheduled_at, job.id)));
        let after = after.map(|after| (after.scheduled_at, after.id));
        match order {
            Order::NewestFirst => {
                jobs.retain(|job| after.is_none_or(|after| (job.scheduled_at, job.id) < after));
            }
            Order::OldestFirst => {
                jobs.reverse();
                jobs.retain(|job| after.is_none_or(|after| (job.scheduled_at, job.id) > after));
            }
        }
        jobs.truncate(most);
        jobs
    }

    pub(crate) fn due_count(&self) -> usize {
        self.live_jobs().filter(|job| Self::is_free(job) && self.is_due(job)).count()
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let waiting = self.live_jobs().filter(|job| Self::is_free(job) && !self.is_due(job));
        let due = waiting.map(|job| job.scheduled_at);
        let free = self.live_jobs().filter(|job| Self::is_free(job));
        due.chain(free.filter_map(|job| job.policy.expires_at)).min()
    }

    pub(crate) fn has_work_for(&self, id: WorkerId) -> bool {
        self.worker(id).map(|w| &self.workers[w]).is_some_and(|worker| {
            let may_claim = worker.status == WorkerStatus::Running && worker.is_confirmed;
            may_claim && !self.choose(worker, 1).is_empty()
        })
    }

    pub(crate) fn why_waiting(&self, job: &Job) -> Option<WaitReason> {
        if !Self::is_free(job) {
            return None;
        }
        if !self.is_due(job) {
            return Some(WaitReason::NotDue(job.scheduled_at));
        }
        let action = &job.spec.action;
        if self.paused.contains_key(action) {
            return Some(WaitReason::Paused(action.clone()));
        }
        let able: Vec<_> = self
            .workers
            .iter()
            .filter(|w| w.status == WorkerStatus::Running && w.is_confirmed)
            .filter(|w| w.actions.contains_key(action))
            .collect();
        let need = job.spec.capacity_map.clone().unwrap_or_default();
        Some(if able.is_empty() {
            WaitReason::NoWorkerOffers(action.clone())
        } else if able.iter().all(|w| !Self::fits(w, &BTreeMap::new(), job)) {
            WaitReason::NoWorkerHas(need)
        } else {
            let has_room = |w: &&&Worker| Self::fits(w, &BTreeMap::new(), job);
            let able: Vec<_> = able.iter().filter(has_room).collect();
            let taking: Vec<_> = able.iter().filter(|w| w.draining.is_none()).collect();
            if taking.is_empty() {
                let mut ids: Vec<_> = able.iter().map(|w| w.id).collect();
                ids.sort_unstable();
                ids.truncate(limits::WAIT_NAMES_MAX);
                WaitReason::Draining(ids)
            } else if taking.iter().any(|w| Self::fits(w, &self.used_by(w.id), job)) {
                WaitReason::Soon
            } else {
                WaitReason::CapacityInUse { by: self.holders(&taking, job), need }
            }
        })
    }

    /// The first jobs on these workers that use something of what this one needs.
    fn holders(&self, workers: &[&&&Worker], job: &Job) -> Vec<JobId> {
        let mut ids: Vec<_> = workers.iter().map(|w| w.id).collect();
        ids.sort_unstable();
        let needed = need_of(job);
        let uses = |i: &usize| need_of(&self.jobs[*i].job).keys().any(|n| needed.contains_key(n));
        let runs = ids.into_iter().flat_map(|id| self.runs_of(id)).filter(uses);
        runs.map(|i| self.jobs[i].job.id).take(limits::WAIT_NAMES_MAX).collect()
    }
}
