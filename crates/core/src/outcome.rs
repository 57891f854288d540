//! What applying a command answers, refuses and announces.

use std::sync::Arc;

use thiserror::Error;

use crate::action_config::ActionConfig;
use crate::cron::{Cron, Ticked};
use crate::id::{Epoch, JobId, LeaseId, TokenId, WorkerId};
use crate::job::Job;
use crate::lines::Line;
use crate::members::MembersRefusal;
use crate::settings::Settings;
use crate::status::Status;
use crate::time::Timestamp;
use crate::token::Token;
use crate::worker::Worker;

/// All that applying one command gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The answer to whoever proposed it.
    pub reply: Result<Reply, Refusal>,
    /// What happened, in order, for whoever follows.
    pub events: Vec<Event>,
}

/// A command was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done, and there is nothing to say of it.
    Ok,
    /// The job was created, or is the one that an equal submission created before; one of another
    /// id is the live one with the same unique key, and then nothing was created.
    Submitted(Arc<Job>),
    /// An equal submission created the job before, and it is over: history has it.
    SubmittedBefore(JobId),
    /// The worker lives, in this epoch.
    Registered {
        /// The life that has begun.
        epoch: Epoch,
    },
    /// Jobs were claimed; also announced as [`Event::Claimed`], which is what a worker acts on.
    Claimed {
        /// How many.
        count: u32,
    },
    /// The lines are part of the output.
    LinesAppended {
        /// How many lines the job has now.
        line_count: u64,
    },
    /// One answer for each run of the command, in its order.
    Finished(Vec<Result<(), Refusal>>),
    /// One answer for each job of a [`crate::Bulk`], in its order: the job that was changed or
    /// created, or the live one with the same unique key.
    Bulk(Vec<Result<JobId, Refusal>>),
}

