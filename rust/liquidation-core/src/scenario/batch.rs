//! Eight scenarios that go over the positions together: their table, their sums, and the exact rule for who is in doubt.

use std::cell::OnceCell;
use std::ops::Range;

use super::kernel::{decide, Doubt, Found, Tally};
use super::shock::Prices;
use super::tile::{table, Tile, Worth, WIDE};
use super::Outcome;
use crate::book::generic::kernels::Kernel;
use crate::book::generic::market::Market;
use crate::book::generic::rule::{is_liquidatable, Factors};
use crate::book::generic::store::Rows;

/// 10⁻¹⁸ quote units of one unit of quote currency.
const QUOTE: f64 = 1e18;

/// Up to eight scenarios in work.
pub struct Batch<'a> {
    market: &'a Market,
    scenarios: Vec<Scenario<'a>>,
    table: Vec<Worth>,
    /// Sums of the tiles so far.
    sums: Tally,
}

struct Scenario<'a> {
    prices: &'a [u64],
    /// Made when somebody is in doubt.
    factors: OnceCell<Factors>,
    ids: Vec<u64>,
}

impl<'a> Batch<'a> {
    /// Returns a batch of at most eight scenarios before any position.
    pub fn new(market: &'a Market, prices: &'a Prices, scenarios: Range<usize>) -> Batch<'a> {
        Batch {
            market,
            table: table(market, scenarios.clone().map(|number| prices.of(number))),
            scenarios: scenarios
                .map(|number| Scenario {
                    prices: prices.of(number),
                    factors: OnceCell::new(),
                    ids: Vec::new(),
                })
                .collect(),
            sums: Tally::default(),
        }
    }

    /// Adds a tile's positions.
    pub fn take(
        &mut self,
        kernel: Kernel,
        tile: &Tile,
        rows: &Rows,
        with_ids: bool,
        found: &mut Found,
    ) {
        decide(kernel, tile, &self.table, self.scenarios.len(), found);
        for place in 0..found.doubts.len() {
            self.ask(tile, rows, found, place);
        }
        self.sums.add(&found.tally);
        if with_ids {
            for (id, lanes) in tile.ids.iter().zip(&found.lanes) {
                let mut lanes = *lanes;
                while lanes != 0 {
                    self.scenarios[lanes.trailing_zeros() as usize]
                        .ids
                        .push(*id);
                    lanes &= lanes - 1;
                }
            }
        }
    }

    /// Asks the exact rule about a position in doubt.
    #[cold]
    fn ask(&self, tile: &Tile, rows: &Rows, found: &mut Found, number: usize) {
        let Doubt {
            place,
            lanes,
            collateral,
            debt,
        } = found.doubts[number];
        let place = usize::from(place);
        let legs = rows.record(tile.rows[place]).legs();
        for lane in (0..WIDE).filter(|lane| lanes >> lane & 1 == 1) {
            let factors = self.scenarios[lane].factors(self.market);
            if is_liquidatable(factors, legs.clone()) {
                found.lanes[place] |= 1 << lane;
                found.tally.count(lane, collateral[lane], debt[lane]);
            }
        }
    }

    /// Writes down what its scenarios come to.
    pub fn tell(self, with_ids: bool, outcome: &mut Outcome) {
        for (lane, scenario) in self.scenarios.into_iter().enumerate() {
            outcome.counts.push(self.sums.counts[lane] as u64);
            outcome.debt_at_risk.push(self.sums.debt[lane] / QUOTE);
            outcome.shortfall.push(self.sums.shortfall[lane] / QUOTE);
            if with_ids {
                let mut ids = scenario.ids;
                ids.sort_unstable();
                outcome.ids.append(&mut ids);
                outcome.offsets.push(outcome.ids.len() as u64);
            }
        }
    }
}

impl Scenario<'_> {
    fn factors(&self, market: &Market) -> &Factors {
        self.factors.get_or_init(|| {
            let mut factors = market.factors().clone();
            for (asset, mantissa) in self.prices.iter().enumerate() {
                factors.set(asset, market.factors_at(asset, *mantissa));
            }
            factors
        })
    }
}
