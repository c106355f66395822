//! The generic market's rule, in integers alone.
//!
//! A leg is `amount · mantissa · weight_bps · 10^(exponent − decimals + 18) / 10⁴` in 10⁻¹⁸ quote units, rounded down for
//! collateral and up for debt; a position is liquidatable iff the sum of its collateral is below that of its debt.
//! A mantissa of 0 is a missing price: the leg is worth nothing.

use super::ratios::Worth;
use super::wide::Wide;

/// Legs that one side of a position may have.
pub const SIDE_LEGS: usize = 16;
/// The largest power of ten in 64 bits.
const STEP: u32 = 19;
const STEP_SCALE: u64 = 10u64.pow(STEP);
/// Beyond this many digits every product of amount, mantissa and weight (< 2¹⁵⁹) is a fraction of a unit.
const DIGITS: u32 = 48;

/// Returns whether a slot is a debt's; `2·asset` is collateral, `2·asset + 1` debt.
#[must_use]
pub const fn is_debt(slot: u16) -> bool {
    slot & 1 == 1
}

/// What one smallest unit of an asset weighs on one side: `weighted · 10^power` units of 10⁻¹⁸ quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Mantissa times weight in basis points, below 2⁹⁵.
    pub weighted: u128,
    power: i32,
    scale: u128,
    lift: u128,
    /// `weighted · 10^(power − lowest)`: all factors of a market in one unit; `NO_COMMON` where that is too much.
    common: u128,
}

const NO_COMMON: u128 = u128::MAX;

/// Returns the power of ten of one smallest unit at a mantissa and a weight of 1.
#[must_use]
pub fn power(decimals: u8, exponent: i8) -> i32 {
    i32::from(exponent) - i32::from(decimals) + 14
}

impl Factor {
    /// Returns the factor of an asset's side without a price yet; `lowest` is the lowest power of the market, 0 at most.
    #[must_use]
    pub fn new(power: i32, lowest: i32) -> Factor {
        let digits = |power: i32| 10u128.checked_pow(power.unsigned_abs()).unwrap_or(0);
        Factor {
            weighted: 0,
            power,
            scale: digits(power),
            lift: digits(power - lowest),
            common: 0,
        }
    }

    /// Returns the same side at another price and weight.
    #[must_use]
    pub fn at(self, mantissa: u64, weight_bps: u32) -> Factor {
        let weighted = u128::from(mantissa) * u128::from(weight_bps);
        let common = match (weighted, self.lift) {
            (0, _) => Some(0),
            (_, 0) => None,
            (weighted, lift) => weighted.checked_mul(lift),
        };
        let common = common.unwrap_or(NO_COMMON);
        Factor {
            weighted,
            common,
            ..self
        }
    }

    /// Returns the weight of one smallest unit as a float with a relative error below 2⁻⁴⁸, 0 where it is below 10⁻³⁰⁰.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let mut value = self.weighted as f64;
        let mut left = self.power.unsigned_abs();
        while left > 0 && value > 1e-300 {
            let digits = left.min(22); // 10^22 is the largest power of ten that a float holds exactly
            let scale =
                10u64.pow(digits.min(19)) as f64 * 10u64.pow(digits.saturating_sub(19)) as f64;
            value = if self.power < 0 {
                value / scale
            } else {
                value * scale
            };
            left -= digits;
        }
        if left > 0 {
            0.0
        } else {
            value
        }
    }

    /// Returns the power of ten, at least −48: what is below that is a fraction of a unit in any case.
    #[must_use]
    pub fn power(&self) -> i32 {
        self.power.max(-(DIGITS as i32))
    }

    /// Returns a leg's value where 128 bits suffice.
    #[inline]
    fn narrow(&self, amount: u64, up: bool) -> Option<u128> {
        let product = self.weighted.checked_mul(u128::from(amount))?;
        match (self.power, self.scale) {
            (0, _) => Some(product),
            (_, 0) => None,
            (1.., scale) => product.checked_mul(scale),
            (_, scale) => {
                let quotient = product / scale;
                Some(quotient + u128::from(up && quotient * scale != product))
            }
        }
    }

    /// Returns a leg's value in full width.
    fn wide(&self, amount: u64, up: bool) -> Wide {
        let mut value = Wide::from(self.weighted).times(amount);
        let mut left = self.power.unsigned_abs();
        if self.power >= 0 {
            while left > 0 {
                let digits = left.min(STEP);
                value = value.times(10u64.pow(digits));
                left -= digits;
            }
            return value;
        }
        if left > DIGITS {
            return Wide::from(u128::from(up && !value.is_zero()));
        }
        let mut exact = true;
        while left > 0 {
            let scale = if left >= STEP {
                STEP_SCALE
            } else {
                10u64.pow(left)
            };
            let (quotient, rest) = value.divided(scale);
            exact &= rest == 0;
            value = quotient;
            left = left.saturating_sub(STEP);
        }
        value.plus(&Wide::from(u128::from(up && !exact)))
    }
}

