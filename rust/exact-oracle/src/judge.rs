//! The rule for many positions through many ticks: 128 bits where they suffice, the oracle's big integers elsewhere.
//!
//! A verdict depends on a position's legs and on the prices and weights of the assets that they name, on nothing else: after
//! a change, whoever has a leg in an asset that changed is computed anew from its legs, and all others stand as they
//! did. Nothing is carried over from one sum to the next.

use num_bigint::BigInt;

use crate::{Leg, Oracle};

const PRESENT: u8 = 1;
const LIQUIDATABLE: u8 = 2;
const NEAR: u8 = 4;
const EQUAL: u8 = 8;
const UNCLEAR: u8 = 16;
const TOLD: u8 = 32;

/// How close to equality: |C − D| ≤ D/2²⁰ (just below a millionth) is near, ≤ D/2¹⁸ or 256 units and not
/// liquidatable is more than a screen in 32-bit floats can rule out.
const NEAR_SHIFT: u32 = 20;
const UNCLEAR_SHIFT: u32 = 18;
const UNCLEAR_UNITS: u32 = 256;

/// How many positions stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the market.
    pub present: u64,
    /// `C < D`.
    pub liquidatable: u64,
    /// `|C − D| ≤ D/2²⁰`.
    pub near: u64,
    /// `C = D`, with debt.
    pub equal: u64,
    /// Not liquidatable, and too near for a 32-bit float.
    pub unclear: u64,
    /// Verdicts computed by repricings since the judge was made; of those, the near ones and the equal ones.
    pub judged: [u64; 3],
}

/// What one smallest unit weighs on one side.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    weighted: u128,
    scale: u128,
    divides: bool,
}

/// A market whose positions are numbered from 0 up.
#[derive(Clone, Debug)]
pub struct Judge {
    oracle: Oracle,
    powers: Vec<i32>,
    rates: Vec<Rate>,
    legs: Vec<Vec<Leg>>,
    /// Assets of the legs, modulo 64.
    touches: Vec<u64>,
    marks: Vec<u8>,
    changed: Vec<bool>,
    rearmed: Vec<usize>,
    counts: Counts,
}

/// Places that crossed and places that recovered, ascending.
pub type Turned = (Vec<usize>, Vec<usize>);

