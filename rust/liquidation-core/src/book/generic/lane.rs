//! One position as the screen sees it: its legs' shares of its value at the anchor, its key, its mirrored key.

use super::kernels::Word;
use super::ratios::{Ratios, HIDDEN_IN_KEY, HIDDEN_UNITS};
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
    collateral: f64,
    debt: f64,
}

impl Outline {
    /// Returns a position's outline; `units` are the values of a smallest unit at the anchor by slot.
    #[inline]
    #[must_use]
    pub fn of(record: Record<'_>, units: &[f64]) -> Outline {
        let (mut collateral, mut debt) = (0.0, 0.0);
        for (slot, amount) in record.legs() {
            let (value, mask) = (
                amount as f64 * units[usize::from(slot)],
                u64::from(slot & 1).wrapping_neg(),
            );
            collateral += f64::from_bits(value.to_bits() & !mask);
            debt += f64::from_bits(value.to_bits() & mask);
        }
        let key = collateral / (debt + HIDDEN_IN_KEY);
        let key = match planted(Fault::KeyRoundedUp) {
            true => up(key).next_up(),
            false => down(key * (1.0 - ROOM)),
        };
        Outline {
            key,
            collateral,
            debt,
        }
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

/// What positions become words by: the values of a smallest unit at the anchor, the anchor, which knows the slot of
/// dust's constant leg, and `local`, which numbers the slots as the scan's table does.
#[derive(Clone, Copy, Debug)]
pub struct Scale<'a, L> {
    /// By slot.
    pub units: &'a [f64],
    /// At the same anchor.
    pub ratios: &'a Ratios,
    /// From the market's number to the table's.
    pub local: L,
}

impl<L: Fn(u16) -> u16> Scale<'_, L> {
    /// Visits a position's legs: slots and shares at the anchor, each rounded against the borrower, collateral down, debt up.
    #[inline]
    pub fn each<W: Word>(&self, record: Record<'_>, outline: &Outline, mut visit: impl FnMut(W)) {
        let share = PARTS / outline.total();
        let (less, more) = (share * (1.0 - ROOM), share * (1.0 + ROOM));
        let dropped = usize::from(planted(Fault::DroppedLeg) && record.len() > 2);
        for (slot, amount) in record.legs().take(record.len() - dropped) {
            let (value, debt) = (amount as f64 * self.units[usize::from(slot)], is_debt(slot));
            let share = value * if debt { more } else { less };
            let (down, up) = (parts_down(share), parts_up(share)); // both, because which is hard to foresee
            if debt || value > 0.0 {
                visit(W::new((self.local)(slot), if debt { up } else { down }));
            }
        }
        if outline.is_dust() {
            let share = parts_up(HIDDEN_UNITS * more);
            let slot = self.ratios.constant_slot(record);
            visit(W::new((self.local)(slot), share));
        }
    }
}

/// A position's legs as words, and its key: what is written into a block.
#[derive(Clone, Copy, Debug)]
pub struct Lane<W> {
    words: [W; LANE_LEGS],
    legs: usize,
    /// Its outline's, or the mirrored one with its sign changed.
    pub key: f32,
}

impl<W: Word> Lane<W> {
    /// Returns a position's lane.
    #[inline]
    #[must_use]
    pub fn of<L: Fn(u16) -> u16>(
        record: Record<'_>,
        outline: &Outline,
        scale: &Scale<'_, L>,
    ) -> Lane<W> {
        let mut lane = Lane::with(outline.key);
        scale.each(record, outline, |word| lane.push(word));
        lane
    }

    /// Returns a liquidatable position's lane, the sides changed over: debts first and down, collateral up.
    #[must_use]
    pub fn mirrored(record: Record<'_>, outline: &Outline, units: &[f64]) -> Lane<W> {
        let mut lane = Lane::with(-outline.mirrored());
        let share = PARTS / outline.total();
        let value = |slot: u16, amount: u64| amount as f64 * units[usize::from(slot)] * share;
        for (slot, amount) in record.legs().filter(|leg| is_debt(leg.0)) {
            let share = parts_down(value(slot, amount) * (1.0 - ROOM));
            lane.push(W::new(slot, share));
        }
        for (slot, amount) in record.legs().filter(|leg| !is_debt(leg.0)) {
            let share = parts_up(value(slot, amount) * (1.0 + ROOM));
            lane.push(W::new(slot, share));
        }
        lane
    }

    /// Returns its legs, what counts for the borrower first.
    #[inline]
    #[must_use]
    pub fn legs(&self) -> &[W] {
        &self.words[..self.legs]
    }

    #[inline]
    fn with(key: f32) -> Lane<W> {
        Lane {
            words: [W::default(); LANE_LEGS],
            legs: 0,
            key,
        }
    }

    #[inline]
    fn push(&mut self, word: W) {
        self.words[self.legs] = word;
        self.legs += 1;
    }
}
