//! Claiming jobs, starting what was claimed, reporting what has ended.

use std::collections::BTreeSet;
use std::sync::Arc;

use stint_consensus::Happening;
use stint_core::limits::CLAIM_MAX;
use stint_core::{
    BUILT_IN_ACTIONS, COMPACTION_ACTION, Command, Event, Exit, ExitCause, Job, Status, Worker,
    WorkerStatus,
};
use stint_failpoint::failpoint;
use tokio::sync::watch;
use tokio::task::{Id, JoinError};

use crate::orders::Orders;
use crate::proc::Mark;
use crate::pump::Channel;
use crate::{builtin, compaction, run, simulated, webhook};

use super::Agent;
use super::answers::Ask;
use super::life::Life;

impl Agent {
    /// Asks for jobs if there are any that it would get and it has room.
    pub(super) fn claim(&mut self) {
        let Life::Living(epoch) = self.life else { return };
        let is_held_back =
            self.in_flight.is_claim || self.paused_until.is_some() || self.farewell.is_some();
        if !self.wants_work || is_held_back || !self.context.lease.is_valid() {
            return;
        }
        let (room, has_work) = self.replica().with_state(|state| {
            let runs = state.worker(self.me).into_iter().flat_map(|worker| worker.runs.values());
            let room = self.inventory.room(self.config.runs_max, runs.copied());
            (room, room > 0 && state.has_work_for(self.me))
        });
        if room == 0 {
            // The end of a run is looked at anew.
            return;
        }
        self.wants_work = false;
        if has_work {
            self.in_flight.is_claim = true;
            let max = u32::try_from(room).unwrap_or(u32::MAX).min(CLAIM_MAX);
            let place = failpoint!("worker::work::claim");
            self.propose(place, Ask::Claim, Command::Claim { worker: self.me, epoch, max });
        }
    }

    /// Says how runs ended.
    pub(super) fn report(&mut self) {
        let Some(epoch) = self.life.epoch() else { return };
        if self.in_flight.is_finish || self.paused_until.is_some() {
            return;
        }
        if let Some(runs) = self.inventory.take_ended() {
            self.in_flight.is_finish = true;
            let command = Command::Finish { worker: self.me, epoch, runs: runs.clone() };
            self.propose(failpoint!("worker::work::finish"), Ask::Finish(runs), command);
        }
    }

    pub(super) fn hear_events(&mut self, happening: &Happening) {
        for event in happening.events.iter() {
            match event {
                Event::Claimed(job) => self.take(job),
                Event::CancelRequested(job) => self.cancel(job),
                Event::Due(job) => self.wants_work |= self.can_run(&job.spec.action),
                Event::QueueResumed(action) => self.wants_work |= self.can_run(action),
                Event::WorkerLost(job) | Event::Ended(job) => self.let_go(job),
                Event::WorkerChanged(worker) => self.hear_of_itself(worker),
                Event::Submitted(_)
                | Event::WorkerReturned(_)
                | Event::Resurrected(_)
                | Event::AwaitsChildren(_)
                | Event::Deleted(_)
                | Event::Compacted(_)
                | Event::Retried { .. }
                | Event::QueuePaused(_)
                | Event::LinesAppended { .. }
                | Event::CronChanged(_)
                | Event::CronDeleted(_)
                | Event::CronTicked(_)
                | Event::ActionConfigChanged(_)
                | Event::ActionConfigDeleted(_)
                | Event::SettingsChanged(_)
                | Event::TokenCreated(_)
                | Event::TokenRevoked(_) => {}
            }
        }
    }

    /// Events were missed: what they told is in the state.
    pub(super) fn reconcile(&mut self) {
        let me = self.me;
        let (worker, jobs) = self.replica().with_state(|state| {
            let worker = state.worker(me).map(Arc::clone);
            let runs = worker.iter().flat_map(|worker| worker.runs.keys());
            let jobs: Vec<_> = runs.filter_map(|id| state.job(*id)).map(Arc::clone).collect();
            (worker, jobs)
        });
        self.wants_work = true;
        let Some(worker) = worker else { return };
        self.hear_of_itself(&worker);
        if self.life.epoch() != Some(worker.epoch) {
            return;
        }
        let given: BTreeSet<_> = jobs.iter().filter_map(|job| job.lease()).collect();
        for lease in self.inventory.running().filter(|lease| !given.contains(lease)) {
            self.inventory.order(lease, |orders| orders.is_lost = true);
        }
        // The largest lease that was heard of only grows: the oldest has to come first.
        let mut jobs = jobs;
        jobs.sort_by_key(|job| job.lease());
        for job in jobs {
            self.take(&job);
            if job.status == Status::CancelRequest {
                self.cancel(&job);
            }
        }
    }

