//! Seeded dice, and how many throws a test makes.

use std::env;

/// Seeded dice (splitmix64).
pub(crate) struct Dice(u64);

/// How many random cases a test tries, where it says so: more than usual, to look for what is rare.
const CASES: &str = "STINT_SCHEDULE_CASES";
/// The seed of the random cases; each test prints the one that it took when it fails.
const SEED: &str = "STINT_SCHEDULE_SEED";

pub(crate) fn cases(usual: u64) -> u64 {
    env::var(CASES).map_or(usual, |cases| cases.parse().expect("a number of cases"))
}

pub(crate) fn seed() -> u64 {
    env::var(SEED).map_or(1, |seed| seed.parse().expect("a seed"))
}

impl Dice {
    /// Dice of one case: cases do not depend on each other.
    pub(crate) fn new(seed: u64, case: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ case.rotate_left(32));
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `min` to `max`.
    pub(crate) fn from(&mut self, min: u64, max: u64) -> u64 {
        min + self.next() % (max - min + 1)
    }

    /// True `times` times in `of`.
    pub(crate) fn happens(&mut self, times: u64, of: u64) -> bool {
        self.next() % of < times
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let last = u64::try_from(all.len()).expect("a length") - 1;
        let index = usize::try_from(self.from(0, last)).expect("an index");
        all.get(index).expect("one of them")
    }
}
