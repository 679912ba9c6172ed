//! Chance that can be repeated.

/// SplitMix64: the same seed, the same numbers.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// A number from 0 to below that.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }

    /// One of these, of which there must be one.
    #[expect(clippy::indexing_slicing, reason = "below the length")]
    pub fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        let place = self.below(all.len() as u64);
        all[usize::try_from(place).unwrap_or(0)]
    }
}
