//! Every entry that the log can hold: the table of contents of this crate.

use std::collections::BTreeMap;

use crate::action::ActionOffer;
use crate::action_config::ActionConfig;
use crate::capacity::CapacityMap;
use crate::compaction::Compaction;
use crate::cron::{Firing, NewCron};
use crate::family::Parent;
use crate::id::{Epoch, Incarnation, JobId, LeaseId, TokenId, WorkerId};
use crate::job::JobSpec;
use crate::level::Level;
use crate::lines::Line;
use crate::members::MembersChange;
use crate::policy::Policy;
use crate::settings::SettingsChange;
use crate::time::{Span, Timestamp};
use crate::token::{NewToken, TokenHash};

/// A change that is proposed to the cluster. Once committed, every replica applies it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most are submissions, which a box would only slow")]
pub enum Command {
    /// Nothing but the passing of time: what is due becomes due. Proposed by the leader.
    Tick,
    /// A client wants a job to run.
    Submit(NewJob),
    /// A client wants a job not to run, or no longer.
    Cancel {
        /// The job.
        job: JobId,
    },
    /// A client wants the same of several jobs. In a box, because it is rare.
    Bulk(Box<Bulk>),
    /// An operator wants no job of an action to be claimed for now. They are still submitted.
    PauseQueue {
        /// The action.
        action: String,
        /// The user's name; empty if nobody is known.
        by: String,
        /// Why, in the operator's words.
        reason: String,
    },
    /// An operator wants the jobs of an action to be claimed again.
    ResumeQueue {
        /// The action.
        action: String,
    },
    /// A client wants a job and its output to be gone; a running one is canceled first.
    Delete {
        /// The job, which may be over already.
        job: JobId,
    },
    /// An operator changes what a worker has; it stays so when the worker registers again.
    SetCapacity {
        /// The worker.
        worker: WorkerId,
        /// What it has from now on.
        capacity: CapacityMap,
    },
    /// An operator wants a worker to take no more jobs, also when it has started anew.
    Drain {
        /// The worker.
        worker: WorkerId,
        /// What it runs is stopped after so long; `None` is never.
        limit: Option<Span>,
    },
    /// An operator wants a worker to take jobs again.
    Resume {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker begins a life. It has ended what ran in the former one.
    Register(Registration),
    /// A registered worker says anew what it has and offers, and goes on running what it runs. In a
    /// box, because it is rare and would make all commands larger.
    Offer(Box<Offer>),
    /// A registered worker says that nothing of its former lives runs any more.
    Confirm {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
    },
    /// A worker renews its lease, and with it the leases of all that it runs.
    Heartbeat {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
    },
    /// A worker asks for jobs.
    Claim {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
        /// How many it can take, at most [`crate::limits::CLAIM_MAX`].
        max: u32,
    },
    /// A worker hands in output of a job.
    AppendLines {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
        /// The job.
        job: JobId,
        /// The right to speak for it.
        lease: LeaseId,
        /// The number of the first line.
        first: u64,
        /// The lines.
        lines: Vec<Line>,
    },
    /// A worker has given the process of a job a token, by which it can submit children.
    GiveToken {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
        /// The job.
        job: JobId,
        /// The right to speak for it.
        lease: LeaseId,
        /// By which the token is known again.
        hash: TokenHash,
    },
    /// A worker says how runs ended.
    Finish {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
        /// The runs.
        runs: Vec<Finished>,
    },
    /// A worker says goodbye: what it still has may be claimed by others.
    Leave {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
    },
    /// The leader has seen no renewal for longer than the lease. Void if there was one meanwhile.
    Expire {
        /// The worker.
        worker: WorkerId,
        /// Its life.
        epoch: Epoch,
        /// The last renewal that the leader saw.
        renewal: u64,
    },
    /// A client wants an action to run by a schedule; takes the place of the action's former cron.
    /// In a box, because it is rare and would make all commands larger.
    PutCron(Box<NewCron>),
    /// A client wants an action not to run by a schedule any more.
    DeleteCron {
        /// The action.
        action: String,
        /// The ticks of its cron that nothing has decided ([`crate::Cron::undecided`]).
        undecided: Option<Box<Firing>>,
    },
    /// Ticks of crons have come due. Proposed by the leader, which works out what they are; each
    /// is void if its cron is not where the leader saw it.
    Fire(Vec<Firing>),
    /// A client wants the ticks of a cron to wait.
    PauseCron {
        /// The action.
        action: String,
    },
    /// A client wants the ticks of a cron to go on.
    ResumeCron {
        /// The action.
        action: String,
    },
    /// A client wants a job of a cron at once.
    RunCron {
        /// The action.
        action: String,
        /// The job, drawn by the gateway.
        job: JobId,
        /// See [`NewJob::drawn`].
        drawn: u64,
    },
    /// An operator wants every job of an action to have these parameters; takes the place of the
    /// action's former config.
    PutActionConfig(ActionConfig),
    /// An operator wants the jobs of an action to have no parameters but their own.
    DeleteActionConfig {
        /// The action.
        action: String,
    },
    /// An operator changes settings of the cluster; those that are not named stay.
    PutSettings(SettingsChange),
    /// A job of [`crate::COMPACTION_ACTION`] removes jobs that are over from history. In a box, because
    /// it is rare and would make all commands larger.
    Compact(Box<Compaction>),
    /// A founder's configuration says that the cluster is closed: the first token is an
    /// administrator's, and has this hash. Void if there has ever been a token.
    Close {
        /// The hash of the first token.
        hash: TokenHash,
    },
    /// A replica's operator has drawn a token beside its data, because the secrets of all other
    /// administrators are lost.
    ResetAdmin {
        /// The hash of the token.
        hash: TokenHash,
    },
    /// The cluster begins anew, from a backup or with the replicas that are left of it: nobody who
    /// held anything in its former life holds it any more. Comes from the tools that do that, as the
    /// first entry of the new life.
    Refound,
    /// An administrator gives somebody a token.
    CreateToken(Box<NewToken>),
    /// An administrator takes a token back.
    RevokeToken {
        /// The token.
        id: TokenId,
    },
    /// Who is to be a replica of the cluster, or none any more. In a box, because it is rare.
    Members(Box<MembersChange>),
    /// All members know this feature level. Proposed by the leader; void if the level is as high.
    RaiseLevel {
        /// The new level.
        to: Level,
    },
    /// Cuts one more notch. Only in builds for tests of upgrades.
    #[cfg(feature = "next-level")]
    Notch,
}

impl Command {
    /// The level that the cluster must have before this may be in its log: a version that knows
    /// only lower ones would not know it, or would understand it otherwise.
    pub fn needs_level(&self) -> Level {
        match self {
            Self::Tick
            | Self::Submit(_)
            | Self::Cancel { .. }
            | Self::Bulk(_)
            | Self::PauseQueue { .. }
            | Self::ResumeQueue { .. }
            | Self::Delete { .. }
            | Self::SetCapacity { .. }
            | Self::Drain { .. }
            | Self::Resume { .. }
            | Self::Register(_)
            | Self::Offer(_)
            | Self::Confirm { .. }
            | Self::Heartbeat { .. }
            | Self::Claim { .. }
            | Self::AppendLines { .. }
            | Self::GiveToken { .. }
            | Self::Finish { .. }
            | Self::Leave { .. }
            | Self::Expire { .. }
            | Self::PutCron(_)
            | Self::DeleteCron { .. }
            | Self::Fire(_)
            | Self::PauseCron { .. }
            | Self::ResumeCron { .. }
            | Self::RunCron { .. }
            | Self::PutActionConfig(_)
            | Self::DeleteActionConfig { .. }
            | Self::PutSettings(_)
            | Self::Compact(_)
            | Self::Close { .. }
            | Self::ResetAdmin { .. }
            | Self::Refound
            | Self::CreateToken(_)
            | Self::RevokeToken { .. }
            | Self::Members(_)
            | Self::RaiseLevel { .. } => Level::FIRST,
            #[cfg(feature = "next-level")]
            Self::Notch => Level::new(2),
        }
    }
}

/// What is done to several jobs in one entry, at most [`crate::limits::BULK_MAX`] of them. One that
/// is refused does not hinder the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bulk {
    /// As [`Command::Cancel`].
    Cancel(Vec<JobId>),
    /// As [`Command::Delete`].
    Delete(Vec<JobId>),
    /// As [`Command::Submit`]; each has a [`NewJob::retry_from`].
    Retry(Vec<NewJob>),
}