/// A correct "no": the same on every replica, and nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No live job has this id. It may be over: history knows.
    #[error("job {0}: no such job")]
    NoSuchJob(JobId),
    /// The cluster has never had this worker.
    #[error("worker {0}: no such worker")]
    NoSuchWorker(WorkerId),
    /// No worker of the cluster offers this action, and it is not built in.
    #[error(
        "action \"{0}\": no worker of this cluster offers it; check its name, or add it to the configuration of a replica"
    )]
    NoSuchAction(String),
    /// A parameter is not as the action declares it.
    #[error("action \"{action}\": the parameter {parameter:?} {problem}")]
    BadParameter {
        /// The action.
        action: String,
        /// The name of the parameter.
        parameter: String,
        /// The rule that it breaks, in words that follow the name.
        problem: String,
    },
    /// The id is taken by a different job.
    #[error("job {0}: another job has this id already")]
    IdTaken(JobId),
    /// The submission was under way for too long.
    #[error("job {0}: its submission took too long to reach the log; send it again")]
    SubmitTooLate(JobId),
    /// Too many jobs are not over.
    #[error("the queue is full: {limit} jobs are not over; wait, or cancel some")]
    QueueFull {
        /// [`crate::limits::LIVE_JOBS_MAX`].
        limit: usize,
    },
    /// The jobs that are not over have too many bytes of parameters in all.
    #[error(
        "the queue is full: the parameters of the jobs that are not over may have {limit} bytes in all; \
         wait, or cancel some"
    )]
    QueueTooLarge {
        /// [`crate::limits::LIVE_PARAMETER_BYTES_MAX`].
        limit: u64,
    },
    /// Too many different capacity maps among the jobs that are not over.
    #[error(
        "action \"{action}\": its jobs already have {limit} different capacity maps; use fewer kinds"
    )]
    TooManyShapes {
        /// The action.
        action: String,
        /// [`crate::limits::SHAPES_PER_ACTION_MAX`].
        limit: usize,
    },
    /// More than a bound of [`crate::limits`] allows.
    #[error("{what} has {got}, more than the limit of {limit}")]
    OverLimit {
        /// What is too large.
        what: std::borrow::Cow<'static, str>,
        /// How large it is.
        got: u64,
        /// How large it may be.
        limit: u64,
    },
    /// A worker registers with a lease that it could not renew in time.
    #[error("a lease of {got} ms is too short: the shortest is {limit} ms")]
    LeaseTooShort {
        /// The length of the lease in milliseconds.
        got: u64,
        /// [`crate::limits::TTL_MIN`] in milliseconds.
        limit: u64,
    },
    /// The speaker does not hold the job's current lease.
    #[error("job {job}: lease {lease} is not its current one")]
    StaleLease {
        /// The job.
        job: JobId,
        /// The lease that the speaker holds.
        lease: LeaseId,
    },
    /// The speaker's life is over: it was declared dead, said goodbye, or has begun another.
    #[error("worker {worker}: its epoch {epoch} is over; register again")]
    StaleEpoch {
        /// The worker.
        worker: WorkerId,
        /// The epoch that the speaker claims.
        epoch: Epoch,
    },
    /// The worker has renewed its lease since.
    #[error("worker {worker}: it has renewed its lease since renewal {renewal}")]
    Renewed {
        /// The worker.
        worker: WorkerId,
        /// The renewal that the leader saw last.
        renewal: u64,
    },
    /// The worker must first confirm that nothing of its former life runs.
    #[error("worker {0}: it has not confirmed yet that nothing of its former life runs")]
    NotConfirmed(WorkerId),
    /// The cluster knows too many workers.
    #[error("the cluster knows {limit} workers already; remove some")]
    TooManyWorkers {
        /// [`crate::limits::WORKERS_MAX`].
        limit: usize,
    },
    /// Its parent is being canceled.
    #[error("job {0}: it is being canceled, and takes no more children")]
    NoMoreChildren(JobId),
    /// Too many jobs descend from one.
    #[error("job {root}: {limit} jobs that descend from it are not over; wait for some")]
    TooManyChildren {
        /// The job from which they descend.
        root: JobId,
        /// [`crate::limits::DESCENDANTS_MAX`].
        limit: usize,
    },
    /// Output lines would be missing.
    #[error("job {job}: line {got} was sent, line {expected} is next")]
    LineGap {
        /// The job.
        job: JobId,
        /// The number of the next line.
        expected: u64,
        /// The number that was sent.
        got: u64,
    },
    /// More output than a job may have, or than an entry may hold.
    #[error("job {job}: too many output lines")]
    TooManyLines {
        /// The job.
        job: JobId,
    },
    /// No attempt of the job could begin in time.
    #[error(
        "job {job}: it would expire at {} ms, before it is due at {} ms",
        expires_at.as_ms(),
        due_at.as_ms()
    )]
    ExpiresTooEarly {
        /// The job.
        job: JobId,
        /// When it was to expire.
        expires_at: Timestamp,
        /// When it could be claimed first.
        due_at: Timestamp,
    },
    /// A job that is not over is not retried.
    #[error("job {0}: it is not over yet, and is only retried when it is")]
    NotOver(JobId),
    /// Too many queues are paused.
    #[error("{limit} queues are paused already; resume some")]
    TooManyPausedQueues {
        /// [`crate::limits::PAUSED_QUEUES_MAX`].
        limit: usize,
    },
    /// The action has no cron.
    #[error("action \"{0}\": it has no cron")]
    NoSuchCron(String),
    /// Ticks of a cron that is to go were decided meanwhile, or more have come due than were named.
    #[error(
        "action \"{0}\": the ticks of its cron are others than when this was asked for; ask again"
    )]
    OtherTicks(String),
    /// The action has no config.
    #[error("action \"{0}\": it has no action config")]
    NoSuchActionConfig(String),
    /// Too many actions have a cron.
    #[error("{limit} actions have a cron already; delete some")]
    TooManyCrons {
        /// [`crate::limits::CRONS_MAX`].
        limit: usize,
    },
    /// Too many actions have a config.
    #[error("{limit} actions have an action config already; delete some")]
    TooManyActionConfigs {
        /// [`crate::limits::ACTION_CONFIGS_MAX`].
        limit: usize,
    },
    /// Whoever proposed a cron has not worked out its next run from its anchor.
    #[error(
        "a cron's next run at {} ms is not after its anchor at {} ms; work it out anew",
        next_run.as_ms(),
        anchor.as_ms()
    )]
    NextRunTooEarly {
        /// The next run that was proposed.
        next_run: Timestamp,
        /// The instant that it has to be after.
        anchor: Timestamp,
    },
    /// The settings have changed since the jobs that were to go were chosen.
    #[error("the settings of the job history have changed, or it is not compacted any more")]
    OtherRetention,
    /// There is no such token, or it has been revoked.
    #[error("token {0}: no such token")]
    NoSuchToken(TokenId),
    /// Another token has the same secret.
    #[error("token {0}: it was created before, and not like this; draw another secret")]
    TokenTaken(TokenId),
    /// There are too many tokens.
    #[error("there are {limit} tokens already; revoke some")]
    TooManyTokens {
        /// [`crate::limits::TOKENS_MAX`].
        limit: usize,
    },
    /// Without this token nobody could manage tokens any more, at the latest some day.
    #[error(
        "token {0}: it is the last one with the role admin that does not expire; create another first"
    )]
    LastAdmin(TokenId),
    /// Whoever creates a token has it expire in the past.
    #[error(
        "a token cannot expire at {} ms: it is {} ms already",
        expires_at.as_ms(),
        now.as_ms()
    )]
    TokenExpiresTooEarly {
        /// When it was to expire.
        expires_at: Timestamp,
        /// The cluster's time.
        now: Timestamp,
    },
    /// The name cannot be a user's.
    #[error(
        "user {0:?}: a user's name is not empty, and has neither a colon nor control characters"
    )]
    BadUser(String),
    /// A token would promise what is not so.
    #[error(
        "the cluster is open: anybody may call it, with a token or without; close it first, by \
         `admin_token_hash` in the configuration of a replica"
    )]
    ClusterIsOpen,
    /// The membership stays as it is.
    #[error(transparent)]
    Members(#[from] MembersRefusal),
}

