//! Liquidatable positions, out of the screen's way: the same screen with the sides changed over finds who may have recovered.
//!
//! Recovered means `C ≥ D` in integers, hence `D_R·r ≤ C_R·r` summed over the legs: the sum of debts less collateral is not
//! positive. So debts come first and are rounded down, collateral up, and everything that [`super::ratios`] proves of
//! the screen holds here. Windows are of one block, in the order of the mirrored keys, healthiest first.

use std::ops::Range;

use super::blocks::{Blocks, LANES};
use super::kernels::{Kernel, Scan, Slot};
use super::lane::Lane;
use super::ratios::{Classes, Ratios};

/// Positions parked since the last sorting, at least, before they are sorted anew: those that cross together lie
/// together, so that few of their blocks are near.
const RECENT: usize = 16_384;

/// Lanes of parked rows. One whose row has recovered or changed since stays until the next sorting: the exact rule is
/// asked once too often, never too seldom.
#[derive(Clone, Debug)]
pub struct Parked {
    sorted: Blocks<u16>,
    recent: Blocks<u16>,
    vacant: Range<u32>,
    rows: [Vec<u32>; 2],
}

impl Default for Parked {
    fn default() -> Parked {
        Parked {
            sorted: Blocks::new(1),
            recent: Blocks::new(1),
            vacant: 0..0,
            rows: [Vec::new(), Vec::new()],
        }
    }
}

impl Parked {
    /// Returns rows and their lanes in the order of their mirrored keys.
    #[must_use]
    pub fn sorted(mut entries: Vec<(f32, u32)>, lane: impl Fn(u32) -> Lane) -> Parked {
        entries.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        let mut parked = Parked::default();
        for block in entries.chunks(LANES) {
            let lanes: Vec<_> = block.iter().map(|(_, row)| lane(*row)).collect();
            let first = parked.sorted.push(
                lanes
                    .iter()
                    .map(|lane| lane.legs().len())
                    .max()
                    .unwrap_or(0),
            );
            for ((number, (_, row)), lane) in (first..).zip(block).zip(&lanes) {
                parked.sorted.write(number, *row, lane, |slot| slot);
            }
        }
        parked.rows[0].extend(entries.iter().map(|entry| entry.1));
        parked
    }

    /// Adds a row and its lane.
    pub fn add(&mut self, row: u32, lane: &Lane) {
        let legs = lane.legs().len();
        if self.vacant.is_empty() || self.recent.rows(self.vacant.start) < legs {
            let first = self.recent.push(legs.next_multiple_of(4));
            self.vacant = first..first + LANES as u32;
        }
        if let Some(number) = self.vacant.next() {
            self.recent.write(number, row, lane, |slot| slot);
        }
        self.rows[1].push(row);
    }

    /// Returns whether so many came since the last sorting that looking at them costs more than sorting anew.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        self.rows[1].len() > RECENT.max(self.rows[0].len())
    }

    /// Adds the rows that may have recovered.
    pub fn suspects(&self, kernel: Kernel, ratios: &Ratios, rows: &mut Vec<u32>) {
        if self.rows[0].is_empty() && self.rows[1].is_empty() {
            return;
        }
        let (table, bands) = ratios.of_parked();
        for blocks in [&self.sorted, &self.recent] {
            let scan = Scan {
                blocks,
                table,
                bands: &bands,
                only: Classes::MAX,
            };
            blocks.runs(-ratios.recovery_threshold(), true, |range| {
                u16::scan(kernel, &scan, range, rows)
            });
        }
    }

    /// Returns the rows, those included whose lanes are out of date.
    pub fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows.iter().flatten().copied()
    }

    /// Returns the bytes that it occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let rows: usize = self.rows.iter().map(|rows| rows.capacity() * 4).sum();
        self.sorted.bytes().1 + self.recent.bytes().1 + rows
    }
}
