//! A job: the record that the state keeps while it is not over, and history afterwards.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::ActionTraits;
use crate::capacity::CapacityMap;
use crate::command::NewJob;
use crate::family::{Children, Ending};
use crate::id::{CronId, Epoch, JobId, LeaseId, WorkerId};
use crate::policy::Policy;
use crate::status::Status;
use crate::submit::bytes_of;
use crate::time::{Timeout, Timestamp};
use crate::token::TokenHash;

/// Parameters of a job by name.
pub type Parameters = BTreeMap<String, String>;

/// What is to be run: the part of a job that its submitter wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// The operator's command to run.
    pub action: String,
    /// What the command is told; `None` if nobody set any.
    pub parameters: Option<Parameters>,
    /// What the job takes of its worker's capacity; `None` if nobody set any.
    pub capacity_map: Option<CapacityMap>,
    /// This long after its start the process gets SIGTERM.
    pub deadline: Option<Timeout>,
    /// This long after SIGTERM it gets SIGKILL.
    pub stop_timeout: Option<Timeout>,
}

/// A job as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// The job that this one retries; a first run has its own id here.
    pub retry_from: JobId,
    /// What is to be run.
    pub spec: JobSpec,
    /// How it is treated while it waits.
    pub policy: Policy,
    /// Where it is in its life.
    pub status: Status,
    /// The order of creation, the tie-breaker among jobs of one `scheduled_at`.
    pub sequence: u64,
    /// When it was created, in log time. The day of it is the period of its output.
    pub created_at: Timestamp,
    /// From when on it can be claimed.
    pub scheduled_at: Timestamp,
    /// When its record last changed its status.
    pub last_updated: Timestamp,
    /// Retries that are left after a failure.
    pub retries_left: u32,
    /// Retries that were asked for.
    pub retries_total: u32,
    /// Who runs it, or ran it last; nobody while it waits for its first claim.
    pub worker: Option<WorkerId>,
    /// Delete it as soon as its worker has ended it.
    pub delete_requested: bool,
    /// Cancel it as soon as its worker confirms that nothing of it runs.
    pub cancel_requested: bool,
    /// Whether it ended because nobody had claimed it in time: [`Policy::expires_at`].
    pub is_expired: bool,
    /// The job that retries it, once there is one; only what is over is retried.
    pub retried_by: Option<JobId>,
    /// How often it lost its worker to death.
    pub reclaims: u32,
    /// How many attempts there were.
    pub attempt_count: u32,
    /// All of them, oldest first: at most [`ATTEMPTS_MAX`](crate::limits::ATTEMPTS_MAX).
    pub attempts: Vec<Attempt>,
    /// How many output lines it has, of all attempts.
    pub line_count: u64,
    /// The names of the parameters that its submitter did not write: its action, or the config of
    /// it, gave them.
    pub from_config: BTreeSet<String>,
    /// The job whose process submitted it, if one did.
    pub parent: Option<JobId>,
    /// The jobs that its own process submitted.
    pub children: Children,
    /// What it ends as when the last of its children is over; `None` if it waits for none.
    pub ending: Option<Ending>,
    /// The token of its current run, if that was given one.
    pub token: Option<TokenHash>,
    /// What else its submitter did not write, and its action gave.
    pub left_out: BTreeSet<LeftOut>,
    /// The cron that it comes from; `None` if a client has submitted it. A retry has what the job
    /// had that it retries.
    pub cron: Option<CronLink>,
}

/// What a submission need not say, because its action may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// [`JobSpec::deadline`].
    Deadline,
    /// [`JobSpec::stop_timeout`].
    StopTimeout,
    /// [`JobSpec::capacity_map`].
    CapacityMap,
    /// How often it is run again.
    Retries,
}

/// Where a job of a cron comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronLink {
    /// The cron, which may have been replaced or deleted since.
    pub id: CronId,
    /// The tick that it carries out; `None` if a client wanted the cron run at once.
    pub tick: Option<Timestamp>,
}

/// One run of a job under one lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// Who ran it.
    pub worker: WorkerId,
    /// In which of its lives.
    pub epoch: Epoch,
    /// The right to run it: the fencing token.
    pub lease: LeaseId,
    /// How its action wanted it treated when it was claimed.
    pub traits: ActionTraits,
    /// When the claim was committed.
    pub started_at: Timestamp,
    /// When and how it ended; `None` while it runs.
    pub end: Option<(Timestamp, AttemptEnd)>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The process ended by itself with this exit code.
    Exited(i32),
    /// A signal that we did not send ended the process.
    Signaled(i32),
    /// It ran longer than its deadline and was ended.
    DeadlineExceeded,
    /// It was canceled and ended by its worker.
    Canceled,
    /// It was never started, for this reason.
    CouldNotStart(String),
    /// Its worker's lease expired, or the worker started anew.
    WorkerDead,
    /// Its worker was stopped gracefully.
    WorkerShutdown,
}

impl Job {
    /// Bytes of its parameters, names included.
    pub(crate) fn parameter_bytes(&self) -> u64 {
        self.spec.parameters.as_ref().map_or(0, bytes_of)
    }

