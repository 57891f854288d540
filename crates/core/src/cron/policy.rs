//! What a cron does with ticks that are late, and with a job that is not over at the next tick.

use crate::id::CronId;
use crate::limits;
use crate::time::{Span, Timeout, Timestamp};

/// What becomes of ticks that were missed: nothing could carry them out within the window after
/// their time, or the cron was paused. Ticks within the window all become jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Missed {
    /// None of them becomes a job.
    Skip,
    /// The last of them becomes a job, unless a tick within the window does.
    #[default]
    One,
    /// Each becomes a job; of very many, the latest [`limits::TICKS_CAUGHT_UP_MAX`].
    All,
}

impl Missed {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Skip, Self::One, Self::All];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::One => "one",
            Self::All => "all",
        }
    }
}

/// What becomes of a tick while a job that the action's cron has created is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Overlap {
    /// It becomes a job like any other.
    #[default]
    Allow,
    /// It becomes none.
    Skip,
    /// The former jobs are canceled, and it becomes one.
    Replace,
}

impl Overlap {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Skip, Self::Replace];

    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Replace => "replace",
        }
    }
}

/// What a client says of a cron beside what it runs and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CronPolicy {
    /// What becomes of ticks that were missed.
    pub missed: Missed,
    /// How late a tick may be before it is missed; `None` is [`limits::WINDOW_DEFAULT`].
    pub window: Option<Timeout>,
    /// What becomes of a tick while a former job is not over.
    pub overlap: Overlap,
    /// By how much ticks are put off at most, so that crons of one schedule do not all come at
    /// once; `None` is not at all.
    pub jitter: Option<Timeout>,
}

impl CronPolicy {
    /// How late a tick may be before it is missed.
    pub fn window(&self) -> Span {
        self.window.as_ref().map_or(limits::WINDOW_DEFAULT, Timeout::span)
    }

    /// When a tick is due. Each action has a share of the jitter that is the same each time, so
    /// that the time between two ticks is what the schedule says.
    pub fn put_off(&self, action: &str, tick: Timestamp) -> Timestamp {
        match self.jitter.as_ref().map_or(0, |jitter| jitter.span().as_ms()) {
            0 => tick,
            jitter_ms => {
                let spread = CronId::share_of(action) % jitter_ms.saturating_add(1);
                tick.plus(Span::from_ms(spread))
            }
        }
    }
}
