//! A few positions laid out for the kernel, and what a unit of each slot is worth in eight scenarios.

use crate::book::generic::market::{Market, FULL_WEIGHT_BPS};
use crate::book::generic::rule::is_debt;
use crate::book::generic::store::Record;

/// Scenarios that one pass over a tile decides: a cache line of doubles.
pub const WIDE: usize = 8;
/// Positions of a tile: with the table of 128 slots they fit the first cache.
pub const POSITIONS: usize = 512;

/// What a unit of a slot with a price and a weight is worth at least: only a side without any sums to 0.
const LEAST: f64 = 1e-300;

/// A number in each of eight scenarios.
pub type Wide = [f64; WIDE];

/// What one smallest unit of a slot is worth, or a side of a position, in 10⁻¹⁸ quote units.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub struct Worth {
    /// With its weight, as the verdict counts it.
    pub weighted: Wide,
    /// At the market, as money.
    pub value: Wide,
}

/// Returns the worth of every slot's unit in up to eight scenarios' prices; scenarios that are not there are worth nothing.
#[must_use]
pub fn table<'a>(market: &Market, scenarios: impl Iterator<Item = &'a [u64]>) -> Vec<Worth> {
    let mut table = vec![Worth::default(); market.factors().slots().len()];
    for (lane, prices) in scenarios.take(WIDE).enumerate() {
        for (asset, mantissa) in prices.iter().enumerate() {
            let sides = market.factors_at(asset, *mantissa);
            let value = sides[0].at(*mantissa, FULL_WEIGHT_BPS).to_f64();
            for (worth, factor) in table[2 * asset..].iter_mut().zip(sides) {
                worth.weighted[lane] = if factor.weighted == 0 {
                    0.0
                } else {
                    factor.to_f64().max(LEAST)
                };
                worth.value[lane] = value;
            }
        }
    }
    table
}

/// One leg.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// Amount in smallest units, rounded to a double.
    pub amount: f64,
    /// Its place in the table.
    pub slot: u32,
}

/// One position's legs: collateral from `first`, debt from `debt` to `end`.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Where its collateral begins.
    pub first: u32,
    /// Where its debt begins.
    pub debt: u32,
    /// Where it ends.
    pub end: u32,
    /// Its place in the tile.
    pub place: u16,
}

/// Up to [`POSITIONS`] positions with debt.
#[derive(Clone, Debug, Default)]
pub struct Tile {
    /// Legs of all.
    pub legs: Vec<Leg>,
    /// Their rows in the store, in that order.
    pub rows: Vec<u32>,
    /// Their ids beside the rows.
    pub ids: Vec<u64>,
    /// One a position.
    pub spans: Vec<Span>,
}

impl Tile {
    /// Empties it.
    pub fn clear(&mut self) {
        self.legs.clear();
        self.rows.clear();
        self.ids.clear();
        self.spans.clear();
    }

    /// Returns whether no more fit.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.spans.len() >= POSITIONS
    }

    /// Puts positions of one shape beside each other: loops as long as the one before are what a processor is fast at.
    pub fn sort(&mut self) {
        self.spans
            .sort_by_key(|span| (span.debt - span.first) << 8 | (span.end - span.debt));
    }

    /// Adds a position; one without debt is never liquidatable and is left out.
    pub fn push(&mut self, row: u32, id: u64, record: Record<'_>) {
        if !record.has_debt() {
            return;
        }
        let first = self.legs.len() as u32;
        let mut debt = first;
        for (slot, amount) in record.legs() {
            debt += u32::from(!is_debt(slot)); // the store keeps collateral first
            self.legs.push(Leg {
                amount: amount as f64,
                slot: slot.into(),
            });
        }
        let end = self.legs.len() as u32;
        self.spans.push(Span {
            first,
            debt,
            end,
            place: self.rows.len() as u16,
        });
        self.rows.push(row);
        self.ids.push(id);
    }
}
