//! A market in a book and in the judge at once: every call is made on both, and what they say is compared.

use exact_oracle::dice::Dice;
use exact_oracle::judge::Judge;
use exact_oracle::Leg;
use liquidation_core::book::generic::anchor::{AnchorTask, Laid};
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::market::Asset;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::CoreError;

use crate::tally::Tally;

/// Calls between two full comparisons of the liquidatable set.
const LOOK_EVERY: u64 = 8;

/// Why a market ended before its time.
#[derive(Clone, Debug)]
pub enum Stop {
    /// The book and the judge differ: in what call, and how.
    Differs(String),
    /// The book refused a call that is allowed.
    Refused(String),
}

impl From<CoreError> for Stop {
    fn from(error: CoreError) -> Stop {
        Stop::Refused(error.to_string())
    }
}

/// Whether a call was right on both sides.
pub type Checked = Result<(), Stop>;

/// One market; positions are numbered from 0, and their ids follow from that.
pub struct Market {
    /// What is tried.
    pub book: GenericBook,
    /// What is true.
    pub judge: Judge,
    /// What moves it.
    pub dice: Dice,
    /// What was counted so far.
    pub tally: Tally,
    clock: u64,
    /// Price times weight by slot when the book was last told to lay an anchor.
    anchor: Vec<u128>,
}

/// Returns the id of a place: rising, and not dense.
#[must_use]
pub fn id_of(place: usize) -> u64 {
    place as u64 * 1_000_003 + 17
}

impl Market {
    /// Returns a market of these assets without prices.
    pub fn new(
        decimals: &[u8],
        exponents: &[i8],
        kernel: Kernel,
        dice: Dice,
    ) -> Result<Market, Stop> {
        let asset = |(number, (decimals, exponent)): (usize, (&u8, &i8))| Asset {
            name: format!("asset {number}"),
            decimals: *decimals,
            exponent: *exponent,
        };
        let assets = decimals
            .iter()
            .zip(exponents)
            .enumerate()
            .map(asset)
            .collect();
        Ok(Market {
            book: GenericBook::new(assets, kernel)?,
            judge: Judge::new(decimals, exponents),
            dice,
            tally: Tally::default(),
            clock: 0,
            anchor: vec![0; decimals.len() * 2],
        })
    }

    /// Returns how many assets there are.
    #[must_use]
    pub fn assets(&self) -> usize {
        self.judge.prices().len()
    }

    /// Inserts or replaces positions; places come in rising order.
    pub fn set(&mut self, positions: &[(usize, Vec<Leg>)]) -> Checked {
        let ids: Vec<u64> = positions.iter().map(|(place, _)| id_of(*place)).collect();
        let (mut offsets, mut slots, mut amounts) = (vec![0u32], Vec::new(), Vec::new());
        let (mut crossed, mut recovered) = (Vec::new(), Vec::new());
        for (place, legs) in positions {
            slots.extend(legs.iter().map(|leg| leg.0));
            amounts.extend(legs.iter().map(|leg| leg.1));
            offsets.push(slots.len() as u32);
            match self.judge.set(*place, legs) {
                (_, true) => crossed.push(*place),
                (true, false) => recovered.push(*place),
                _ => {}
            }
        }
        let found = self.book.set_positions(&ids, &offsets, &slots, &amounts)?;
        self.tally.updates += positions.len() as u64;
        self.compare(
            "set_positions",
            (&found.crossed, &found.recovered),
            (&crossed, &recovered),
        )
    }

    /// Takes out those of some places that have a position; places come in rising order.
    pub fn remove(&mut self, places: &[usize]) -> Checked {
        let present: Vec<usize> = places
            .iter()
            .copied()
            .filter(|place| self.judge.is_present(*place))
            .collect();
        let ids: Vec<u64> = present.iter().map(|place| id_of(*place)).collect();
        let recovered: Vec<usize> = present
            .iter()
            .copied()
            .filter(|place| self.judge.remove(*place))
            .collect();
        let found = self.book.remove(&ids)?;
        self.tally.updates += ids.len() as u64;
        self.compare(
            "remove",
            (&found.crossed, &found.recovered),
            (&[], &recovered),
        )
    }

    /// Takes new prices.
    pub fn tick(&mut self, prices: &[i64]) -> Checked {
        self.clock += 1;
        let [collateral, debt] = self.judge.weights().clone();
        let found = self.book.tick(prices, self.clock, self.clock)?;
        self.repriced(
            "tick",
            (&found.crossed, &found.recovered),
            prices,
            &collateral,
            &debt,
        )
    }

    /// Takes new weights.
    pub fn weigh(&mut self, collateral: &[u32], debt: &[u32]) -> Checked {
        let prices = self.judge.prices().to_vec();
        let found = self.book.set_weights(collateral, debt)?;
        self.repriced(
            "set_weights",
            (&found.crossed, &found.recovered),
            &prices,
            collateral,
            debt,
        )
    }

    /// Lets the next tick tell a place again.
    pub fn rearm(&mut self, place: usize) -> Checked {
        self.book.rearm(id_of(place))?;
        self.judge.rearm(place);
        Ok(())
    }

