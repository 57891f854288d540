//! The history of jobs is shortened: which rule holds, and who may carry it out.
//!
//! History is not part of the state. So an entry names what is to go, job by job: every replica
//! then removes the same, at whichever entry it is when it replays its log. What the state decides
//! is whether the rule by which they were chosen is still the operator's, and whether whoever
//! proposes it still holds the lease of a job that compacts.

use crate::id::{Epoch, JobId, LeaseId, WorkerId};
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::settings::Settings;
use crate::state::{State, Transition};
use crate::submit::{at_most, count};
use crate::time::{Span, Timestamp};

/// The built-in action whose jobs compact the history.
pub const COMPACTION_ACTION: &str = "onlinegc_joblogs";

/// What history keeps, where it is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// How many jobs it keeps at most; `None` is no bound.
    pub to_keep: Option<u64>,
    /// How long after its end it keeps a job; `None` is for ever.
    pub max_age: Option<Span>,
}

impl Retention {
    /// Whether a job that ended at `ended_at` is too old at `now`.
    pub fn is_too_old(&self, ended_at: Timestamp, now: Timestamp) -> bool {
        self.max_age.is_some_and(|age| ended_at.plus(age) < now)
    }
}

impl Settings {
    /// What history keeps; nothing if it is not compacted.
    pub fn retention(&self) -> Option<Retention> {
        self.job_history_compaction_enabled.then(|| Retention {
            to_keep: self.job_history_to_keep,
            max_age: self.job_history_max_age.as_ref().map(crate::Timeout::span),
        })
    }
}

/// A step of a job that compacts the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// The worker that runs the job.
    pub worker: WorkerId,
    /// Its life.
    pub epoch: Epoch,
    /// The job that compacts.
    pub job: JobId,
    /// The right to speak for it.
    pub lease: LeaseId,
    /// By which rule these were chosen.
    pub by: Retention,
    /// Jobs that are over, at most [`limits::COMPACTED_PER_ENTRY_MAX`], and deleted ones of which
    /// only a tombstone is left.
    pub jobs: Vec<JobId>,
}

/// Removes jobs that are over from history, if the rule by which they were chosen still holds.
pub(crate) fn compact(
    state: &State,
    transition: &mut Transition,
    compaction: Compaction,
) -> Result<Reply, Refusal> {
    let Compaction { worker, epoch, job, lease, by, mut jobs } = compaction;
    let limit = limits::COMPACTED_PER_ENTRY_MAX;
    at_most("jobs that are compacted at once", count(jobs.len()), count(limit))?;
    state.job_under_lease(worker, epoch, job, lease)?;
    if state.settings.retention() != Some(by) {
        return Err(Refusal::OtherRetention);
    }
    // What is not over is none of history's, whoever says so.
    jobs.retain(|id| !state.jobs.contains_key(id));
    if !jobs.is_empty() {
        transition.announce(Event::Compacted(jobs));
    }
    Ok(Reply::Ok)
}