    /// A run has ended.
    pub(super) fn hear_end(&mut self, task: Id, result: Result<Option<Exit>, JoinError>) {
        let Some(ended) = self.inventory.end(task) else { return };
        self.wants_work = true;
        // A run that the guardian has killed may be heard of before that its lease ran out: the
        // signal that ended it is not its own result.
        self.check_lease();
        if self.life == Life::Settling {
            // All that is left of its runs is searched for when the last one has ended.
            return;
        }
        if ended.has_process && self.context.notes.has(ended.mark.lease) {
            self.ended_marks.insert(ended.mark);
        }
        match result {
            Ok(Some(exit)) => self.inventory.report(ended.mark, exit),
            Ok(None) if ended.is_lost => {}
            Ok(None) => self.end_life("a run has lost its lease"),
            Err(error) => {
                tracing::error!(job = %ended.mark.job, %error, "a run crashed, which is a bug");
                self.end_life("a run crashed");
            }
        }
    }

    /// The cluster has given this worker a job, unless that is known already.
    fn take(&mut self, job: &Arc<Job>) {
        let Some(attempt) = job.run() else { return };
        let is_ours = attempt.worker == self.me && Some(attempt.epoch) == self.life.epoch();
        if !is_ours || attempt.lease <= self.last_lease {
            return;
        }
        self.last_lease = attempt.lease;
        let mark = Mark { lease: attempt.lease, job: job.id };
        if self.farewell.is_some() {
            let exit = Exit { cause: ExitCause::Shutdown, code: 0, signal: None };
            self.inventory.report(mark, exit);
            return;
        }
        if let Some(exit) = builtin::instant(&job.spec.action) {
            self.inventory.report(mark, exit);
            return;
        }
        let (sender, orders) = watch::channel(Orders::default());
        let action = self.actions.get(&job.spec.action);
        let action = action.or_else(|| self.former_actions.get(&job.spec.action)).map(Arc::clone);
        let has_process = action.is_some();
        let task = if let Some(action) = action {
            let context = self.context.clone();
            let claimed = (Arc::clone(job), attempt.clone());
            match context.runner.clone() {
                Some(runner) => {
                    self.runs.spawn(simulated::command(context, claimed, action, runner, orders))
                }
                None => self.runs.spawn(run::command(context, claimed, action, orders)),
            }
        } else if job.spec.action == "sleep" {
            let job = Arc::clone(job);
            self.runs.spawn(async move { builtin::sleep(&job, orders).await })
        } else if job.spec.action == "webhook" {
            let claimed = (Arc::clone(job), attempt.clone());
            let (context, webhooks) = (self.context.clone(), Arc::clone(&self.config.webhooks));
            self.runs.spawn(webhook::deliver(context, claimed, webhooks, orders))
        } else if job.spec.action == COMPACTION_ACTION {
            let (worker, epoch) = (attempt.worker, attempt.epoch);
            let channel = Channel { replica: self.replica().clone(), worker, epoch, mark };
            self.runs.spawn(compaction::compact(channel, Arc::clone(job), orders))
        } else {
            let reason = format!("this worker does not offer \"{}\"", job.spec.action);
            self.inventory.report(mark, run::could_not_start(reason));
            return;
        };
        self.inventory.begin(mark, sender, task.id(), has_process);
    }

    fn cancel(&self, job: &Job) {
        if let Some(lease) = job.lease() {
            self.inventory.order(lease, |orders| orders.is_canceled = true);
        }
    }

    /// The job's last run is nobody's any more. If it goes on here, it must not.
    fn let_go(&self, job: &Job) {
        if let Some(attempt) = job.attempts.last() {
            self.inventory.order(attempt.lease, |orders| orders.is_lost = true);
        }
    }

    fn hear_of_itself(&mut self, worker: &Worker) {
        let Some(epoch) = self.life.epoch().filter(|_| worker.id == self.me) else { return };
        self.wants_work = true;
        // An older epoch is old news, told again after events were missed.
        if worker.epoch < epoch {
            return;
        }
        if worker.is_alive_in(epoch) {
            self.hear_of_drain(worker);
            return;
        }
        if self.farewell.is_some() && worker.status == WorkerStatus::Shutdown {
            self.left();
        } else {
            self.end_life("the cluster says so");
        }
    }

    fn can_run(&self, action: &str) -> bool {
        self.actions.contains_key(action) || BUILT_IN_ACTIONS.contains(&action)
    }
}
