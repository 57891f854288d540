//! Workers come, renew, die, come back and go.

use std::sync::Arc;

use stint_core::{
    CapacityMap, Draining, Epoch, Event, Job, Refusal, Registration, Reply, Span, Status,
    Timestamp, Worker, WorkerId, WorkerStatus, limits,
};

use super::{Answer, Model, capacity_limits, over_limit};

impl Model {
    pub(crate) fn worker(&self, id: WorkerId) -> Option<usize> {
        self.workers.iter().position(|worker| worker.id == id)
    }

    /// The place of the worker, if it lives in this epoch.
    pub(super) fn living(&self, id: WorkerId, epoch: Epoch) -> Result<usize, Refusal> {
        let w = self.worker(id).ok_or(Refusal::NoSuchWorker(id))?;
        let worker = &self.workers[w];
        if worker.status == WorkerStatus::Running && worker.epoch == epoch {
            Ok(w)
        } else {
            Err(Refusal::StaleEpoch { worker: id, epoch })
        }
    }

    /// The record of a worker, with its runs worked out from the jobs.
    pub(crate) fn record_of(&self, w: usize) -> Worker {
        let mut worker = self.workers[w].clone();
        worker.capacity_in_use = self.used_by(worker.id).into_iter().collect();
        let lease = |job: &Job| job.attempts.last().expect("it runs").lease;
        let runs = self.runs_of(worker.id).into_iter().map(|i| &self.jobs[i].job);
        worker.runs = runs.map(|job| (job.id, lease(job))).collect();
        worker
    }

    pub(super) fn tell_of_worker(&mut self, w: usize) {
        self.events.push(Event::WorkerChanged(Arc::new(self.record_of(w))));
    }

    pub(super) fn register(&mut self, new: &Registration) -> Answer {
        self.check_not_removed(new.worker)?;
        let former = self.worker(new.worker).map(|w| self.workers[w].clone());
        if let Some(former) = &former
            && former.status == WorkerStatus::Running
            && former.incarnation == new.incarnation
        {
            return Ok(Reply::Registered { epoch: former.epoch });
        }
        capacity_limits(&new.capacity)?;
        over_limit(new.ttl.as_ms(), limits::TTL_MAX.as_ms())?;
        if new.ttl < limits::TTL_MIN {
            let (got, limit) = (new.ttl.as_ms(), limits::TTL_MIN.as_ms());
            return Err(Refusal::LeaseTooShort { got, limit });
        }
        self.lose_all(new.worker, Status::WorkerDead);
        let epoch = Epoch(former.as_ref().map_or(1, |former| former.epoch.0 + 1));
        let now = Timestamp::from_ms(self.now);
        let worker = Worker {
            id: new.worker,
            epoch,
            incarnation: new.incarnation,
            status: WorkerStatus::Running,
            is_confirmed: false,
            actions: new.actions.clone(),
            offer_number: 0,
            capacity_declared: new.capacity.clone(),
            capacity_set: former.as_ref().and_then(|former| former.capacity_set.clone()),
            capacity_in_use: CapacityMap::default(),
            runs: std::collections::BTreeMap::new(),
            ttl: new.ttl,
            renewal: former.as_ref().map_or(0, |former| former.renewal) + 1,
            heartbeat_expiration: now.plus(new.ttl),
            draining: former.as_ref().and_then(|former| former.draining),
        };
        match self.worker(new.worker) {
            Some(w) => self.workers[w] = worker,
            None => self.workers.push(worker),
        }
        let mut returned = Vec::new();
        for i in 0..self.jobs.len() {
            let Some(job) = self.jobs.get(i).filter(|entry| !entry.is_over).map(|e| &e.job) else {
                continue;
            };
            let is_lost = job.status == Status::WorkerDead && job.ending.is_none();
            if job.worker == Some(new.worker) && is_lost {
                returned.push(i);
            }
        }
        returned.sort_by_key(|i| (self.jobs[*i].job.scheduled_at, self.jobs[*i].job.id));
        for i in returned {
            self.set_status(i, Status::WorkerResurrection);
            self.tell(Event::WorkerReturned, i);
        }
        let w = self.worker(new.worker).expect("it has registered");
        self.tell_of_worker(w);
        Ok(Reply::Registered { epoch })
    }

    pub(super) fn confirm(&mut self, id: WorkerId, epoch: Epoch) -> Answer {
        let w = self.living(id, epoch)?;
        if !self.workers[w].is_confirmed {
            self.free_resurrected(id);
            self.workers[w].is_confirmed = true;
            self.tell_of_worker(w);
        }
        Ok(Reply::Ok)
    }

