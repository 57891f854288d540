//! How long a retry waits: in whole numbers, so that every replica waits equally long.

use crate::id::JobId;
use crate::limits::BACKOFF_MAX;
use crate::time::Span;

/// How long the retries of an action wait after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the first retry.
    pub first: Span,
    /// What each further wait is of the one before, in percent: 100 is always the same, 200 is
    /// twice as long each time.
    pub factor_percent: u32,
    /// No wait is longer; `None` is [`BACKOFF_MAX`].
    pub max: Option<Span>,
    /// How much of a wait chance may take off, in percent, so that jobs that failed together are
    /// not tried again together.
    pub jitter_percent: u32,
}

impl Backoff {
    /// Always the same wait.
    pub const fn constant(wait: Span) -> Self {
        Self { first: wait, factor_percent: 100, max: None, jitter_percent: 0 }
    }

    /// The wait of the job `failed`, which was tried again `retries` times before it failed.
    ///
    /// What chance takes off follows from the job's id: it is the same on every replica, and
    /// differs from job to job.
    pub fn wait(&self, retries: u32, failed: JobId) -> Span {
        let max = u128::from(self.max.unwrap_or(BACKOFF_MAX).min(BACKOFF_MAX).as_ms());
        let mut wait = u128::from(self.first.as_ms()).min(max);
        // A wait that does not change any more need not be worked out again.
        for _ in 0..retries {
            let next = (wait * u128::from(self.factor_percent) / 100).min(max);
            if next == wait {
                break;
            }
            wait = next;
        }
        let most = wait * u128::from(self.jitter_percent.min(100)) / 100;
        let off = (most * u128::from(chance(failed))) >> 64;
        Span::from_ms(u64::try_from(wait - off).unwrap_or(u64::MAX))
    }
}

impl Default for Backoff {
    /// No wait at all.
    fn default() -> Self {
        Self::constant(Span::ZERO)
    }
}

/// A number that looks random, from an id whose bits may not: the finisher of splitmix64.
fn chance(id: JobId) -> u64 {
    let id = u128::from_be_bytes(id.to_bytes());
    let halves = (id ^ (id >> 64)) & u128::from(u64::MAX);
    let mut z = u64::try_from(halves).unwrap_or_default().wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: u128) -> JobId {
        JobId::from_bytes(number.to_be_bytes())
    }

    fn waits(backoff: Backoff, count: u32) -> Vec<u64> {
        (0..count).map(|retries| backoff.wait(retries, job(7)).as_ms()).collect()
    }

    #[test]
    fn a_wait_is_constant_or_grows_up_to_its_cap() {
        let second = Span::from_ms(1_000);
        let constant = Backoff::constant(second);
        assert_eq!(waits(constant, 3), [1_000, 1_000, 1_000]);
        let doubling = Backoff { factor_percent: 200, ..constant };
        assert_eq!(waits(doubling, 4), [1_000, 2_000, 4_000, 8_000]);
        let capped = Backoff { max: Some(Span::from_ms(3_000)), ..doubling };
        assert_eq!(waits(capped, 4), [1_000, 2_000, 3_000, 3_000]);
        let half = Backoff { factor_percent: 150, ..constant };
        assert_eq!(waits(half, 3), [1_000, 1_500, 2_250]);
        assert_eq!(waits(Backoff::default(), 2), [0, 0]);
        // Nothing overflows, however often it is tried and whatever a message says.
        let huge = Backoff {
            first: Span::from_ms(u64::MAX),
            factor_percent: u32::MAX,
            max: Some(Span::from_ms(u64::MAX)),
            jitter_percent: u32::MAX,
        };
        assert!(huge.wait(u32::MAX, job(1)) <= BACKOFF_MAX);
        assert_eq!(doubling.wait(u32::MAX, job(1)), BACKOFF_MAX);
    }

    #[test]
    fn jitter_takes_off_its_part_evenly_and_the_same_everywhere() {
        let wait = Span::from_ms(10_000);
        let backoff = Backoff { jitter_percent: 50, ..Backoff::constant(wait) };
        let waits: Vec<_> = (0..1_000).map(|n| backoff.wait(0, job(n)).as_ms()).collect();
        assert!(waits.iter().all(|wait| (5_000..=10_000).contains(wait)));
        let below = waits.iter().filter(|wait| **wait < 7_500).count();
        assert!((400..600).contains(&below), "{below} of 1,000 are in the lower half");
        // It is a format: a replica of another build waits as long.
        assert_eq!(waits.get(..3), Some(&[5_584, 7_168, 7_045][..]));
    }
}
