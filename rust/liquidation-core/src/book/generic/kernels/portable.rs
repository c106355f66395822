//! The screen for any processor: multiplications and additions, no call of a library's fused one.

use std::ops::Range;

use super::{each_block, Scan, Slot};
use crate::book::generic::blocks::LANES;
use crate::sabotage::{planted, Fault};

/// Adds the rows of the blocks' candidates.
pub fn scan<S: Slot>(scan: &Scan<'_, S>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    each_block!(scan, blocks, rows, |values, slots, band| under(
        values, slots, scan.table, band
    ));
}

#[inline]
fn under<S: Slot>(values: &[f32], slots: &[S], table: &[f32], band: f32) -> u16 {
    let mut sums = [0f32; LANES];
    for (values, slots) in values.chunks_exact(LANES).zip(slots.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += values[lane] * table[slots[lane].index()];
        }
    }
    if planted(Fault::OrderedCompare) {
        return (0..LANES).fold(0, |bits, lane| bits | u16::from(sums[lane] < band) << lane);
    }
    let at_least = |bits: u16, lane: usize| bits | u16::from(sums[lane] >= band) << lane;
    !(0..LANES).fold(0, at_least) // a sum that compares with nothing is a candidate
}