impl Judge {
    /// Returns a market without prices, all weights 10,000.
    #[must_use]
    pub fn new(decimals: &[u8], exponents: &[i8]) -> Judge {
        let power =
            |(decimals, exponent): (&u8, &i8)| i32::from(*exponent) - i32::from(*decimals) + 14;
        Judge {
            oracle: Oracle::new(decimals, exponents),
            powers: decimals.iter().zip(exponents).map(power).collect(),
            rates: vec![Rate::default(); decimals.len() * 2],
            legs: Vec::new(),
            touches: Vec::new(),
            marks: Vec::new(),
            changed: vec![false; decimals.len()],
            rearmed: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Returns the prices' mantissas.
    #[must_use]
    pub fn prices(&self) -> &[i64] {
        &self.oracle.prices
    }

    /// Returns basis points of collateral and of debt.
    #[must_use]
    pub fn weights(&self) -> &[Vec<u32>; 2] {
        &self.oracle.weights
    }

    /// Returns how many positions stand how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns how many places were ever used.
    #[must_use]
    pub fn places(&self) -> usize {
        self.marks.len()
    }

    /// Returns whether a place has a position.
    #[must_use]
    pub fn is_present(&self, place: usize) -> bool {
        self.marks
            .get(place)
            .is_some_and(|marks| marks & PRESENT != 0)
    }

    /// Returns the liquidatable places, ascending.
    pub fn liquidatable(&self) -> impl Iterator<Item = usize> + '_ {
        let places = self.marks.iter().enumerate();
        places
            .filter(|(_, marks)| **marks & LIQUIDATABLE != 0)
            .map(|(place, _)| place)
    }

    /// Returns what one smallest unit is worth, roughly, in 10⁻¹⁸ quote units.
    #[must_use]
    pub fn unit(&self, slot: u16) -> f64 {
        self.rates[usize::from(slot)].weighted as f64
            * 10f64.powi(self.powers[usize::from(slot) / 2])
    }

    /// Returns the sums of collateral and debt where 128 bits suffice.
    #[must_use]
    pub fn sums(&self, legs: &[Leg]) -> Option<(u128, u128)> {
        let mut sums = [0u128; 2];
        for leg in legs {
            let sum = &mut sums[usize::from(leg.0 & 1)];
            *sum = sum.checked_add(self.value(*leg)?)?;
        }
        Some((sums[0], sums[1]))
    }

    /// Returns whether legs are liquidatable.
    #[must_use]
    pub fn is_liquidatable(&self, legs: &[Leg]) -> bool {
        self.standing(legs) & LIQUIDATABLE != 0
    }

    /// Puts a position at a place and returns whether the one before and this one are liquidatable.
    pub fn set(&mut self, place: usize, legs: &[Leg]) -> (bool, bool) {
        while self.marks.len() <= place {
            self.marks.push(0);
            self.touches.push(0);
            self.legs.push(Vec::new());
        }
        let standing = self.standing(legs);
        self.legs[place].clear();
        self.legs[place].extend_from_slice(legs);
        self.touches[place] = legs
            .iter()
            .fold(0, |assets, leg| assets | 1 << (leg.0 / 2 % 64));
        let now = standing & LIQUIDATABLE != 0;
        let before = self.mark(place, PRESENT | standing | if now { TOLD } else { 0 });
        (before & LIQUIDATABLE != 0, now)
    }

    /// Takes a position out and returns whether it was liquidatable.
    pub fn remove(&mut self, place: usize) -> bool {
        (self.legs[place], self.touches[place]) = (Vec::new(), 0);
        self.mark(place, 0) & LIQUIDATABLE != 0
    }

    /// Lets the next repricing tell a place again.
    pub fn rearm(&mut self, place: usize) {
        self.marks[place] &= !TOLD;
        self.rearmed.push(place);
    }

    /// Takes new prices and weights and judges whom they concern.
    pub fn reprice(&mut self, prices: &[i64], collateral_bps: &[u32], debt_bps: &[u32]) -> Turned {
        let mut mask = 0;
        for asset in 0..self.powers.len() {
            let (price, weights) = (prices[asset], [collateral_bps[asset], debt_bps[asset]]);
            let before = (
                self.oracle.prices[asset],
                [0, 1].map(|side| self.oracle.weights[side][asset]),
            );
            self.changed[asset] = before != (price, weights);
            if self.changed[asset] {
                mask |= 1u64 << (asset % 64);
                self.oracle.prices[asset] = price;
                [0, 1]
                    .into_iter()
                    .for_each(|side| self.restate(asset, side, weights[side]));
            }
        }
        self.judge_again(mask)
    }

    fn restate(&mut self, asset: usize, side: usize, weight: u32) {
        self.oracle.weights[side][asset] = weight;
        let power = self.powers[asset];
        self.rates[2 * asset + side] = Rate {
            weighted: u128::from(self.oracle.prices[asset].unsigned_abs()) * u128::from(weight),
            scale: 10u128.checked_pow(power.unsigned_abs()).unwrap_or(0),
            divides: power < 0,
        };
    }

    fn judge_again(&mut self, mask: u64) -> Turned {
        let (mut crossed, mut recovered) = (Vec::new(), Vec::new());
        for place in 0..self.marks.len() {
            if self.touches[place] & mask == 0
                || !self.legs[place]
                    .iter()
                    .any(|leg| self.changed[usize::from(leg.0) / 2])
            {
                continue;
            }
            let standing = self.standing(&self.legs[place]);
            for (count, bit) in self.counts.judged.iter_mut().zip([PRESENT, NEAR, EQUAL]) {
                *count += u64::from((standing | PRESENT) & bit != 0);
            }
            self.settle(place, standing, &mut crossed, &mut recovered);
        }
        for place in std::mem::take(&mut self.rearmed) {
            let standing = self.marks[place] & !(PRESENT | TOLD);
            self.settle(place, standing, &mut crossed, &mut recovered);
        }
        crossed.sort_unstable();
        (crossed, recovered)
    }

    fn settle(
        &mut self,
        place: usize,
        standing: u8,
        crossed: &mut Vec<usize>,
        recovered: &mut Vec<usize>,
    ) {
        let (before, now) = (self.marks[place], standing & LIQUIDATABLE != 0);
        if now && before & TOLD == 0 {
            crossed.push(place);
        }
        if !now && before & LIQUIDATABLE != 0 {
            recovered.push(place);
        }
        let kept = before & PRESENT;
        self.mark(place, kept | standing | if now { TOLD } else { 0 });
    }

    /// Writes a place's marks, keeps the counts and returns the marks before.
    fn mark(&mut self, place: usize, marks: u8) -> u8 {
        let before = std::mem::replace(&mut self.marks[place], marks);
        if before & !TOLD != marks & !TOLD {
            let Counts {
                present,
                liquidatable,
                near,
                equal,
                unclear,
                ..
            } = &mut self.counts;
            let columns = [
                (present, PRESENT),
                (liquidatable, LIQUIDATABLE),
                (near, NEAR),
                (equal, EQUAL),
                (unclear, UNCLEAR),
            ];
            for (count, bit) in columns {
                *count = *count + u64::from(marks & bit != 0) - u64::from(before & bit != 0);
            }
        }
        before
    }

    fn value(&self, (slot, amount): Leg) -> Option<u128> {
        let rate = &self.rates[usize::from(slot)];
        let product = rate.weighted.checked_mul(u128::from(amount))?;
        match (
            rate.scale,
            u64::try_from(product),
            u64::try_from(rate.scale),
        ) {
            (_, Ok(0), _) => Some(0),
            (0, ..) => None,
            (scale, ..) if !rate.divides => product.checked_mul(scale),
            (_, Ok(product), Ok(scale)) => Some(u128::from(if slot & 1 == 1 {
                product.div_ceil(scale)
            } else {
                product / scale
            })),
            (scale, ..) => Some(if slot & 1 == 1 {
                product.div_ceil(scale)
            } else {
                product / scale
            }),
        }
    }

    fn standing(&self, legs: &[Leg]) -> u8 {
        match self.sums(legs) {
            Some((collateral, debt)) => {
                let (gap, unclear) = (
                    collateral.abs_diff(debt),
                    (debt >> UNCLEAR_SHIFT).max(UNCLEAR_UNITS.into()),
                );
                marks(
                    collateral < debt,
                    gap == 0,
                    gap <= debt >> NEAR_SHIFT,
                    gap <= unclear,
                    debt > 0,
                )
            }
            None => {
                let (collateral, debt) = self.oracle.sums(legs);
                let gap = BigInt::from((&collateral - &debt).magnitude().clone());
                let unclear = (&debt >> UNCLEAR_SHIFT).max(UNCLEAR_UNITS.into());
                let owes = debt > BigInt::ZERO;
                marks(
                    collateral < debt,
                    gap == BigInt::ZERO,
                    gap <= &debt >> NEAR_SHIFT,
                    gap <= unclear,
                    owes,
                )
            }
        }
    }
}

fn marks(liquidatable: bool, equal: bool, near: bool, unclear: bool, owes: bool) -> u8 {
    let columns = [
        (liquidatable, LIQUIDATABLE),
        (equal && owes, EQUAL),
        (near && owes, NEAR),
        (unclear && owes && !liquidatable, UNCLEAR),
    ];
    columns.iter().fold(0, |marks, (holds, bit)| {
        marks | if *holds { *bit } else { 0 }
    })
}
