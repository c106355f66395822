//! One position as the screen sees it: its legs' shares of its value at the anchor, its key, its mirrored key.

use super::ratios::{HIDDEN_IN_KEY, HIDDEN_UNITS};
use super::round::{down, share_down, share_up, up, ROOM};
use super::rule::is_debt;
use super::store::Record;
use crate::sabotage::{planted, Fault};

/// Legs of a lane at most: a position's and the unit of dust.
pub const LANE_LEGS: usize = super::batch::MOST_LEGS + 1;
/// Units below which a position is dust: its hidden units are carried by a leg of their own.
const DUST: f64 = (1u64 << 36) as f64;

/// A position's place in the order, without its legs.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    /// Health at the anchor, rounded down, the hidden units counted as debt.
    pub key: f32,
    /// Health at the anchor, rounded up.
    pub mirrored: f32,
    total: f64,
}

impl Outline {
    /// Returns a position's outline; `units` are the values of a smallest unit at the anchor by slot.
    #[must_use]
    pub fn of(record: Record<'_>, units: &[f64]) -> Outline {
        let mut sums = [0.0; 2];
        for (slot, amount) in record.legs() {
            sums[usize::from(slot & 1)] += amount as f64 * units[usize::from(slot)];
        }
        let [collateral, debt] = sums;
        let mirrored = if debt > 0.0 {
            up(collateral / debt * (1.0 + ROOM))
        } else {
            f32::INFINITY
        };
        let key = collateral / (debt + HIDDEN_IN_KEY);
        Outline {
            key: if planted(Fault::KeyRoundedUp) {
                up(key).next_up()
            } else {
                down(key * (1.0 - ROOM))
            },
            mirrored,
            total: collateral + debt + HIDDEN_UNITS,
        }
    }

    /// Returns whether the units that roundings hide count beside what it is worth.
    #[must_use]
    pub fn is_dust(&self) -> bool {
        self.total < DUST
    }
}

/// Slots and values at the anchor, each rounded against the borrower: collateral down, debt up.
#[derive(Clone, Debug)]
pub struct Lane {
    legs: [(u16, f32); LANE_LEGS],
    count: usize,
    /// Its outline's.
    pub key: f32,
}

impl Lane {
    /// Returns a position's lane; `constant_slot` is that of dust's leg of a price that never changes.
    #[must_use]
    pub fn of(
        record: Record<'_>,
        outline: &Outline,
        units: &[f64],
        constant_slot: impl FnOnce() -> u16,
    ) -> Lane {
        let mut lane = Lane {
            legs: [(0, 0.0); LANE_LEGS],
            count: 0,
            key: outline.key,
        };
        let share = 1.0 / outline.total;
        for (slot, amount) in record.legs() {
            let value = amount as f64 * units[usize::from(slot)] * share;
            if is_debt(slot) {
                lane.push(slot, share_up(value * (1.0 + ROOM)));
            } else if value > 0.0 {
                lane.push(slot, share_down(value * (1.0 - ROOM)));
            }
        }
        if planted(Fault::DroppedLeg) && lane.count > 2 {
            lane.count -= 1;
        }
        if outline.is_dust() {
            lane.push(constant_slot(), up(HIDDEN_UNITS * share * (1.0 + ROOM)));
        }
        lane
    }

    /// Returns a liquidatable position's lane, the sides changed over: debts first and down, collateral up.
    #[must_use]
    pub fn mirrored(record: Record<'_>, outline: &Outline, units: &[f64]) -> Lane {
        let mut lane = Lane {
            legs: [(0, 0.0); LANE_LEGS],
            count: 0,
            key: -outline.mirrored,
        };
        let share = 1.0 / outline.total;
        let valued =
            |(slot, amount): (u16, u64)| (slot, amount as f64 * units[usize::from(slot)] * share);
        let (collateral, debts) = (
            record.legs().filter(|leg| !is_debt(leg.0)),
            record.legs().filter(|leg| is_debt(leg.0)),
        );
        for (slot, value) in debts.map(valued) {
            lane.push(slot, share_down(value * (1.0 - ROOM)));
        }
        for (slot, value) in collateral.map(valued) {
            lane.push(slot, share_up(value * (1.0 + ROOM)));
        }
        lane
    }

    fn push(&mut self, slot: u16, value: f32) {
        self.legs[self.count] = (slot, value);
        self.count += 1;
    }

    /// Returns slots and values, collateral first.
    #[must_use]
    pub fn legs(&self) -> &[(u16, f32)] {
        &self.legs[..self.count]
    }
}
