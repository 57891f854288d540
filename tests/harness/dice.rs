//! What chance decides in a test: a row of numbers that follows from its seed.

/// `SplitMix64`: short, and good enough to draw delays and victims.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Less than `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// One of `0..count`.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        let bound = u64::try_from(count).expect("few");
        usize::try_from(self.below(bound)).expect("less than a usize")
    }
}