    pub(super) fn heartbeat(&mut self, id: WorkerId, epoch: Epoch) -> Answer {
        self.check_not_removed(id)?;
        let w = self.living(id, epoch)?;
        let worker = &mut self.workers[w];
        worker.renewal += 1;
        worker.heartbeat_expiration = Timestamp::from_ms(self.now).plus(worker.ttl);
        Ok(Reply::Ok)
    }

    pub(super) fn expire(&mut self, id: WorkerId, epoch: Epoch, renewal: u64) -> Answer {
        let w = self.living(id, epoch)?;
        if self.workers[w].renewal != renewal {
            return Err(Refusal::Renewed { worker: id, renewal });
        }
        self.bury(w, WorkerStatus::Dead, Status::WorkerDead);
        Ok(Reply::Ok)
    }

    pub(super) fn leave(&mut self, id: WorkerId, epoch: Epoch) -> Answer {
        let w = self.living(id, epoch)?;
        self.bury(w, WorkerStatus::Shutdown, Status::WorkerShutdown);
        Ok(Reply::Ok)
    }

    /// Everybody dies, and numbers are left out.
    pub(super) fn refound(&mut self) -> Reply {
        let mut alive: Vec<_> = self.workers.iter().map(|worker| worker.id).collect();
        alive.sort_unstable();
        for id in alive {
            let w = self.worker(id).expect("it was there");
            if self.workers[w].status == WorkerStatus::Running {
                self.bury(w, WorkerStatus::Dead, Status::WorkerDead);
            }
        }
        for number in [&mut self.last_lease, &mut self.configuration.cron_count] {
            *number += limits::NUMBERS_PASSED_OVER;
        }
        self.members = super::members::Members::default();
        Reply::Ok
    }

    fn bury(&mut self, w: usize, as_what: WorkerStatus, jobs_as: Status) {
        let id = self.workers[w].id;
        self.lose_all(id, jobs_as);
        // Whether it has confirmed or not: after its lease, and after its goodbye, nothing runs.
        self.free_resurrected(id);
        self.workers[w].status = as_what;
        self.tell_of_worker(w);
        self.forget_removed();
    }

    /// Nobody looks for the workers of replicas that are none any more, unless they live.
    pub(super) fn forget_removed(&mut self) {
        let is_removed = |id| self.check_not_removed(id).is_err();
        let gone: Vec<_> = self.workers.iter().map(|w| w.id).filter(|id| is_removed(*id)).collect();
        self.workers
            .retain(|worker| worker.status == WorkerStatus::Running || !gone.contains(&worker.id));
    }

    fn lose_all(&mut self, id: WorkerId, how: Status) {
        for i in self.runs_of(id) {
            self.lose(i, how);
        }
    }

    /// In the order of lists, which no rule asks for; it only has to be the same everywhere.
    fn free_resurrected(&mut self, id: WorkerId) {
        let is_it = |job: &Job| {
            let is_here = job.worker == Some(id) && job.ending.is_none();
            is_here && job.status == Status::WorkerResurrection
        };
        let mut found: Vec<_> = (0..self.jobs.len())
            .filter(|i| !self.jobs[*i].is_over && is_it(&self.jobs[*i].job))
            .collect();
        found.sort_by_key(|i| (self.jobs[*i].job.scheduled_at, self.jobs[*i].job.id));
        for i in found {
            if self.jobs[i].job.cancel_requested {
                self.end(i, Status::Cancel);
            } else {
                self.set_status(i, Status::Waiting);
                self.jobs[i].job.worker = None;
                self.tell(Event::Resurrected, i);
                self.tell(Event::Due, i);
            }
        }
    }

    pub(super) fn drain(&mut self, id: WorkerId, limit: Option<Span>) -> Answer {
        let w = self.worker(id).ok_or(Refusal::NoSuchWorker(id))?;
        if let Some(limit) = limit {
            over_limit(limit.as_ms(), limits::DRAIN_LIMIT_MAX.as_ms())?;
        }
        let now = Timestamp::from_ms(self.now);
        let former = self.workers[w].draining;
        self.workers[w].draining = Some(Draining {
            since: former.map_or(now, |draining| draining.since),
            stops_at: limit.map(|limit| now.plus(limit)),
        });
        self.tell_of_worker(w);
        Ok(Reply::Ok)
    }

    pub(super) fn resume(&mut self, id: WorkerId) -> Answer {
        let w = self.worker(id).ok_or(Refusal::NoSuchWorker(id))?;
        if self.workers[w].draining.take().is_some() {
            self.tell_of_worker(w);
        }
        Ok(Reply::Ok)
    }

    pub(super) fn set_capacity(&mut self, id: WorkerId, capacity: &CapacityMap) -> Answer {
        let w = self.worker(id).ok_or(Refusal::NoSuchWorker(id))?;
        capacity_limits(capacity)?;
        self.workers[w].capacity_set = Some(capacity.clone());
        self.tell_of_worker(w);
        Ok(Reply::Ok)
    }
}
