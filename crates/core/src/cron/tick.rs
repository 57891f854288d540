//! What became of ticks: the history of a cron, and its counts.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::id::{CronId, Generation, JobId};
use crate::limits;
use crate::outcome::Refusal;
use crate::time::Timestamp;

/// What became of one tick, or of several in a row that became nothing for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickRecord {
    /// The first of them.
    pub first: Timestamp,
    /// The last of them; the same, if it is one.
    pub last: Timestamp,
    /// How many there are.
    pub count: u64,
    /// When that was decided, in log time; of several, when it was of the last.
    pub at: Timestamp,
    /// What became of them.
    pub fate: Fate,
}

/// What became of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// This job.
    Fired(JobId),
    /// No job.
    Skipped(Skip),
}

/// Why a tick became no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skip {
    /// The reason.
    pub reason: SkipReason,
    /// The job that was in its way, if one was.
    pub job: Option<JobId>,
}

/// Why ticks become no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// Nothing could carry it out within the window, and the policy makes up for none, or for
    /// another.
    Missed,
    /// As before, and the cron was paused at its time.
    Paused,
    /// More ticks were to be caught up with than [`limits::TICKS_CAUGHT_UP_MAX`].
    TooMany,
    /// A former job is not over.
    Overlap,
    /// As many jobs as there may be are not over.
    QueueFull,
    /// No worker offers the action any more.
    NoSuchAction,
    /// Jobs of the action have too many different capacity maps already.
    TooManyShapes,
    /// With those of its action's config the job would have too many parameters.
    TooManyParameters,
    /// Its action does not take the parameters as they are.
    BadParameters,
    /// Another cron took the place of this one when the tick was due.
    Replaced,
    /// The cron was deleted when the tick was due.
    Deleted,
}

impl SkipReason {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::Missed,
        Self::Paused,
        Self::TooMany,
        Self::Overlap,
        Self::QueueFull,
        Self::NoSuchAction,
        Self::TooManyShapes,
        Self::TooManyParameters,
        Self::BadParameters,
        Self::Replaced,
        Self::Deleted,
    ];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Paused => "paused",
            Self::TooMany => "too_many",
            Self::Overlap => "overlap",
            Self::QueueFull => "queue_full",
            Self::NoSuchAction => "no_such_action",
            Self::TooManyShapes => "too_many_shapes",
            Self::TooManyParameters => "too_many_parameters",
            Self::BadParameters => "bad_parameters",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
        }
    }

    /// Why a job that was refused like this was not created.
    pub(super) fn of(refusal: &Refusal) -> Self {
        if matches!(refusal, Refusal::NoSuchAction(_)) {
            Self::NoSuchAction
        } else if matches!(refusal, Refusal::QueueFull { .. } | Refusal::QueueTooLarge { .. }) {
            Self::QueueFull
        } else if matches!(refusal, Refusal::TooManyShapes { .. }) {
            Self::TooManyShapes
        } else if matches!(refusal, Refusal::BadParameter { .. }) {
            Self::BadParameters
        } else {
            // A cron's own numbers and texts were within the limits when it was put.
            Self::TooManyParameters
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason, self.job) {
            (SkipReason::Missed, _) => f.write_str("it was missed"),
            (SkipReason::Paused, _) => f.write_str("it was missed while the cron was paused"),
            (SkipReason::TooMany, _) => {
                write!(f, "more than {} ticks were missed", limits::TICKS_CAUGHT_UP_MAX)
            }
            (SkipReason::Overlap, Some(job)) => write!(f, "job {job} was not over"),
            (SkipReason::Overlap, None) => f.write_str("a former job was not over"),
            (SkipReason::QueueFull, _) => f.write_str("the queue was full"),
            (SkipReason::NoSuchAction, _) => f.write_str("no worker offered the action"),
            (SkipReason::TooManyShapes, _) => {
                f.write_str("the jobs of the action had too many different capacity maps")
            }
            (SkipReason::TooManyParameters, _) => {
                f.write_str("with those of its action config it had too many parameters")
            }
            (SkipReason::BadParameters, _) => {
                f.write_str("its action does not take its parameters as they are")
            }
            (SkipReason::Replaced, _) => f.write_str("another cron took the place of this one"),
            (SkipReason::Deleted, _) => f.write_str("the cron was deleted"),
        }
    }
}

/// How many ticks of a cron became what, since it was put.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TickCounts {
    /// How many became jobs.
    pub fired: u64,
    /// How many became nothing, by the reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

impl TickCounts {
    fn add(&mut self, record: &TickRecord) {
        match record.fate {
            Fate::Fired(_) => self.fired = self.fired.saturating_add(record.count),
            Fate::Skipped(skip) => {
                let count = self.skipped.entry(skip.reason).or_default();
                *count = count.saturating_add(record.count);
            }
        }
    }
}

/// The ticks of one cron that were decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TickHistory {
    /// The latest [`limits::TICK_RECORDS_KEPT`], oldest first.
    pub records: VecDeque<TickRecord>,
    /// All of them.
    pub counts: TickCounts,
}

impl TickHistory {
    /// Ticks that became nothing for the reason of those before them are one record with them, so
    /// that a long outage does not push everything else out.
    pub(super) fn add(&mut self, record: TickRecord) {
        self.counts.add(&record);
        if let Some(last) = self.records.back_mut()
            && let (Fate::Skipped(former), Fate::Skipped(skip)) = (last.fate, record.fate)
            && former == skip
        {
            last.last = record.last;
            last.count = last.count.saturating_add(record.count);
            last.at = record.at;
            return;
        }
        self.records.push_back(record);
        while self.records.len() > limits::TICK_RECORDS_KEPT {
            self.records.pop_front();
        }
    }
}

/// What became of ticks of a cron, as it is told to those who follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticked {
    /// The cron.
    pub id: CronId,
    /// Its number among all crons.
    pub generation: Generation,
    /// Its action.
    pub action: String,
    /// What became of which ticks.
    pub record: TickRecord,
}
