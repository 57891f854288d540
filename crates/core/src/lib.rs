//! What a stint cluster is, and every way it may change.
//!
//! The crate is a function of the log: commands go in, replies (or refusals) and events come out.
//! It knows no clock, no randomness, no I/O and no async; whoever calls it brings the time and the
//! ids. Two replicas that apply the same commands hold the same state, byte for byte.
//!
//! # The life of a job
//!
//! ```text
//!                      cancel, delete
//!   submit, retry   ┌────────────────────────────────────────────► cancel, deleted
//!        │          │
//!        ▼          │    claim              exit
//!     waiting ──────┴──────────► running ─────────────────────────► done, error
//!        ▲                       ▲  │  │  cancel
//!        │                       │  │  └─────────► cancel_request ─► cancel (done, error)
//!        │ confirmed             │  │                  │
//!        │                claim  │  │ lease expired,   │ likewise, and then it ends
//!  worker_resurrection           │  │ worker drained   ▼ as cancel
//!        ▲                       │  ▼
//!        └──────────────── worker_dead, worker_shutdown
//!          worker is back
//! ```
//!
//! # What always holds
//!
//! 1. Log time never goes back ([`State::now`]).
//! 2. A job has at most one live lease, and lease numbers only grow ([`LeaseId`]).
//! 3. A result, an output line or a renewal under an older lease or epoch is refused.
//! 4. The capacity that running jobs hold is never more than it was allowed to be at their claim.
//! 5. A change of status is a row of [`Status::may_become`], or it is a bug and the replica stops.
//! 6. Whatever a client can send ends in a [`Refusal`], never in a panic.
//! 7. Of an action and a unique key, at most one job is alive ([`Policy`]).
//! 8. No attempt of a job begins at or after its `expires_at`.
//!
//! [`invariant::check`] states them as code.
//!
//! Start at [`Command`], then [`State::apply`], then `claim`, `lease` and `finish`.
#![deny(missing_docs)]

mod action;
mod action_config;
mod backoff;
mod bulk;
mod cancel;
mod capacity;
mod claim;
mod command;
mod compaction;
mod cron;
mod declaration;
mod family;
mod finish;
#[cfg(test)]
mod fuzz;
mod id;
mod index;
pub mod invariant;
mod job;
mod lease;
mod level;
pub mod limits;
mod lines;
mod members;
mod offer;
mod outcome;
mod pause;
mod policy;
mod query;
mod queue;
mod recent;
mod refound;
mod schedule;
mod settings;
mod state;
mod status;
mod submit;
mod time;
mod token;
mod wait;
mod worker;

pub use action::{ActionOffer, ActionTraits, BUILT_IN_ACTIONS, Defaults, OnWorkerLoss};
pub use action_config::ActionConfig;
pub use backoff::Backoff;
pub use capacity::CapacityMap;
pub use command::{Bulk, Command, Exit, ExitCause, Finished, NewJob, Offer, Registration};
pub use compaction::{COMPACTION_ACTION, Compaction, Retention};
pub use cron::{
    Cron, CronPolicy, Fate, Firing, Missed, NewCron, Overlap, Passed, Pause, Skip, SkipReason,
    TickCounts, TickHistory, TickRecord, Ticked,
};
pub use declaration::{Declaration, Declarations, Mismatch};
pub use family::{Children, Ending, Parent};
pub use id::{
    ActionConfigId, CronId, Epoch, Generation, Incarnation, JobId, LeaseId, ParseIdError, TokenId,
    WorkerId,
};
pub use job::{Attempt, AttemptEnd, CronLink, Job, JobSpec, LeftOut, Parameters};
pub use level::{LEVELS, Level};
pub use lines::{Line, Stream};
pub use members::{Invitation, MembersChange, MembersRefusal, Taker};
pub use offer::within_limits as offers_within_limits;
pub use outcome::{Event, Outcome, Refusal, Reply};
pub use pause::{Pause as QueuePause, QueueStatus};
pub use policy::{Policy, Priority};
pub use query::{Filter, ListKey, Order, Scan};
pub use schedule::{Field as ScheduleField, FieldProblem, Schedule, ScheduleError};
pub use settings::{Change, Settings, SettingsChange};
pub use state::{Parts, State};
pub use status::Status;
pub use time::{ParseTimeoutError, Span, Timeout, Timestamp};
pub use token::{FIRST_USER, NewToken, RUN_TOKEN_PREFIX, Role, Token, TokenHash};
pub use wait::{Stuck, WaitReason, Waits};
pub use worker::{Draining, Worker, WorkerStatus};
