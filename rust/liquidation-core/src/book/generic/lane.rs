//! One position as the screen sees it: its legs' shares of its value at the anchor, its key, its mirrored key.

use super::ratios::{HIDDEN_IN_KEY, HIDDEN_UNITS};
use super::round::{down, parts_down, parts_up, up, ROOM};
use super::rule::is_debt;
use super::store::Record;
use crate::sabotage::{planted, Fault};

/// Legs of a lane at most: a position's and the unit of dust.
pub const LANE_LEGS: usize = super::batch::MOST_LEGS + 1;
/// Parts that a position's value is divided into: a share is a whole number of them, and 24 bits hold it rounded up.
pub const PARTS: f64 = ((1u32 << 24) - 64) as f64;
/// Units below which a position is dust: its hidden units are carried by a leg of their own.
const DUST: f64 = (1u64 << 36) as f64;

/// A position's place in the order, without its legs.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    /// Health at the anchor, rounded down, the hidden units counted as debt.
    pub key: f32,
    /// Legs of its lane.
    pub legs: usize,
    collateral: f64,
    debt: f64,
}

impl Outline {
    /// Returns a position's outline; `units` are the values of a smallest unit at the anchor by slot.
    #[inline]
    #[must_use]
    pub fn of(record: Record<'_>, units: &[f64]) -> Outline {
        let (mut collateral, mut debt, mut legs) = (0.0, 0.0, 0);
        for (slot, amount) in record.legs() {
            let (value, mask) = (
                amount as f64 * units[usize::from(slot)],
                u64::from(slot & 1).wrapping_neg(),
            );
            collateral += f64::from_bits(value.to_bits() & !mask);
            debt += f64::from_bits(value.to_bits() & mask);
            legs += usize::from(value > 0.0 || is_debt(slot));
        }
        let key = collateral / (debt + HIDDEN_IN_KEY);
        let key = match planted(Fault::KeyRoundedUp) {
            true => up(key).next_up(),
            false => down(key * (1.0 - ROOM)),
        };
        let mut outline = Outline {
            key,
            legs,
            collateral,
            debt,
        };
        outline.legs += usize::from(outline.is_dust());
        outline
    }

    /// Returns the health at the anchor, rounded up.
    #[must_use]
    pub fn mirrored(&self) -> f32 {
        if self.debt > 0.0 {
            up(self.collateral / self.debt * (1.0 + ROOM))
        } else {
            f32::INFINITY
        }
    }

    /// Returns whether the units that roundings hide count beside what it is worth.
    #[inline]
    #[must_use]
    pub fn is_dust(&self) -> bool {
        self.total() < DUST
    }

    #[inline]
    fn total(&self) -> f64 {
        self.collateral + self.debt + HIDDEN_UNITS
    }
}

/// Slots and shares at the anchor, each rounded against the borrower: collateral down, debt up.
#[derive(Clone, Copy, Debug)]
pub struct Lane<'a> {
    record: Record<'a>,
    units: &'a [f64],
    share: f64,
    constant_slot: Option<u16>,
    is_mirrored: bool,
    /// Its legs, at most.
    pub legs: usize,
    /// Its outline's.
    pub key: f32,
}

impl<'a> Lane<'a> {
    /// Returns a position's lane; `constant_slot` is that of dust's leg of a price that never changes.
    #[inline]
    #[must_use]
    pub fn of(
        record: Record<'a>,
        outline: &Outline,
        units: &'a [f64],
        constant_slot: impl FnOnce() -> u16,
    ) -> Lane<'a> {
        Lane {
            record,
            units,
            share: PARTS / outline.total(),
            constant_slot: outline.is_dust().then(constant_slot),
            is_mirrored: false,
            legs: outline.legs,
            key: outline.key,
        }
    }

    /// Returns a liquidatable position's lane, the sides changed over: debts first and down, collateral up.
    #[must_use]
    pub fn mirrored(record: Record<'a>, outline: &Outline, units: &'a [f64]) -> Lane<'a> {
        Lane {
            record,
            units,
            share: PARTS / outline.total(),
            constant_slot: None,
            is_mirrored: true,
            legs: record.len(),
            key: -outline.mirrored(),
        }
    }

    /// Visits slot and share of every leg, what counts for the borrower first.
    #[inline]
    pub fn each(&self, mut visit: impl FnMut(u16, u32)) {
        let (less, more) = (self.share * (1.0 - ROOM), self.share * (1.0 + ROOM));
        let value = |slot: u16, amount: u64| amount as f64 * self.units[usize::from(slot)];
        if self.is_mirrored {
            for (slot, amount) in self.record.legs().filter(|leg| is_debt(leg.0)) {
                visit(slot, parts_down(value(slot, amount) * less));
            }
            for (slot, amount) in self.record.legs().filter(|leg| !is_debt(leg.0)) {
                visit(slot, parts_up(value(slot, amount) * more));
            }
            return;
        }
        let dropped = usize::from(planted(Fault::DroppedLeg) && self.record.len() > 2);
        for (slot, amount) in self.record.legs().take(self.record.len() - dropped) {
            let value = value(slot, amount);
            if is_debt(slot) {
                visit(slot, parts_up(value * more));
            } else if value > 0.0 {
                visit(slot, parts_down(value * less));
            }
        }
        if let Some(slot) = self.constant_slot {
            visit(slot, parts_up(HIDDEN_UNITS * more));
        }
    }
}