    /// Lays a new anchor here and now.
    pub fn reanchor(&mut self) {
        self.book.reanchor();
        self.anchor = self.weighted();
    }

    /// Writes the book down and goes on with what was read back.
    pub fn restore(&mut self) -> Checked {
        self.book = GenericBook::from_bytes(&self.book.to_bytes(), self.book.kernel())?;
        self.anchor = self.weighted();
        self.look_at_all()
    }

    /// Begins a new anchor.
    pub fn begin_anchor(&mut self) -> AnchorTask {
        self.anchor = self.weighted();
        self.book.begin_anchor()
    }

    /// Takes into use what a task laid.
    pub fn install(&mut self, laid: Laid) {
        self.book.install(laid);
    }

    /// Compares the whole set, as the book keeps it and as a full sweep finds it.
    pub fn look_at_all(&mut self) -> Checked {
        let expected: Vec<usize> = self.judge.liquidatable().collect();
        let (kept, swept) = (self.book.liquidatable(), self.book.sweep());
        self.compare("liquidatable", (&kept, &[]), (&expected, &[]))?;
        self.compare("sweep", (&swept, &[]), (&expected, &[]))?;
        self.tally.crossed -= 2 * expected.len() as u64;
        Ok(())
    }

    fn repriced(
        &mut self,
        call: &str,
        found: (&[u64], &[u64]),
        prices: &[i64],
        collateral: &[u32],
        debt: &[u32],
    ) -> Checked {
        let before = self.judge.counts().judged;
        let (crossed, recovered) = self.judge.reprice(prices, collateral, debt);
        let counts = self.judge.counts();
        self.tally.ticks += 1;
        let [judged, near, equal] = [0, 1, 2].map(|column| counts.judged[column] - before[column]);
        self.tally.position_ticks += judged;
        self.tally.near += near;
        self.tally.equal += equal;
        self.tally.untouched += counts.present.saturating_sub(judged);
        self.count_extras(found.1.len() as u64);
        self.compare(call, found, (&crossed, &recovered))?;
        if self.tally.ticks.is_multiple_of(LOOK_EVERY) {
            self.look_at_all()?;
        }
        Ok(())
    }

    fn count_extras(&mut self, recovered: u64) {
        let ((asked, hits), counts) = (self.book.asked(), self.judge.counts());
        let vain = (asked - hits) as u64;
        let extras = vain.saturating_sub(recovered + counts.unclear);
        self.tally.extras += extras;
        if self.is_near_its_anchor() {
            self.tally.bounded_ticks += 1;
            let bound = 0.005 * hits as f64 + 1e-4 * counts.present as f64;
            self.tally.ticks_over += u64::from(extras as f64 > bound.max(1.0));
        }
    }

    /// Returns whether no slot is further than a quarter from where the anchor has it.
    fn is_near_its_anchor(&self) -> bool {
        let mut slots = self.anchor.iter().zip(self.weighted());
        slots.all(|(anchor, now)| now * 4 <= *anchor * 5 && *anchor * 4 <= now * 5)
    }

    fn weighted(&self) -> Vec<u128> {
        let (prices, weights) = (self.judge.prices(), self.judge.weights());
        let slot = |slot: usize| {
            u128::from(prices[slot / 2].unsigned_abs()) * u128::from(weights[slot % 2][slot / 2])
        };
        (0..prices.len() * 2).map(slot).collect()
    }

    /// Counts and reports every difference between what the book told and what was to be told.
    fn compare(
        &mut self,
        call: &str,
        found: (&[u64], &[u64]),
        expected: (&[usize], &[usize]),
    ) -> Checked {
        let (late, early) = differences(found.0, expected.0);
        let (unseen, unreal) = differences(found.1, expected.1);
        self.tally.crossed += (found.0.len() - early.len()) as u64;
        self.tally.recovered += (found.1.len() - unreal.len()) as u64;
        self.tally.missed += late.len() as u64;
        self.tally.wrong += (early.len() + unseen.len() + unreal.len()) as u64;
        if late.len() + early.len() + unseen.len() + unreal.len() == 0 {
            return Ok(());
        }
        let first = [&late, &early, &unseen, &unreal]
            .into_iter()
            .flatten()
            .next()
            .copied()
            .unwrap_or_default();
        Err(Stop::Differs(format!(
            "{call} at tick {}: {} missed, {} early, {} recoveries not told, {} told that are none; first id {first}",
            self.clock,
            late.len(),
            early.len(),
            unseen.len(),
            unreal.len()
        )))
    }
}

/// Returns the ids that were expected and not found, and those found and not expected; both sides rise.
fn differences(found: &[u64], expected: &[usize]) -> (Vec<u64>, Vec<u64>) {
    let expected: Vec<u64> = expected.iter().map(|place| id_of(*place)).collect();
    if found == expected {
        return Default::default();
    }
    let absent = |from: &[u64], of: &[u64]| {
        of.iter()
            .copied()
            .filter(|id| from.binary_search(id).is_err())
            .collect()
    };
    (absent(found, &expected), absent(&expected, found))
}
