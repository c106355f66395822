//! A market that moves at random, its book and its oracle: every call is made on both and compared.

pub use exact_oracle::dice::Dice;
use exact_oracle::{Leg, Oracle, Told};
use liquidation_core::book::generic::anchor::AnchorTask;
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::market::Asset;
use liquidation_core::book::generic::verdicts::Crossings;
use liquidation_core::book::generic::GenericBook;

/// The processor's kernels.
pub fn kernels() -> Vec<Kernel> {
    ["portable", "avx2", "avx512"]
        .iter()
        .filter_map(|name| Kernel::named(name).ok())
        .collect()
}

/// The book, its oracle and the dice that move them.
pub struct World {
    pub book: GenericBook,
    pub oracle: Oracle,
    pub dice: Dice,
    slot: u64,
}

/// Prices of 1e-9 to 1e9 at the usual exponent.
const PRICES: [i64; 7] = [
    1,
    1_000,
    99_990_000,
    100_000_000,
    2_500_000_000,
    6_000_000_000_000,
    100_000_000_000_000_000,
];

impl World {
    /// Returns a market of so many assets with usual decimals and random prices and weights.
    pub fn of(assets: usize, kernel: Kernel, seed: u64) -> World {
        let mut dice = Dice(seed);
        let decimals: Vec<u8> = (0..assets)
            .map(|_| dice.one(&[6, 6, 8, 9, 9, 18]))
            .collect();
        let exponents: Vec<i8> = decimals
            .iter()
            .map(|_| dice.one(&[-8, -8, -8, -5, -12]))
            .collect();
        let mut world = World::described(&decimals, &exponents, kernel, dice);
        let weights = |dice: &mut Dice, low: u32| {
            (0..assets)
                .map(|_| low + dice.below(4_000) as u32)
                .collect::<Vec<_>>()
        };
        let (collateral, debt) = (
            weights(&mut world.dice, 6_000),
            weights(&mut world.dice, 10_000),
        );
        world.weigh(&collateral, &debt);
        let prices: Vec<i64> = (0..assets).map(|_| world.dice.one(&PRICES[1..6])).collect();
        world.tick(&prices);
        world
    }

    pub fn described(decimals: &[u8], exponents: &[i8], kernel: Kernel, dice: Dice) -> World {
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
        let book = GenericBook::new(assets, kernel).unwrap();
        World {
            book,
            oracle: Oracle::new(decimals, exponents),
            dice,
            slot: 0,
        }
    }

    pub fn assets(&self) -> usize {
        self.oracle.prices.len()
    }

    pub fn prices(&self) -> Vec<i64> {
        self.oracle.prices.clone()
    }

    /// Inserts positions of so many ids, each near a health of its own kind.
    pub fn populate(&mut self, ids: std::ops::Range<u64>) {
        let positions: Vec<_> = ids.map(|id| (id, self.position())).collect();
        self.set(&positions);
    }

    /// Returns a position: usually near its limit, sometimes at it, one unit off, empty, dust or a trillion.
    pub fn position(&mut self) -> Vec<Leg> {
        let most = self.dice.one(&[2, 4, 4, 8, 16]);
        let (deposits, debts) = (self.dice.below(most + 1), 1 + self.dice.below(most));
        let size = self.dice.one(&[1e-9, 1.0, 1e3, 1e3, 1e5, 1e12]);
        let mut legs = Vec::new();
        for (count, side) in [(deposits, 0), (debts, 1)] {
            for _ in 0..count {
                let slot = (2 * self.dice.below(self.assets())) as u16 + side;
                let one = self
                    .oracle
                    .leg((slot, 1_000_000))
                    .to_string()
                    .parse::<f64>()
                    .unwrap()
                    .max(1e-6)
                    / 1e6;
                let amount = size * 1e18 * self.dice.share() / one;
                legs.push((
                    slot,
                    if amount < 1e18 {
                        amount as u64
                    } else {
                        self.dice.next() >> 20
                    },
                ));
            }
        }
        match self.dice.below(50) {
            0 => legs.iter_mut().for_each(|leg| leg.1 = 0),
            1 => legs.retain(|leg| leg.0 % 2 == 0),
            2 => legs.retain(|leg| leg.0 % 2 == 1),
            3 => legs.iter_mut().for_each(|leg| leg.1 = 1),
            _ => {
                let off = self.dice.one(&[
                    0.0, 0.0, 0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-4, 1e-3, 0.03, 0.3, -1e-7, -0.1,
                ]);
                let health = 1.0 + off * self.dice.share();
                self.steer(&mut legs, health);
            }
        }
        legs
    }

    /// Returns legs with their debts scaled to a health.
    pub fn steered(&mut self, mut legs: Vec<Leg>, health: f64) -> Vec<Leg> {
        self.steer(&mut legs, health);
        legs
    }

