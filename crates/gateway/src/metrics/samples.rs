//! What happened lately, in steps of half a minute, for pages that plot it: the bounded memory of one
//! replica, from its start on.

use std::collections::{BTreeMap, VecDeque};

use stint_core::{Event, QueueStatus, Timestamp};

use crate::limits::SAMPLES_MAX;

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Its end.
    pub(crate) at: Timestamp,
    /// Jobs that were submitted within it.
    pub(crate) submitted: u64,
    /// Jobs that ended within it, by status.
    pub(crate) ended: BTreeMap<&'static str, u64>,
    /// Jobs that were due and not claimed at its end.
    pub(crate) due: u64,
    /// Jobs that ran then.
    pub(crate) running: u64,
    /// Jobs that were scheduled for later.
    pub(crate) scheduled: u64,
    /// For how many milliseconds the one had been due that had been due for longest.
    pub(crate) oldest_due_ms: u64,
}

/// The latest steps, and the one that goes on.
#[derive(Debug, Default)]
pub(super) struct Samples {
    all: VecDeque<Sample>,
    current: Sample,
}

impl Samples {
    /// Counts an event.
    pub(super) fn note(&mut self, event: &Event) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others are no job's begin or end")]
        match event {
            Event::Submitted(_) => self.current.submitted += 1,
            Event::Ended(job) => {
                *self.current.ended.entry(job.status.name()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Ends the step with what the queues are now.
    pub(super) fn close(&mut self, at: Timestamp, queues: &[QueueStatus]) {
        let sum = |of: fn(&QueueStatus) -> usize| {
            u64::try_from(queues.iter().map(of).sum::<usize>()).unwrap_or(u64::MAX)
        };
        let oldest = queues.iter().filter_map(|queue| queue.oldest_due).min();
        let counted = std::mem::take(&mut self.current);
        self.all.push_back(Sample {
            at,
            due: sum(|queue| queue.due),
            running: sum(|queue| queue.running),
            scheduled: sum(|queue| queue.scheduled),
            oldest_due_ms: oldest.map_or(0, |since| at.as_ms().saturating_sub(since.as_ms())),
            ..counted
        });
        while self.all.len() > SAMPLES_MAX {
            self.all.pop_front();
        }
    }

    /// The steps that ended later than this, oldest first.
    pub(super) fn since(&self, since: Option<Timestamp>) -> Vec<Sample> {
        let is_later = |sample: &&Sample| since.is_none_or(|since| sample.at > since);
        self.all.iter().filter(is_later).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_steps_are_kept_and_no_more() {
        let mut samples = Samples::default();
        let count = u64::try_from(SAMPLES_MAX).unwrap() + 5;
        for ms in 1..=count {
            samples.close(Timestamp::from_ms(ms), &[]);
        }
        let kept = samples.since(None);
        assert_eq!(kept.len(), SAMPLES_MAX);
        assert_eq!(kept.last().map(|sample| sample.at), Some(Timestamp::from_ms(count)));
        assert_eq!(samples.since(Some(Timestamp::from_ms(count - 2))).len(), 2);
    }

    #[test]
    fn a_step_says_how_long_the_oldest_has_been_due() {
        let mut samples = Samples::default();
        let queue = |action: &str, due, oldest_due| QueueStatus {
            action: action.to_owned(),
            pause: None,
            due,
            scheduled: 1,
            running: 2,
            oldest_due,
        };
        let queues = [
            queue("a", 3, Some(Timestamp::from_ms(400))),
            queue("b", 4, Some(Timestamp::from_ms(900))),
            queue("c", 0, None),
        ];
        samples.close(Timestamp::from_ms(1_000), &queues);
        let expected = Sample {
            at: Timestamp::from_ms(1_000),
            due: 7,
            running: 6,
            scheduled: 3,
            oldest_due_ms: 600,
            ..Sample::default()
        };
        assert_eq!(samples.since(None), [expected]);
    }
}
