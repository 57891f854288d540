//! Times that were measured, and their distribution.

use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use stint_client::Timestamp;

/// The longest time that is told apart from longer ones: nobody waits for so long.
const LONGEST_US: u64 = 3_600_000_000;

/// Significant digits of what is kept.
const DIGITS: u8 = 3;

/// Far enough ahead that nothing runs while something else is measured.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Many times, kept in microseconds.
#[derive(Debug, Clone)]
pub(super) struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        let times = Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Self(times.expect("these bounds are constants, and in order"))
    }
}

impl Times {
    pub(super) fn add(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(LONGEST_US);
        self.0.saturating_record(us.max(1));
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// This share of the times is not longer; zero if there are none.
    pub(super) fn at(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    pub(super) fn longest(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}

/// A time at which no measurement runs any more.
pub(super) fn in_a_year() -> Timestamp {
    Timestamp::from(SystemTime::now() + YEAR)
}

/// From one instant to a later one; zero if it is not later.
pub(super) fn between(from: &Timestamp, to: &Timestamp) -> Duration {
    let ns = |at: &Timestamp| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    let ns = u64::try_from(ns(to) - ns(from)).unwrap_or(0);
    Duration::from_nanos(ns)
}

/// How many a second.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a rate is shown with a few digits"
)]
pub(super) fn rate(count: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_that_of_what_was_added() {
        let mut times = Times::default();
        (1..=100).for_each(|ms| times.add(Duration::from_millis(ms)));
        let near = |time: Duration, ms: u64| {
            let difference = time.as_micros().abs_diff(u128::from(ms) * 1_000);
            assert!(difference < u128::from(ms), "{time:?} is not about {ms} ms");
        };
        near(times.at(0.5), 50);
        near(times.at(0.99), 99);
        near(times.longest(), 100);
        assert_eq!(times.count(), 100);
    }

    #[test]
    fn no_times_have_no_distribution() {
        assert_eq!(Times::default().at(0.99), Duration::ZERO);
        assert_eq!(rate(7, Duration::ZERO).to_string(), "0");
    }

    #[test]
    fn a_time_between_instants_is_never_negative() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (early, late) = (at("2017-02-17T01:09:47.771Z"), at("2017-02-17T01:09:49Z"));
        assert_eq!(between(&early, &late), Duration::from_millis(1_229));
        assert_eq!(between(&late, &early), Duration::ZERO);
    }
}
