//! What a part of a replica counts while it works: numbers that many threads add to without
//! waiting for each other, and that somebody reads now and then.
//!
//! It knows neither what is counted nor how that is shown. Start at [`Times`].
#![deny(missing_docs)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bounds of all distributions, in microseconds: from a fast disk to a job of hours. One set for
/// all keeps what is shown comparable, and bounded.
const BOUNDS_US: [u64; 18] = [
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
];

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Times {
    /// One for each bound, and one for what is longer than all of them.
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// What [`Times`] had when it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// How many took at most so many seconds, and longer than the bound before; the last bound is
    /// infinite.
    pub buckets: Vec<(f64, u64)>,
    /// How long all of them took, in seconds.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
}

impl Times {
    /// It took so long.
    pub fn note(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// What there is. Notes that are made meanwhile are in it or not.
    pub fn read(&self) -> Distribution {
        let bounds = BOUNDS_US.iter().map(|us| seconds(*us)).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Distribution { buckets, sum: seconds(self.sum_us.load(Ordering::Relaxed)), count }
    }
}

fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_counted_once_in_the_bucket_whose_bound_it_does_not_exceed() {
        let times = Times::default();
        for us in [0, 250, 251, 1_000_000, 3_600_000_001] {
            times.note(Duration::from_micros(us));
        }
        let read = times.read();
        let of = |bound: f64| read.buckets.iter().find(|(at, _)| *at >= bound).expect("a bound").1;
        assert_eq!([of(0.000_25), of(0.000_5), of(1.0), of(f64::INFINITY)], [2, 1, 1, 1]);
        assert_eq!(read.count, 5);
        assert!((read.sum - 3_601.000_502).abs() < 1e-6, "{}", read.sum);
    }

    #[test]
    fn nothing_is_lost_between_threads() {
        let (times, count) = (Times::default(), Count::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        times.note(Duration::from_millis(3));
                        count.add_one();
                    }
                });
            }
        });
        assert_eq!((times.read().count, count.read()), (40_000, 40_000));
        assert!((times.read().sum - 120.0).abs() < 1e-6);
    }
}