/// The factors of all slots: the only thing that a price, a weight or interest changes.
#[derive(Clone, Debug)]
pub struct Factors {
    slots: Vec<Factor>,
    /// What the roundings of 32 legs may hide, in the common unit; `None` where that does not fit.
    hidden: Option<u128>,
}

impl Factors {
    /// Returns the factors of assets with these powers, two slots each, without prices.
    #[must_use]
    pub fn new(powers: &[i32]) -> Factors {
        let lowest = powers.iter().copied().min().unwrap_or(0).min(0);
        let slots = powers
            .iter()
            .flat_map(|power| [Factor::new(*power, lowest); 2])
            .collect();
        let unit = 10u128.checked_pow(lowest.unsigned_abs());
        let hidden = unit.and_then(|unit| unit.checked_mul(2 * SIDE_LEGS as u128));
        Factors {
            slots,
            hidden: if lowest == 0 { Some(0) } else { hidden },
        }
    }

    /// Returns a slot's factor.
    #[inline]
    #[must_use]
    pub fn of(&self, slot: u16) -> &Factor {
        &self.slots[usize::from(slot)]
    }

    /// Returns all of them by slot.
    #[must_use]
    pub fn slots(&self) -> &[Factor] {
        &self.slots
    }

    /// Returns what the screen knows of every slot.
    #[must_use]
    pub fn worths(&self) -> Vec<Worth> {
        let worth = |factor: &Factor| Worth {
            weighted: factor.weighted as f64,
            unit: factor.to_f64(),
        };
        self.slots.iter().map(worth).collect()
    }

    /// Takes an asset's factors: collateral, debt.
    pub fn set(&mut self, asset: usize, factors: [Factor; 2]) {
        self.slots[2 * asset..][..2].copy_from_slice(&factors);
    }
}

/// Returns whether a position is liquidatable.
///
/// ```
/// # use liquidation_core::book::generic::rule::{is_liquidatable, power, Factors};
/// let mut factors = Factors::new(&[power(6, -8)]);
/// factors.set(0, [factors.of(0).at(100_000_000, 10_000), factors.of(1).at(100_000_000, 10_000)]);
/// let legs = |debt| [(0, 1_000_000), (1, debt)].into_iter();
/// assert!(!is_liquidatable(&factors, legs(1_000_000)));
/// assert!(is_liquidatable(&factors, legs(1_000_001)));
/// ```
#[must_use]
pub fn is_liquidatable(factors: &Factors, legs: impl Iterator<Item = (u16, u64)> + Clone) -> bool {
    clear_verdict(factors, legs.clone()).unwrap_or_else(|| verdict_of_sums(factors, legs))
}

/// Returns the verdict where the roundings cannot change it: the sums in the common unit, nothing rounded.
///
/// Rounding takes from collateral and adds to debt, so less collateral than debt before it is less after it; and with
/// 32 legs it moves less than 32 units in all, so that much more collateral than debt is not less after it.
#[inline]
fn clear_verdict(factors: &Factors, legs: impl Iterator<Item = (u16, u64)>) -> Option<bool> {
    let hidden = factors.hidden?;
    let mut sums = [0u128; 2];
    for (slot, amount) in legs {
        let common = factors.of(slot).common;
        if common == NO_COMMON {
            return None;
        }
        let sum = &mut sums[usize::from(slot & 1)];
        *sum = sum.checked_add(common.checked_mul(u128::from(amount))?)?;
    }
    let [collateral, debt] = sums;
    match collateral.checked_sub(debt) {
        None => Some(true),
        Some(ahead) => (ahead >= hidden).then_some(false),
    }
}

