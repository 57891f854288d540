//! Who goes first, of what there is one at a time, what comes too late, and which queues rest.

use stint_core::{Bulk, Event, Job, NewJob, QueuePause, Refusal, Reply, Status, Timestamp, limits};

use super::{Answer, Model, over_limit};

impl Model {
    /// What waits and is of no use any more ends, the earliest first.
    pub(super) fn end_late_ones(&mut self) {
        let now = Timestamp::from_ms(self.now);
        let mut late: Vec<_> = self
            .live_jobs()
            .filter(|job| Self::is_free(job))
            .filter_map(|job| job.policy.expires_at.map(|at| (at, job.id)))
            .filter(|(at, _)| *at <= now)
            .collect();
        late.sort_unstable();
        late.truncate(limits::EXPIRIES_PER_ENTRY_MAX);
        for (_, id) in late {
            let i = self.live(id).expect("it was just found");
            self.jobs[i].job.is_expired = true;
            self.end(i, Status::Cancel);
        }
    }

    /// The live job that has the key which a new one brings.
    pub(super) fn twin(&self, new: &NewJob) -> Option<usize> {
        let key = new.policy.unique_key.as_ref()?;
        self.jobs.iter().position(|entry| {
            !entry.is_over
                && entry.job.spec.action == new.spec.action
                && entry.job.policy.unique_key.as_ref() == Some(key)
        })
    }

    pub(super) fn admit_policy(&self, new: &NewJob) -> Result<(), Refusal> {
        if let Some(of) = new.retry_from.filter(|of| self.live(*of).is_some()) {
            return Err(Refusal::NotOver(of));
        }
        let bytes = new.policy.unique_key.as_ref().map_or(0, String::len);
        over_limit(u64::try_from(bytes).expect("few"), 128)?;
        let now = Timestamp::from_ms(self.now);
        let due_at = new.scheduled_at.unwrap_or(now).max(now);
        match new.policy.expires_at {
            Some(expires_at) if expires_at <= due_at => {
                Err(Refusal::ExpiresTooEarly { job: new.id, expires_at, due_at })
            }
            _ => Ok(()),
        }
    }

    /// Where a job stands in the queue: by the time from which it waits, 36 seconds earlier for each
    /// level of priority.
    pub(super) fn place(job: &Job) -> u64 {
        let waits_from = job.scheduled_at.max(job.created_at).as_ms();
        waits_from.saturating_add(36_000 * (100 - u64::from(job.policy.priority.level())))
    }

    pub(super) fn pause_queue(&mut self, action: &str, by: &str, reason: &str) -> Answer {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        if let Some(pause) = self.paused.get(action) {
            let pause = QueuePause { at: pause.at, by, reason };
            self.paused.insert(action.to_owned(), pause);
        } else {
            self.known(action)?;
            let at = Timestamp::from_ms(self.now);
            self.paused.insert(action.to_owned(), QueuePause { at, by, reason });
            self.events.push(Event::QueuePaused(action.to_owned()));
        }
        Ok(Reply::Ok)
    }

    pub(super) fn resume_queue(&mut self, action: &str) -> Reply {
        if self.paused.remove(action).is_some() {
            self.events.push(Event::QueueResumed(action.to_owned()));
        }
        Reply::Ok
    }

    pub(super) fn bulk(&mut self, bulk: &Bulk) -> Reply {
        let mut answers = Vec::new();
        match bulk {
            Bulk::Cancel(jobs) => {
                answers.extend(jobs.iter().map(|job| self.cancel(*job).map(|_| *job)));
            }
            Bulk::Delete(jobs) => {
                for job in jobs {
                    self.delete(*job);
                    answers.push(Ok(*job));
                }
            }
            Bulk::Retry(jobs) => {
                for new in jobs {
                    answers.push(self.submit(new).map(|reply| match reply {
                        Reply::Submitted(job) => job.id,
                        _ => new.id,
                    }));
                }
            }
        }
        Reply::Bulk(answers)
    }
}
