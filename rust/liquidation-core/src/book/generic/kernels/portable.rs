//! The screen for any processor: multiplications and additions, no call of a library's fused one.

use std::ops::Range;

use super::{each_block, Scan, Word};
use crate::book::generic::blocks::{Row, LANES};
use crate::sabotage::{planted, Fault};

/// Adds the rows of the blocks' candidates.
pub fn scan<W: Word>(scan: &Scan<'_, W>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    each_block!(scan, blocks, rows, |legs, band| under(
        legs, scan.table, band
    ));
}

#[inline]
fn under<W: Word>(legs: &[Row<W>], table: &[f32], band: f32) -> u16 {
    let mut sums = [0f32; LANES];
    for Row(words) in legs {
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum += word.share() * table[word.slot()];
        }
    }
    if planted(Fault::OrderedCompare) {
        return (0..LANES).fold(0, |bits, lane| bits | u16::from(sums[lane] < band) << lane);
    }
    let at_least = |bits: u16, lane: usize| bits | u16::from(sums[lane] >= band) << lane;
    !(0..LANES).fold(0, at_least) // a sum that compares with nothing is a candidate
}
