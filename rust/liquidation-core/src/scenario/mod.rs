//! What-if: every position of a generic market judged under many shocked prices at once.
//!
//! A position is read once for many scenarios: a tile of positions stays in the cache while the kernel multiplies its
//! amounts with the tables of eight scenarios after eight. Floats decide who certainly is liquidatable and who certainly
//! is not; whoever lies in the band between is asked of the exact rule, so that counts and ids are the integers' own.
//!
//! # The band
//!
//! Let `C` and `D` be a position's weighted sums as real numbers, nothing rounded, in 10⁻¹⁸ quote units. The rule compares
//! integers `C' ∈ (C − 16, C]` and `D' ∈ [D, D + 16)`: at most 16 legs a side, each rounded by less than a unit. So `C < D`
//! is liquidatable (`C' ≤ C < D ≤ D'`), and `C ≥ D + 32` is not.
//!
//! The kernel computes `c` and `d` in doubles. An amount is rounded (2⁻⁵³), a table's entry errs by less than 2⁻⁴⁸
//! ([`Factor::to_f64`]), a product and up to 16 additions of numbers that are not negative round once each: a side errs by less
//! than `(2⁻⁴⁸ + 2⁻⁵³ + 17·2⁻⁵³)·(1 + 2⁻⁴⁰) < 2⁻⁴⁷` of itself. A table's entry below 10⁻³⁰⁰ may lose its precision and is taken
//! for 10⁻³⁰⁰, but then its leg is below `2⁶⁴·10⁻³⁰⁰`: 32 of them are less than a unit. With the roundings of `c − d`,
//! `c + d` and the band itself, `|(c − d) − (C − D)| < 2⁻⁴⁶·(c + d) + 1`. The band is `b = 2⁻⁴⁴·(c + d) + 64`: below `−b`
//! `C − D < 0`, above `b` `C − D > 63`. Everything is finite: a side is below 2⁶³² (see [`crate::book::generic::wide`]).
//! Only a debt without any price or weight has `d = 0`, and then `D' = 0`: it is not liquidatable, band or not.
//!
//! # The sums
//!
//! Money is counted at the market, without weights: `debt_at_risk` is what the liquidatable positions owe, `shortfall` what of
//! it their collateral cannot repay, `Σ max(0, debt − collateral)`; a generic market knows no bonus. Both are sums of doubles
//! that are not negative, tile by tile in one order, multiplications and additions apart: every kernel gives the same bits,
//! and for up to 10⁶ positions a sum errs by less than 2⁻⁴⁰ of the debt at risk.
//!
//! [`Factor::to_f64`]: crate::book::generic::rule::Factor::to_f64

pub mod kernel;
pub mod shock;
pub mod tile;

mod batch;

use crate::book::generic::kernels::Kernel;
use crate::book::generic::market::Market;
use crate::book::generic::store::Rows;
use crate::book::generic::GenericBook;
use crate::CoreError;
use batch::Batch;
use kernel::Found;
use shock::Prices;
use tile::{Tile, WIDE};

/// Scenarios of one step at most: what a reader of the progress, or of Ctrl-C, waits for.
const MOST: usize = 128;
/// Positions times scenarios of one step, about: some tens of milliseconds.
const WORK: usize = 1 << 26;
/// Table entries of one step at most.
const ENTRIES: usize = 1 << 18;

/// What the scenarios come to, one entry each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Liquidatable positions.
    pub counts: Vec<u64>,
    /// Market value of their debts, in quote currency.
    pub debt_at_risk: Vec<f64>,
    /// What of it their collateral cannot repay.
    pub shortfall: Vec<f64>,
    /// Where each scenario's ids begin and end; `[0]` where none were asked for.
    pub offsets: Vec<u64>,
    /// Ids, ascending in each scenario.
    pub ids: Vec<u64>,
}

/// Scenarios over the positions as they were when it began: the book may go on meanwhile.
#[derive(Clone, Debug)]
pub struct Scenarios {
    kernel: Kernel,
    market: Market,
    rows: Rows,
    prices: Prices,
    with_ids: bool,
    outcome: Outcome,
}

impl Scenarios {
    /// Returns the scenarios of these shocks, a row of so many assets each: as many as the book has.
    pub fn new(
        book: &GenericBook,
        shocks: &[f64],
        assets: usize,
        with_ids: bool,
    ) -> Result<Scenarios, CoreError> {
        let expected = book.market().assets().len();
        if assets != expected {
            return Err(CoreError::Argument(format!(
                "found shocks for {assets} assets, expected {expected}: one column per asset"
            )));
        }
        Ok(Scenarios {
            kernel: book.kernel(),
            prices: Prices::shocked(book.market(), shocks)?,
            market: book.market().clone(),
            rows: book.rows().clone(),
            with_ids,
            outcome: Outcome {
                offsets: vec![0],
                ..Outcome::default()
            },
        })
    }

    /// Returns how many scenarios there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prices.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// Returns how many are done.
    #[must_use]
    pub fn done(&self) -> usize {
        self.outcome.counts.len()
    }

    /// Decides the next scenarios, as many as take some tens of milliseconds; false where none are left.
    pub fn step(&mut self) -> bool {
        let from = self.done();
        let to = self.len().min(from + self.stride());
        let mut batches: Vec<Batch> = (from..to)
            .step_by(WIDE)
            .map(|first| Batch::new(&self.market, &self.prices, first..to.min(first + WIDE)))
            .collect();
        let (mut tile, mut found) = (Tile::default(), Found::default());
        let mut rows = self.rows.present().peekable();
        while rows.peek().is_some() {
            tile.clear();
            while let Some(row) = rows.next_if(|_| !tile.is_full()) {
                tile.push(row, self.rows.id(row), self.rows.record(row));
            }
            tile.sort();
            for batch in &mut batches {
                batch.take(self.kernel, &tile, &self.rows, self.with_ids, &mut found);
            }
        }
        batches
            .into_iter()
            .for_each(|batch| batch.tell(self.with_ids, &mut self.outcome));
        to < self.len()
    }

    /// Returns what the scenarios done so far come to.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        self.outcome
    }

    fn stride(&self) -> usize {
        let slots = self.market.factors().slots().len();
        let most = (WORK / self.rows.len().max(1)).min(ENTRIES / slots * WIDE);
        (most / WIDE * WIDE).clamp(WIDE, MOST)
    }
}