impl Bulk {
    /// How many jobs it is about.
    pub fn len(&self) -> usize {
        match self {
            Self::Cancel(jobs) | Self::Delete(jobs) => jobs.len(),
            Self::Retry(jobs) => jobs.len(),
        }
    }

    /// Whether it is about no job.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A job that a client wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Drawn by the gateway, or derived there from a key of the client.
    pub id: JobId,
    /// [`crate::State::sequence`] on the gateway's replica when the id was drawn, and of a derived
    /// one before the gateway found that no job has it, live or over. The submission
    /// is refused if more than [`crate::limits::RECENTLY_ENDED_MAX`] jobs have ended since: the
    /// state could not tell any more whether it has had it.
    pub drawn: u64,
    /// What is to be run.
    pub spec: JobSpec,
    /// From when on it can be claimed; `None` is now.
    pub scheduled_at: Option<Timestamp>,
    /// How often it is run again after a failure; `None` is as often as its action says.
    pub retries: Option<u32>,
    /// Whose child it is to be, if a job's process submits it.
    pub parent: Option<Parent>,
    /// How it is treated while it waits.
    pub policy: Policy,
    /// The job that it runs once more, which is over: a retry that a client asks for.
    pub retry_from: Option<JobId>,
}

/// What a worker says of itself when it registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The worker.
    pub worker: WorkerId,
    /// Drawn by the worker for this registration.
    pub incarnation: Incarnation,
    /// What it has, unless an operator has set something else.
    pub capacity: CapacityMap,
    /// The actions that it offers.
    pub actions: BTreeMap<String, ActionOffer>,
    /// How long its lease lasts after a renewal.
    pub ttl: Span,
}

/// What a worker has and offers from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The worker.
    pub worker: WorkerId,
    /// Its life.
    pub epoch: Epoch,
    /// Which offer of this life it is, from 1; one that comes after a later one is void.
    pub number: u64,
    /// What it has, unless an operator has set something else.
    pub capacity: CapacityMap,
    /// The actions that it offers.
    pub actions: BTreeMap<String, ActionOffer>,
}

/// The end of one run, as its worker saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The job.
    pub job: JobId,
    /// The right to speak for it.
    pub lease: LeaseId,
    /// How the run ended.
    pub exit: Exit,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// What made it end.
    pub cause: ExitCause,
    /// What the process returned, if it returned: 0 is success.
    pub code: i32,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
}

/// What made a run end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitCause {
    /// It ended by itself: the code or the signal is its own.
    Own,
    /// The same, and whoever refused what it wanted has asked for so long a wait before the next
    /// attempt. Its backoff may be longer.
    AskedToWait(Span),
    /// Its worker ended it because a client asked for that.
    Canceled,
    /// Its worker ended it at its deadline.
    Deadline,
    /// Its worker ended it because the worker itself is being stopped.
    Shutdown,
    /// It could not be started, for this reason.
    CouldNotStart(String),
}
