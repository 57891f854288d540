//! What a client may ask of the state, answered by looking at every job.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use stint_core::{Filter, Job, ListKey, Status, Timestamp, WaitReason, WorkerId, WorkerStatus};

use super::Model;

impl Model {
    pub(crate) fn list(
        &self,
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
            .map(|job| Arc::new(job.clone()))
            .collect();
        jobs.sort_by_key(|job| Reverse((job.scheduled_at, job.id)));
        if let Some(after) = after {
            jobs.retain(|job| (job.scheduled_at, job.id) < (after.scheduled_at, after.id));
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
        } else if able.iter().all(|w| !Self::fits(w, &self.used_by(w.id), job)) {
            WaitReason::CapacityInUse(need)
        } else {
            WaitReason::Soon
        })
    }
}
