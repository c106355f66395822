//! The kinds of markets: how large, of what assets, and which story happens in them.

use exact_oracle::dice::Dice;
use liquidation_core::book::generic::kernels::Kernel;

use crate::market::{Checked, Market, Stop};
use crate::stories::{anchors, moves, shapes, shocks};
use crate::tally::Tally;

/// Prices of 1e-9 to 1e9 at the usual exponent, without the ends.
const PRICES: [i64; 5] = [
    1_000,
    99_990_000,
    100_000_000,
    2_500_000_000,
    6_000_000_000_000,
];

/// Decimals and exponent of the assets that positions close their gaps with.
const USUAL: &[(u8, i8)] = &[(18, -8), (6, -8)];
const ENDS: &[(u8, i8)] = &[
    (0, 127),
    (255, -128),
    (0, -128),
    (6, -8),
    (40, -2),
    (255, 127),
];

/// A kind of market.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in reports.
    pub name: &'static str,
    first_assets: &'static [(u8, i8)],
    assets: usize,
    positions: usize,
    story: fn(&mut Market, usize) -> Checked,
}

const fn kind(
    name: &'static str,
    assets: usize,
    positions: usize,
    story: fn(&mut Market, usize) -> Checked,
) -> Kind {
    Kind {
        name,
        first_assets: USUAL,
        assets,
        positions,
        story,
    }
}

/// All kinds.
pub const KINDS: [Kind; 19] = [
    kind("ordinary days", 64, 40_000, moves::ordinary_days),
    kind("joint moves", 12, 20_000, moves::joint),
    kind("single units of price", 16, 20_000, moves::single_units),
    kind("cross, recover, cross", 6, 20_000, moves::crossing_again),
    kind("-99 % and x1e9", 10, 20_000, shocks::falls_and_rises),
    kind("1e-9 and 1e9", 10, 20_000, shocks::ends_of_the_range),
    kind("no price", 6, 10_000, shocks::missing_prices),
    kind("zero weight", 6, 10_000, shocks::zero_weights),
    kind("rare outlier", 9, 20_000, shocks::rare_outlier),
    kind("stale anchor", 8, 20_000, anchors::stale),
    kind(
        "re-anchor behind",
        8,
        20_000,
        anchors::laid_in_the_background,
    ),
    kind("growth", 8, 20_000, anchors::growth),
    kind("first holders", 12, 4_000, anchors::first_holders),
    kind("16 legs a side", 40, 8_000, shapes::wide),
    kind("dust", 5, 10_000, shapes::dust),
    kind("1e12 USD", 16, 10_000, shapes::trillions),
    kind(
        "300 reserves, 3 classes",
        900,
        20_000,
        shapes::many_reserves,
    ),
    kind("one alone at its bound", 2, 1, shapes::alone),
    Kind {
        first_assets: ENDS,
        ..kind("ends of the exponents", 6, 600, shapes::powers)
    },
];

impl Kind {
    /// Runs a market of this kind to its end, or to the first difference; `scale` divides its size.
    pub fn run(&self, kernel: Kernel, seed: u64, scale: usize) -> (Tally, Checked) {
        let mut market = match self.market(kernel, seed) {
            Ok(market) => market,
            Err(stop) => return (Tally::default(), Err(stop)),
        };
        let told = (self.story)(&mut market, (self.positions / scale).max(1));
        let told = told.and_then(|()| market.look_at_all());
        market.tally.markets += u64::from(told.is_ok());
        (market.tally, told)
    }

    fn market(&self, kernel: Kernel, seed: u64) -> Result<Market, Stop> {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ self.name.len() as u64);
        let (mut decimals, mut exponents): (Vec<u8>, Vec<i8>) =
            self.first_assets.iter().copied().unzip();
        for _ in decimals.len()..self.assets {
            decimals.push(dice.one(&[6, 6, 8, 9, 9, 18]));
            exponents.push(dice.one(&[-8, -8, -8, -5, -12]));
        }
        let mut market = Market::new(&decimals, &exponents, kernel, dice)?;
        let mut weights = [vec![10_000; self.assets], vec![10_000; self.assets]];
        for (side, low) in weights.iter_mut().zip([6_000, 10_000]) {
            let weighted = side.iter_mut().skip(2);
            weighted.for_each(|weight| *weight = low + market.dice.below(4_000) as u32);
        }
        market.weigh(&weights[0], &weights[1])?;
        let mut prices: Vec<i64> = (0..self.assets).map(|_| market.dice.one(&PRICES)).collect();
        prices[..2].fill(100_000_000);
        market.tick(&prices)?;
        Ok(market)
    }
}