#[cold]
fn verdict_of_sums(factors: &Factors, legs: impl Iterator<Item = (u16, u64)> + Clone) -> bool {
    match narrow_sums(factors, legs.clone()) {
        Some((collateral, debt)) => collateral < debt,
        None => {
            let (collateral, debt) = wide_sums(factors, legs);
            collateral < debt
        }
    }
}

/// Returns the sums of collateral and debt in 10⁻¹⁸ quote units.
#[must_use]
pub fn sums(factors: &Factors, legs: impl Iterator<Item = (u16, u64)> + Clone) -> (Wide, Wide) {
    match narrow_sums(factors, legs.clone()) {
        Some((collateral, debt)) => (collateral.into(), debt.into()),
        None => wide_sums(factors, legs),
    }
}

#[inline]
fn narrow_sums(factors: &Factors, legs: impl Iterator<Item = (u16, u64)>) -> Option<(u128, u128)> {
    let mut sums = [0u128; 2];
    for (slot, amount) in legs {
        let value = factors.of(slot).narrow(amount, is_debt(slot))?;
        let sum = &mut sums[usize::from(slot & 1)];
        *sum = sum.checked_add(value)?;
    }
    Some((sums[0], sums[1]))
}

fn wide_sums(factors: &Factors, legs: impl Iterator<Item = (u16, u64)>) -> (Wide, Wide) {
    let mut sums = [Wide::ZERO; 2];
    for (slot, amount) in legs {
        let value = factors.of(slot).wide(amount, is_debt(slot));
        sums[usize::from(slot & 1)] = sums[usize::from(slot & 1)].plus(&value);
    }
    (sums[0], sums[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced(power: i32, mantissa: u64, weight_bps: u32) -> Factors {
        let mut factors = Factors::new(&[power]);
        factors.set(
            0,
            [*factors.of(0), *factors.of(1)].map(|factor| factor.at(mantissa, weight_bps)),
        );
        factors
    }

    #[test]
    fn all_widths_agree_wherever_they_answer() {
        let amounts = [1, 2, 999, 1_000_000_007, u64::MAX / 3, u64::MAX];
        for (decimals, exponent) in [
            (6, -8),
            (9, -8),
            (0, 0),
            (18, -18),
            (0, 12),
            (38, -9),
            (6, 6),
            (40, -18),
        ] {
            for (mantissa, weight) in [
                (0, 1),
                (1, 1),
                (99_999_999, 8_000),
                (u64::MAX >> 1, u32::MAX),
            ] {
                let factors = priced(power(decimals, exponent), mantissa, weight);
                for (collateral, debt) in amounts
                    .iter()
                    .flat_map(|one| amounts.map(|other| (*one, other)))
                {
                    let legs = [(0, collateral), (1, debt)].into_iter();
                    let wide = wide_sums(&factors, legs.clone());
                    if let Some(narrow) = narrow_sums(&factors, legs.clone()) {
                        assert_eq!((Wide::from(narrow.0), Wide::from(narrow.1)), wide);
                    }
                    assert_eq!(
                        is_liquidatable(&factors, legs),
                        wide.0 < wide.1,
                        "{decimals} {exponent} {mantissa}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_largest_leg_of_all_fits() {
        let factors = priced(power(0, i8::MAX), u64::MAX >> 1, u32::MAX);
        let (_, debt) = sums(&factors, (0..16).map(|_| (1u16, u64::MAX)));
        let expected = 16.0 * u64::MAX as f64 * i64::MAX as f64 * f64::from(u32::MAX) * 1e141;
        assert!((debt.to_f64() / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_smallest_leg_of_all_is_a_unit_of_debt_and_no_collateral() {
        let factors = priced(power(u8::MAX, i8::MIN), 1, 1);
        let (collateral, debt) = sums(&factors, [(0u16, 1u64), (1, 1)].into_iter());
        assert_eq!((collateral, debt), (Wide::ZERO, Wide::from(1)));
        assert!(is_liquidatable(
            &factors,
            [(0u16, 1u64), (1, 1)].into_iter()
        ));
        assert_eq!(factors.of(0).to_f64(), 0.0);
    }
}
