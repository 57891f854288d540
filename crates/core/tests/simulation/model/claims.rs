//! Who gets which job: the first in the queue that are due, that fit, and whose action the worker has.

use std::collections::BTreeMap;

use stint_core::{
    Attempt, Epoch, Event, Job, Refusal, Reply, Status, Timestamp, Worker, WorkerId, limits,
};

use super::{Answer, Model, need_of};

impl Model {
    pub(super) fn claim(&mut self, id: WorkerId, epoch: Epoch, max: u32) -> Answer {
        self.check_not_removed(id)?;
        let w = self.living(id, epoch)?;
        if !self.workers[w].is_confirmed {
            return Err(Refusal::NotConfirmed(id));
        }
        let max = usize::try_from(max.min(limits::CLAIM_MAX)).expect("few");
        let chosen = self.choose(&self.workers[w], max);
        for i in &chosen {
            let lease = self.next_lease();
            let offer = self.workers[w].actions.get(&self.jobs[*i].job.spec.action);
            let traits = offer.map(|offer| offer.traits);
            self.set_status(*i, Status::Running);
            let job = &mut self.jobs[*i].job;
            job.worker = Some(id);
            job.attempt_count += 1;
            job.attempts.push(Attempt {
                number: job.attempt_count,
                worker: id,
                epoch,
                lease,
                traits: traits.expect("the worker has the action"),
                started_at: Timestamp::from_ms(self.now),
                end: None,
            });
            self.tell(Event::Claimed, *i);
        }
        Ok(Reply::Claimed { count: u32::try_from(chosen.len()).expect("few") })
    }

    /// The places of the jobs that the worker would get.
    pub(super) fn choose(&self, worker: &Worker, max: usize) -> Vec<usize> {
        if worker.draining.is_some() {
            return Vec::new();
        }
        let mut candidates: Vec<_> = (0..self.jobs.len())
            .filter(|i| !self.jobs[*i].is_over)
            .filter(|i| Self::is_free(&self.jobs[*i].job) && self.is_due(&self.jobs[*i].job))
            .filter(|i| worker.actions.contains_key(&self.jobs[*i].job.spec.action))
            .filter(|i| !self.paused.contains_key(&self.jobs[*i].job.spec.action))
            .collect();
        // The list is in the order of creation, and the sort keeps that among equals.
        candidates.sort_by_key(|i| Self::place(&self.jobs[*i].job));
        let mut used = self.used_by(worker.id);
        let mut chosen = Vec::new();
        for i in candidates {
            let job = &self.jobs[i].job;
            if chosen.len() < max && Self::fits(worker, &used, job) {
                add(&mut used, job);
                chosen.push(i);
            }
        }
        chosen
    }

    pub(super) fn fits(worker: &Worker, used: &BTreeMap<String, u64>, job: &Job) -> bool {
        let has = worker.capacity_set.as_ref().unwrap_or(&worker.capacity_declared);
        need_of(job)
            .iter()
            .all(|(name, amount)| used.get(name).copied().unwrap_or(0) + amount <= has.amount(name))
    }

    /// What the runs of a worker take together.
    pub(super) fn used_by(&self, id: WorkerId) -> BTreeMap<String, u64> {
        let mut used = BTreeMap::new();
        self.runs_of(id).into_iter().for_each(|i| add(&mut used, &self.jobs[i].job));
        used
    }
}

fn add(used: &mut BTreeMap<String, u64>, job: &Job) {
    for (name, amount) in need_of(job) {
        *used.entry(name).or_default() += amount;
    }
}
