//! What a submitter wants beside what is to be run: who goes first, of what there is one at a time,
//! and until when it is of use.

use crate::limits;
use crate::time::{Span, Timestamp};

/// How a job is treated while it waits. Its retries are treated alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// How far ahead of others it is in the queue.
    pub priority: Priority,
    /// Of the jobs of its action, only one with this key is alive at a time.
    pub unique_key: Option<String>,
    /// No attempt of it begins from this instant on: if it waits then, it ends.
    pub expires_at: Option<Timestamp>,
}

/// A place in the queue, told as a head start in time: each level above another is worth
/// [`limits::PRIORITY_STEP`].
///
/// So the place of a job is known when it is created and never changes, and a job of the lowest
/// priority waits at most [`limits::PRIORITY_SPAN`] longer behind others than one of the highest:
/// whatever comes later than that stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(u8);

impl Priority {
    /// The highest.
    pub const MAX: Self = Self(100);

    /// The priority of this level, from 0 to [`Self::MAX`].
    pub fn new(level: u64) -> Option<Self> {
        u8::try_from(level).ok().map(Self).filter(|priority| *priority <= Self::MAX)
    }

    /// From 0, the lowest, to 100.
    pub const fn level(self) -> u8 {
        self.0
    }

    /// The place in the queue of a job of this priority that is due at `at`: the lower, the sooner.
    pub(crate) fn place(self, at: Timestamp) -> Timestamp {
        let levels = u64::from(Self::MAX.0 - self.0);
        at.plus(Span::from_ms(levels * limits::PRIORITY_STEP.as_ms()))
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(50)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_head_start_in_time() {
        let (low, high) =
            (Priority::new(10).expect("a level"), Priority::new(12).expect("a level"));
        let at = Timestamp::from_ms(1_000_000);
        let later = at.plus(Span::from_ms(2 * limits::PRIORITY_STEP.as_ms()));
        assert_eq!(low.place(at), high.place(later));
        assert!(high.place(at) < low.place(at));
        assert_eq!(Priority::MAX.place(at), at);
        let lowest = Priority::new(0).expect("a level");
        assert_eq!(lowest.place(at), at.plus(limits::PRIORITY_SPAN));
        assert_eq!(Priority::default().level(), 50);
        assert_eq!(Priority::new(101), None);
        assert_eq!(Priority::new(256), None);
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        let end = Timestamp::from_ms(u64::MAX);
        assert_eq!(Priority::default().place(end), end);
    }
}