    /// The current run, if a worker runs the job. Of a job that waits for its children it is over.
    pub fn run(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|run| self.status.is_running() && run.end.is_none())
    }

    /// The lease under which it runs, if it does.
    pub fn lease(&self) -> Option<LeaseId> {
        self.run().map(|run| run.lease)
    }

    /// What it takes of a worker's capacity.
    pub fn need(&self) -> CapacityMap {
        self.spec.capacity_map.clone().unwrap_or_default()
    }

    /// Whether a submission of `spec` and `retries` has created it, whatever its action and the
    /// config of it have added.
    pub(crate) fn is_submitted_as(&self, spec: &JobSpec, retries: Option<u32>) -> bool {
        let has_own = if self.from_config.is_empty() {
            self.spec.parameters == spec.parameters
        } else {
            let all = self.spec.parameters.iter().flatten();
            let own = all.filter(|(name, _)| !self.from_config.contains(*name));
            own.eq(spec.parameters.iter().flatten())
        };
        has_own
            && self.spec.action == spec.action
            && self.wrote(LeftOut::CapacityMap, self.spec.capacity_map.as_ref())
                == spec.capacity_map.as_ref()
            && self.wrote(LeftOut::Deadline, self.spec.deadline.as_ref()) == spec.deadline.as_ref()
            && self.wrote(LeftOut::StopTimeout, self.spec.stop_timeout.as_ref())
                == spec.stop_timeout.as_ref()
            && if self.left_out.contains(&LeftOut::Retries) {
                retries.is_none()
            } else {
                self.retries_total == retries.unwrap_or(0)
            }
    }

    /// Whether the job has this, whoever has said so.
    pub(crate) fn has(&self, what: LeftOut) -> bool {
        match what {
            LeftOut::Deadline => self.spec.deadline.is_some(),
            LeftOut::StopTimeout => self.spec.stop_timeout.is_some(),
            LeftOut::CapacityMap => self.spec.capacity_map.is_some(),
            LeftOut::Retries => self.retries_total > 0,
        }
    }

    /// What the submitter wrote of what the job has.
    fn wrote<'a, T>(&self, what: LeftOut, has: Option<&'a T>) -> Option<&'a T> {
        has.filter(|_| !self.left_out.contains(&what))
    }

    /// Whether `new` asks for what this job is, to be run from the same time on.
    ///
    /// A submission that names no time gives its job the time of its creation.
    pub fn is_asked_for_by(&self, new: &NewJob) -> bool {
        self.is_submitted_as(&new.spec, new.retries)
            && self.parent == new.parent.map(|parent| parent.job)
            && self.policy == new.policy
            && self.retry_from == new.retry_from.unwrap_or(new.id)
            && self.scheduled_at == new.scheduled_at.unwrap_or(self.created_at)
    }

    /// Whether it is over: nothing changes it any more but its deletion. A job that is over because
    /// its worker was lost has no claim to wait for.
    pub fn is_over(&self) -> bool {
        match self.status {
            Status::Done | Status::Error | Status::Cancel | Status::Deleted => true,
            Status::WorkerDead | Status::WorkerShutdown => {
                self.attempts.last().is_some_and(|run| {
                    run.traits.on_worker_loss == crate::action::OnWorkerLoss::Abandon
                })
            }
            Status::Waiting
            | Status::Running
            | Status::CancelRequest
            | Status::WorkerResurrection => false,
        }
    }

    /// Whether it waits for a claim: it is in the queue, due or not.
    pub fn is_claimable(&self) -> bool {
        matches!(self.status, Status::Waiting | Status::WorkerDead | Status::WorkerShutdown)
            && self.ending.is_none()
    }

    /// Whether somebody has asked for its end already, or it comes without that.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.cancel_requested || self.ending.is_some_and(|ending| ending != Ending::Success)
    }

    /// Its place in the queue of its shape, of which the lowest comes first. A time that had passed
    /// when it was created is no head start.
    pub(crate) fn place(&self) -> (Timestamp, u64) {
        (self.policy.priority.place(self.scheduled_at.max(self.created_at)), self.sequence)
    }

    /// Whether it is too late for an attempt to begin.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.policy.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Whether it has failed for good: it ended in `error`, or is over because it has lost its worker,
    /// and nothing retries it.
    pub fn has_failed_for_good(&self) -> bool {
        let is_failure =
            matches!(self.status, Status::Error | Status::WorkerDead | Status::WorkerShutdown);
        is_failure && self.is_over() && self.retried_by.is_none()
    }

    /// Moves the job to `next`. A change that the table does not know is a bug.
    pub(crate) fn become_status(&mut self, next: Status, now: Timestamp) {
        assert!(
            self.status.may_become(next),
            "job {}: {} may not become {next}",
            self.id,
            self.status
        );
        self.status = next;
        self.last_updated = now;
    }

    pub(crate) fn begin_attempt(&mut self, attempt: Attempt) {
        self.worker = Some(attempt.worker);
        self.attempt_count = attempt.number;
        self.attempts.push(attempt);
    }

    pub(crate) fn end_attempt(&mut self, now: Timestamp, end: AttemptEnd) {
        if let Some(attempt) = self.attempts.last_mut() {
            assert!(attempt.end.is_none(), "job {}: its attempt ended twice", self.id);
            attempt.end = Some((now, end));
        }
    }
}
