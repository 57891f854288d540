//! A token bucket, as the one instant at which it will be full again (the generic cell rate
//! algorithm). It knows no clock.

use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

use crate::limits;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// The time in which one request's worth flows in: at most a second.
    interval: Duration,
    /// How far from full a bucket may be for one more request.
    slack: Duration,
}

/// What is left for one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Rate {
    /// So many requests a second, and those of [`limits::BURST_SECONDS`] at once.
    pub(super) fn per_second(count: NonZeroU32) -> Self {
        let interval = (Duration::from_secs(1) / count.get()).max(Duration::from_nanos(1));
        let burst = count.get().saturating_mul(limits::BURST_SECONDS);
        Self { interval, slack: interval.saturating_mul(burst.saturating_sub(1)) }
    }
}

impl Bucket {
    /// That of a client that has asked nothing yet.
    pub(super) const fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes the worth of so many requests, for which there has to be that of one: what is missing
    /// flows in before there is any for the next. False if there is none, and then one interval later
    /// there is.
    pub(super) fn take(&mut self, rate: Rate, count: u32, now: Instant) -> bool {
        let full_at = self.full_at.max(now);
        if full_at.duration_since(now) > rate.slack {
            return false;
        }
        self.full_at = full_at + rate.interval.saturating_mul(count);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, rate: Rate, now: Instant) -> u32 {
        let mut count = 0;
        while bucket.take(rate, 1, now) {
            count += 1;
        }
        count
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_what_flows_in() {
        for per_second in [1, 3, 20_000] {
            let rate = Rate::per_second(NonZeroU32::new(per_second).unwrap());
            let start = Instant::now();
            let mut bucket = Bucket::full(start);
            let burst = per_second * limits::BURST_SECONDS;
            assert_eq!(taken(&mut bucket, rate, start), burst);
            let later = start + limits::RETRY_AFTER;
            assert_eq!(taken(&mut bucket, rate, later), per_second, "as many as a second brings");
            let much_later = later + Duration::from_hours(1);
            assert_eq!(taken(&mut bucket, rate, much_later), burst, "never more than it holds");
        }
    }

    #[test]
    fn what_costs_as_much_as_several_is_given_as_often_as_they_would_be() {
        let rate = Rate::per_second(NonZeroU32::new(100).unwrap());
        let start = Instant::now();
        let mut bucket = Bucket::full(start);
        let taken = |bucket: &mut Bucket, now| {
            std::iter::repeat_with(|| bucket.take(rate, 10, now)).take_while(|is| *is).count()
        };
        assert_eq!(taken(&mut bucket, start), 20, "the burst of 200");
        assert!(!bucket.take(rate, 1, start));
        assert_eq!(taken(&mut bucket, start + limits::RETRY_AFTER), 10, "what a second brings");
    }

    #[test]
    fn no_rate_is_too_fast_to_be_counted() {
        let rate = Rate::per_second(NonZeroU32::MAX);
        let now = Instant::now();
        assert!(Bucket::full(now).take(rate, 1, now));
    }
}