/// Something happened. Events carry the record as it is afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A job was created.
    Submitted(Arc<Job>),
    /// A job can be claimed: it is due, and nobody has it.
    Due(Arc<Job>),
    /// A worker holds a lease on the job; it starts it now.
    Claimed(Arc<Job>),
    /// The job is to end: whoever runs it ends it, or makes sure first that nothing of it runs.
    CancelRequested(Arc<Job>),
    /// The job lost its worker, which is dead or was stopped.
    WorkerLost(Arc<Job>),
    /// The job's dead worker is back before anybody claimed the job, and ends what is left of it.
    WorkerReturned(Arc<Job>),
    /// The job's dead worker is back and confirms that it does not run it.
    Resurrected(Arc<Job>),
    /// The process of the job has ended, or was never begun again; it is over when the last of its
    /// children is.
    AwaitsChildren(Arc<Job>),
    /// The job is over, and has left the state for history.
    Ended(Arc<Job>),
    /// The job and its output are to be removed from history; a tombstone stays.
    Deleted(JobId),
    /// These jobs are over, and are to go from history with their output; nothing of them stays.
    Compacted(Vec<JobId>),
    /// A job of history is retried by another; its record is to say so.
    Retried {
        /// The job that is over.
        job: JobId,
        /// The one that retries it.
        by: JobId,
    },
    /// No job of the action is claimed from now on.
    QueuePaused(String),
    /// The jobs of the action are claimed again.
    QueueResumed(String),
    /// The job has more output.
    LinesAppended {
        /// The job, with its new line count.
        job: Arc<Job>,
        /// The number of the first of these lines.
        first: u64,
        /// The lines.
        lines: Vec<Line>,
    },
    /// A worker registered, died, left, or its capacity changed; not told for renewals.
    WorkerChanged(Arc<Worker>),
    /// A cron was created, has taken another's place, or was paused or resumed.
    CronChanged(Arc<Cron>),
    /// A cron was removed; it is told as it was.
    CronDeleted(Arc<Cron>),
    /// Ticks of a cron have become a job, or none.
    CronTicked(Arc<Ticked>),
    /// An action config was created, or has taken another's place.
    ActionConfigChanged(Arc<ActionConfig>),
    /// An action config was removed; it is told as it was.
    ActionConfigDeleted(Arc<ActionConfig>),
    /// Settings of the cluster have changed; all of them are told.
    SettingsChanged(Settings),
    /// A token was created; the first one closes the cluster.
    TokenCreated(Arc<Token>),
    /// A token was revoked; it is told as it was.
    TokenRevoked(Arc<Token>),
}

impl Event {
    /// The job whose change the event tells, as it is after that; `None` where it is about none, or names
    /// jobs that are no more.
    pub fn job(&self) -> Option<&Arc<Job>> {
        match self {
            Self::Submitted(job)
            | Self::Due(job)
            | Self::Claimed(job)
            | Self::CancelRequested(job)
            | Self::WorkerLost(job)
            | Self::WorkerReturned(job)
            | Self::Resurrected(job)
            | Self::AwaitsChildren(job)
            | Self::Ended(job) => Some(job),
            Self::Deleted(_)
            | Self::Compacted(_)
            | Self::LinesAppended { .. }
            | Self::Retried { .. }
            | Self::QueuePaused(_)
            | Self::QueueResumed(_)
            | Self::WorkerChanged(_)
            | Self::CronChanged(_)
            | Self::CronDeleted(_)
            | Self::CronTicked(_)
            | Self::ActionConfigChanged(_)
            | Self::ActionConfigDeleted(_)
            | Self::SettingsChanged(_)
            | Self::TokenCreated(_)
            | Self::TokenRevoked(_) => None,
        }
    }

    /// The status of the job that the event is about, where it is about a change of one.
    pub fn status(&self) -> Option<Status> {
        if matches!(self, Self::Deleted(_)) {
            return Some(Status::Deleted);
        }
        self.job().map(|job| job.status)
    }
}