    /// Scales the debts to a health; at 1 the last unit of the last leg decides, this way or the other.
    fn steer(&mut self, legs: &mut [Leg], health: f64) {
        let (collateral, debt) = self.oracle.sums(legs);
        let (collateral, debt): (f64, f64) = (
            collateral.to_string().parse().unwrap(),
            debt.to_string().parse().unwrap(),
        );
        if collateral == 0.0 || debt == 0.0 {
            return;
        }
        for leg in legs.iter_mut().filter(|leg| leg.0 % 2 == 1) {
            leg.1 = (leg.1 as f64 * (collateral / debt / health)) as u64;
        }
        if health == 1.0 && legs.last().is_some_and(|leg| leg.0 % 2 == 1) {
            self.balance(legs);
        }
    }

    /// Sets the last debt to the most that is not liquidatable, and every second time to one unit more.
    fn balance(&mut self, legs: &mut [Leg]) {
        let last = legs.len() - 1;
        let (mut low, mut high) = (0, u64::MAX);
        while low < high {
            let middle = high - (high - low) / 2;
            legs[last].1 = middle;
            if self.oracle.is_liquidatable(legs) {
                high = middle - 1
            } else {
                low = middle
            }
        }
        legs[last].1 = low.saturating_add(self.dice.next() % 2);
    }

    pub fn set(&mut self, positions: &[(u64, Vec<Leg>)]) {
        let (ids, offsets, slots, amounts) = columns(positions);
        let found = self
            .book
            .set_positions(&ids, &offsets, &slots, &amounts)
            .unwrap();
        let expected = self.oracle.set(positions);
        self.agree(found, expected, "set");
    }

    pub fn remove(&mut self, ids: &[u64]) {
        let found = self.book.remove(ids).unwrap();
        let expected = self.oracle.remove(ids);
        self.agree(found, expected, "remove");
    }

    pub fn tick(&mut self, prices: &[i64]) {
        self.slot += 1;
        let found = self.book.tick(prices, self.slot, self.slot).unwrap();
        self.oracle.prices = prices.to_vec();
        let expected = self.oracle.reprice();
        self.agree(found, expected, "tick");
    }

    pub fn weigh(&mut self, collateral: &[u32], debt: &[u32]) {
        let found = self.book.set_weights(collateral, debt).unwrap();
        self.oracle.weights = [collateral.to_vec(), debt.to_vec()];
        let expected = self.oracle.reprice();
        self.agree(found, expected, "weigh");
    }

    pub fn rearm(&mut self, id: u64) {
        self.book.rearm(id).unwrap();
        self.oracle.rearm(id);
    }

    /// Replaces a few positions, removes some and adds others.
    pub fn churn(&mut self, ids: u64) {
        let mut changed: Vec<u64> = (0..1 + self.dice.below(20))
            .map(|_| self.dice.next() % ids)
            .collect();
        changed.sort_unstable();
        changed.dedup();
        let (gone, kept) = changed.split_at(changed.len() / 3);
        let gone: Vec<u64> = gone
            .iter()
            .copied()
            .filter(|id| self.oracle.positions.contains_key(id))
            .collect();
        self.remove(&gone);
        let kept: Vec<_> = kept.iter().map(|id| (*id, self.position())).collect();
        self.set(&kept);
    }

    /// Returns prices after a common move and one of each asset's own, in shares of 1.
    pub fn moved(&mut self, common: f64, own: f64) -> Vec<i64> {
        let common = 1.0 + common * (2.0 * self.dice.share() - 1.0);
        let prices = self.prices();
        let moved = |(price, dice): (i64, f64)| {
            (price as f64 * common * (1.0 + own * (2.0 * dice - 1.0))).round() as i64
        };
        prices
            .into_iter()
            .map(|price| (price, self.dice.share()))
            .map(moved)
            .map(|price| price.max(1))
            .collect()
    }

    pub fn begin_anchor(&mut self) -> AnchorTask {
        self.book.begin_anchor()
    }

    fn agree(&self, found: Crossings, expected: Told, call: &str) {
        let (ticks, kernel) = (self.slot, self.book.kernel());
        assert_eq!(
            found.crossed, expected.0,
            "crossed, {call} at {ticks}, {kernel:?}"
        );
        assert_eq!(
            found.recovered, expected.1,
            "recovered, {call} at {ticks}, {kernel:?}"
        );
        assert_eq!(
            self.book.liquidatable(),
            self.oracle.liquidatable(),
            "{call} at {ticks}, {kernel:?}"
        );
    }

    /// Compares the full sweep too.
    pub fn check_sweep(&self) {
        assert_eq!(self.book.sweep(), self.oracle.liquidatable());
    }
}

/// Returns ids, offsets, slots and amounts.
pub fn columns(positions: &[(u64, Vec<Leg>)]) -> (Vec<u64>, Vec<u32>, Vec<u16>, Vec<u64>) {
    let (ids, mut offsets) = (positions.iter().map(|(id, _)| *id).collect(), vec![0]);
    let (mut slots, mut amounts) = (Vec::new(), Vec::new());
    for (_, legs) in positions {
        slots.extend(legs.iter().map(|leg| leg.0));
        amounts.extend(legs.iter().map(|leg| leg.1));
        offsets.push(slots.len() as u32);
    }
    (ids, offsets, slots, amounts)
}
