//! Liquidatable positions, out of the screen's way: the same screen with the sides changed over finds who may have recovered.
//!
//! Recovered means `C ≥ D` in integers, hence `D_R·r ≤ C_R·r` summed over the legs: the sum of debts less collateral is not
//! positive. So debts come first and are rounded down, collateral up, and everything that [`super::ratios`] proves of
//! the screen holds here. Windows are of one block, in the order of the mirrored keys, healthiest first.

use std::collections::HashMap;

use super::blocks::{Blocks, LANES};
use super::kernels::{Kernel, Scan, Word};
use super::lane::Lane;
use super::ratios::{Classes, Ratios};

/// Lanes for what was parked since the last sorting, at least, before all are sorted anew: those that cross together lie
/// together, so that few of their blocks are near.
const RECENT: usize = 16_384;
const IS_RECENT: u32 = 1 << 31;

/// One lane a parked row.
#[derive(Clone, Debug)]
pub struct Parked {
    sorted: Blocks<u64>,
    recent: Blocks<u64>,
    vacant: Vec<u32>,
    places: HashMap<u32, u32>,
}

impl Default for Parked {
    fn default() -> Parked {
        Parked {
            sorted: Blocks::new(1),
            recent: Blocks::new(1),
            vacant: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl Parked {
    /// Returns rows and their lanes in the order of their mirrored keys.
    #[must_use]
    pub fn sorted(mut entries: Vec<(f32, u32)>, lane: impl Fn(u32) -> Lane<u64>) -> Parked {
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
                parked.sorted.write(number, *row, lane.key, lane.legs());
                parked.places.insert(*row, number);
            }
        }
        parked
    }

    /// Parks a row, or gives it another lane.
    pub fn add(&mut self, row: u32, lane: &Lane<u64>) {
        self.remove(row);
        let legs = lane.legs().len();
        let fits = |number: &u32| self.recent.legs(*number) >= legs;
        if !self.vacant.last().is_some_and(fits) {
            let first = self.recent.push(legs.next_multiple_of(4));
            self.vacant.extend((first..first + LANES as u32).rev());
        }
        if let Some(number) = self.vacant.pop() {
            self.recent.write(number, row, lane.key, lane.legs());
            self.places.insert(row, number | IS_RECENT);
        }
    }

    /// Lets a row go, if it is here.
    pub fn remove(&mut self, row: u32) {
        match self.places.remove(&row) {
            Some(place) if place & IS_RECENT != 0 => {
                self.recent.silence(place & !IS_RECENT);
                self.vacant.push(place & !IS_RECENT);
            }
            Some(place) => self.sorted.silence(place),
            None => {}
        }
    }

    /// Returns whether so many came since the last sorting that looking at them costs more than sorting anew.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        self.recent.len() * LANES > RECENT.max(2 * self.places.len())
    }

    /// Adds the rows that may have recovered.
    pub fn suspects(&self, kernel: Kernel, ratios: &Ratios, rows: &mut Vec<u32>) {
        if self.places.is_empty() {
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
                u64::scan(kernel, &scan, range, rows)
            });
        }
    }

    /// Returns the rows.
    pub fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.places.keys().copied()
    }

    /// Returns the bytes that it occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let beside = self.vacant.capacity() * 4 + self.places.capacity() * 9;
        self.sorted.bytes().1 + self.recent.bytes().1 + beside
    }
}
