//! What a worker says of its runs: output, and how they end; and how it loses them.

use std::sync::Arc;

use stint_core::{
    AttemptEnd, Backoff, Ending, Epoch, Event, Exit, ExitCause, Finished, JobId, LeaseId, Line,
    OnWorkerLoss, Refusal, Reply, Status, Timestamp, WorkerId, limits,
};

use super::{Answer, Model};

impl Model {
    /// The places of the jobs that a worker runs, in the order of their ids.
    pub(crate) fn runs_of(&self, id: WorkerId) -> Vec<usize> {
        let mut places: Vec<_> = (0..self.jobs.len())
            .filter(|i| !self.jobs[*i].is_over && self.jobs[*i].job.worker == Some(id))
            .filter(|i| {
                [Status::Running, Status::CancelRequest].contains(&self.jobs[*i].job.status)
            })
            .filter(|i| self.jobs[*i].job.ending.is_none())
            .collect();
        places.sort_by_key(|i| self.jobs[*i].job.id);
        places
    }

    /// The place of the job that this worker runs under this lease.
    pub(super) fn held(
        &self,
        worker: WorkerId,
        job: JobId,
        lease: LeaseId,
    ) -> Result<usize, Refusal> {
        let is_it = |i: &usize| {
            let job_here = &self.jobs[*i].job;
            job_here.id == job && job_here.attempts.last().is_some_and(|run| run.lease == lease)
        };
        self.runs_of(worker).into_iter().find(is_it).ok_or(Refusal::StaleLease { job, lease })
    }

    pub(super) fn append(
        &mut self,
        (worker, epoch): (WorkerId, Epoch),
        (job, lease): (JobId, LeaseId),
        first: u64,
        lines: &[Line],
    ) -> Answer {
        self.living(worker, epoch)?;
        let i = self.held(worker, job, lease)?;
        let had = self.jobs[i].job.line_count;
        if first > had {
            return Err(Refusal::LineGap { job, expected: had, got: first });
        }
        if lines.len() > limits::LINES_PER_ENTRY_MAX {
            return Err(Refusal::TooManyLines { job });
        }
        // Line by line: those that are known are skipped, the others come at the end.
        let mut new = Vec::new();
        for (number, line) in (first..).zip(lines) {
            if number == self.jobs[i].job.line_count {
                self.jobs[i].job.line_count += 1;
                new.push(line.clone());
            }
        }
        if !new.is_empty() {
            let job = Arc::new(self.jobs[i].job.clone());
            self.events.push(Event::LinesAppended { job, first: had, lines: new });
        }
        Ok(Reply::LinesAppended { line_count: self.jobs[i].job.line_count })
    }

    pub(super) fn finish(&mut self, worker: WorkerId, epoch: Epoch, runs: &[Finished]) -> Answer {
        self.living(worker, epoch)?;
        let mut answers = Vec::new();
        for run in runs {
            let held = self.held(worker, run.job, run.lease);
            answers.push(held.map(|i| self.finish_one(i, &run.exit)));
        }
        Ok(Reply::Finished(answers))
    }

    fn finish_one(&mut self, i: usize, exit: &Exit) {
        let was_asked_to_stop = self.jobs[i].job.status == Status::CancelRequest;
        if let ExitCause::AskedToWait(span) = exit.cause {
            let job = &mut self.jobs[i].job;
            let run = job.attempts.last_mut().expect("it runs");
            let own = run.traits.backoff.wait(job.retries_total - job.retries_left, job.id);
            run.traits.backoff = Backoff::constant(if own > span { own } else { span });
        }
        match &exit.cause {
            ExitCause::Own | ExitCause::AskedToWait(_) => {
                let end = match exit.signal {
                    Some(signal) => AttemptEnd::Signaled(signal),
                    None => AttemptEnd::Exited(exit.code),
                };
                self.close(i, end);
                if exit.signal.is_none() && exit.code == 0 {
                    self.conclude(i, Ending::Success);
                } else {
                    self.fail(i);
                }
            }
            ExitCause::Canceled => {
                self.close(i, AttemptEnd::Canceled);
                if was_asked_to_stop {
                    self.end(i, Status::Cancel);
                } else {
                    self.fail(i);
                }
            }
            ExitCause::Deadline => {
                self.close(i, AttemptEnd::DeadlineExceeded);
                self.fail(i);
            }
            ExitCause::CouldNotStart(reason) => {
                let mut kept = String::new();
                for c in reason.chars() {
                    if kept.len() + c.len_utf8() > limits::REASON_BYTES_MAX {
                        break;
                    }
                    kept.push(c);
                }
                self.close(i, AttemptEnd::CouldNotStart(kept));
                self.fail(i);
            }
            ExitCause::Shutdown => self.lose(i, Status::WorkerShutdown),
        }
    }

    /// The job is taken from its worker, which is dead or was stopped.
    pub(super) fn lose(&mut self, i: usize, how: Status) {
        let is_death = how == Status::WorkerDead;
        self.close(i, if is_death { AttemptEnd::WorkerDead } else { AttemptEnd::WorkerShutdown });
        let job = &self.jobs[i].job;
        let run = job.attempts.last().expect("a run was lost");
        if job.status == Status::CancelRequest {
            self.set_status(i, how);
            self.end(i, Status::Cancel);
        } else if run.traits.on_worker_loss == OnWorkerLoss::Abandon {
            self.end(i, how);
        } else if job.attempt_count >= limits::ATTEMPTS_MAX
            || is_death && job.reclaims == limits::RECLAIMS_MAX
        {
            self.fail(i);
        } else {
            self.set_status(i, how);
            self.jobs[i].job.reclaims += u32::from(is_death);
            self.tell(Event::WorkerLost, i);
            self.tell(Event::Due, i);
        }
    }

    fn close(&mut self, i: usize, end: AttemptEnd) {
        let now = Timestamp::from_ms(self.now);
        self.jobs[i].job.attempts.last_mut().expect("it runs").end = Some((now, end));
        self.jobs[i].job.token = None;
    }
}
