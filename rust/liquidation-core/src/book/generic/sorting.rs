//! Rows in the order of their keys: a radix sort, because a new anchor sorts everybody.

/// A key, the legs of a lane and a row, ordered by the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keyed(u64);

const ROW_BITS: u32 = 32;
const LEG_BITS: u32 = 6;
const KEY_SHIFT: u32 = ROW_BITS + LEG_BITS;
/// Bits of a key that are not kept: who differs in those only is in any order.
const DROPPED: u32 = 31 - (u64::BITS - KEY_SHIFT);
const DIGIT: u32 = 9;
const DIGITS: u32 = (u64::BITS - KEY_SHIFT).div_ceil(DIGIT);

impl Keyed {
    /// Returns the entry; a key is never negative, so its bits are in its order. A lane has fewer than 64 legs.
    #[inline]
    #[must_use]
    pub fn new(key: f32, legs: usize, row: u32) -> Keyed {
        let key = u64::from(key.to_bits() >> DROPPED);
        Keyed(key << KEY_SHIFT | (legs as u64) << ROW_BITS | u64::from(row))
    }

    /// Returns the legs.
    #[inline]
    #[must_use]
    pub const fn legs(self) -> usize {
        (self.0 >> ROW_BITS) as usize & ((1 << LEG_BITS) - 1)
    }

    /// Returns the row.
    #[inline]
    #[must_use]
    pub const fn row(self) -> u32 {
        self.0 as u32
    }
}

/// Sorts by rising keys, digit by digit.
#[must_use]
pub fn sorted(mut entries: Vec<Keyed>) -> Vec<Keyed> {
    let mut other = vec![Keyed::default(); entries.len()];
    for digit in 0..DIGITS {
        let shift = KEY_SHIFT + digit * DIGIT;
        distribute::<{ 1 << DIGIT }>(&entries, &mut other, |entry| (entry.0 >> shift) as usize);
        std::mem::swap(&mut entries, &mut other);
    }
    entries
}

/// Sorts by rising counts of legs; `other` is as long.
pub fn sort_by_legs(entries: &mut [Keyed], other: &mut [Keyed]) {
    distribute::<{ 1 << LEG_BITS }>(entries, other, |entry| entry.legs());
    entries.copy_from_slice(other);
}

/// Writes entries in the order of a digit, those alike in the order they have; `N` is a power of two.
#[inline]
fn distribute<const N: usize>(from: &[Keyed], to: &mut [Keyed], digit: impl Fn(Keyed) -> usize) {
    let mut starts = [0usize; N];
    from.iter()
        .for_each(|entry| starts[digit(*entry) & (N - 1)] += 1);
    let mut before = 0;
    for start in &mut starts {
        before += std::mem::replace(start, before);
    }
    for entry in from {
        let start = &mut starts[digit(*entry) & (N - 1)];
        to[*start] = *entry;
        *start += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_the_keys_compare() {
        let keys = [1.5, 0.0, f32::MAX, 1e-40, 1.0, 0.999_9, 1.000_1, 3e7, 1.0];
        let entries = (0..).zip(keys).map(|(row, key)| Keyed::new(key, 33, row));
        let entries = sorted(entries.collect());
        assert!(entries.iter().all(|entry| entry.legs() == 33));
        let order: Vec<f32> = entries
            .into_iter()
            .map(|entry| keys[entry.row() as usize])
            .collect();
        assert!(order.is_sorted() && order.len() == keys.len());
    }

    #[test]
    fn alike_in_length_keep_their_order() {
        let mut entries: Vec<_> = [(3, 0), (1, 1), (3, 2), (33, 3), (1, 4)]
            .map(|(legs, row)| Keyed::new(1.0, legs, row))
            .into();
        let mut other = vec![Keyed::default(); entries.len()];
        sort_by_legs(&mut entries, &mut other);
        let rows: Vec<u32> = entries.into_iter().map(Keyed::row).collect();
        assert_eq!(rows, [1, 4, 0, 2, 3]);
    }
}
