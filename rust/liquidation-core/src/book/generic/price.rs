//! At which price a position would be liquidatable, all else as it is.
//!
//! An asset on one side only moves the verdict one way: the nearest price is found by halving. On both sides, with
//! `K = C − D` of the other legs, the condition is `K + ⌊A·m/Q⌋ < ⌈B·m/Q⌉`, and the two roundings make the set of such
//! `m` ragged where the slopes nearly agree. There `s(m) = ⌈B·m/Q⌉ − ⌊A·m/Q⌋ − K` counts the integers `i` with
//! `A·m − Q·i < Q` and `B·m − Q·i > Q·K`, which can exist only where `(A − B)·m + Q·K ≤ Q − 2`; in that half-line `s` is
//! never negative, so a range holds a solution iff the sum of `s` over it, two floor sums, is positive.

use std::cmp::Ordering;

use super::rule::{is_debt, is_liquidatable, sums};
use super::wide::Wide;
use super::GenericBook;
use crate::CoreError;

const HIGHEST: u64 = i64::MAX as u64;

impl GenericBook {
    /// Returns the mantissa nearest to today's at which a position is liquidatable, the lower of two equally near ones;
    /// `None` if none from 0 to 2⁶³ − 1 does it.
    pub fn liquidation_price(&self, id: u64, asset: usize) -> Result<Option<u64>, CoreError> {
        let row = self.known(id)?;
        let assets = self.market.assets().len();
        if asset >= assets {
            return Err(CoreError::Argument(format!(
                "found asset {asset}, expected an asset below {assets}"
            )));
        }
        let legs: Vec<_> = self.store.rows().record(row).legs().collect();
        let today = self.market.mantissas()[asset];
        let mut factors = self.market.factors().clone();
        let mut verdict = |mantissa| {
            factors.set(asset, self.market.factors_at(asset, mantissa));
            is_liquidatable(&factors, legs.iter().copied())
        };
        if verdict(today) {
            return Ok(Some(today));
        }
        let held = |slot: usize| legs.iter().filter(|leg| usize::from(leg.0) == slot).count();
        Ok(match (held(2 * asset), held(2 * asset + 1)) {
            (0, 0) => None,
            (_, 0) => last(0, today, verdict),
            (0, _) => first(today, HIGHEST, verdict),
            (1, 1) => self.on_both_sides(&legs, asset, verdict),
            (collateral, debt) => {
                let message = format!("found {collateral} legs of collateral and {debt} of debt in asset {asset}, expected one of each");
                return Err(CoreError::Argument(message));
            }
        })
    }

    /// Returns the nearest price for one leg on each side, the verdict today being no.
    fn on_both_sides(
        &self,
        legs: &[(u16, u64)],
        asset: usize,
        verdict: impl FnMut(u64) -> bool,
    ) -> Option<u64> {
        let today = self.market.mantissas()[asset];
        let (mine, others): (Vec<_>, Vec<_>) = legs
            .iter()
            .copied()
            .partition(|leg| usize::from(leg.0 / 2) == asset);
        let slope = |side: usize| {
            let amount = mine
                .iter()
                .find(|leg| is_debt(leg.0) == (side == 1))
                .map_or(0, |leg| leg.1);
            u128::from(amount) * u128::from(self.market.weights()[side][asset])
        };
        let (rise, fall) = (slope(0), slope(1));
        let power = self.market.factors().of(2 * asset as u16).power();
        if power >= 0 {
            return match rise.cmp(&fall) {
                Ordering::Greater => last(0, today, verdict),
                Ordering::Less => first(today, HIGHEST, verdict),
                Ordering::Equal => None,
            };
        }
        let (collateral, debt) = sums(self.market.factors(), others.into_iter());
        if collateral > debt.plus(&Wide::from(u128::MAX).times(1 << 40)) {
            return None; // more than this asset's leg can ever owe
        }
        let common = collateral.min(debt);
        let unit = (0..power.unsigned_abs()).fold(Wide::from(1), |unit, _| unit.times(10));
        let both = BothSides {
            rise: rise.into(),
            fall: fall.into(),
            unit,
            collateral: collateral.minus(&common),
            debt: debt.minus(&common),
        };
        both.nearest(today)
    }
}

/// `collateral + ⌊rise·m/unit⌋ < debt + ⌈fall·m/unit⌉`.
struct BothSides {
    rise: Wide,
    fall: Wide,
    unit: Wide,
    collateral: Wide,
    debt: Wide,
}

impl BothSides {
    fn nearest(&self, today: u64) -> Option<u64> {
        let (low, high) = self.possible()?;
        let below = last(low, today.min(high), |from| self.any(from, today.min(high)));
        let above = first(today.max(low), high, |to| self.any(today.max(low), to));
        match (below, above) {
            (Some(below), Some(above)) if today - below > above - today => Some(above),
            (Some(below), _) => Some(below),
            (None, above) => above,
        }
    }

    /// Returns the range of `m` in which `(rise − fall)·m + unit·(collateral − debt) ≤ unit − 2`.
    fn possible(&self) -> Option<(u64, u64)> {
        // both sides of the inequality with every term where it is positive; the 2 joins the left
        let left = self.unit.product(&self.collateral).plus(&Wide::from(2));
        let right = self.unit.product(&self.debt).plus(&self.unit);
        let holds_at_nought = left <= right;
        if self.rise > self.fall {
            let most = right.minus(&left).quotient(&self.rise.minus(&self.fall)).0;
            return holds_at_nought.then(|| (0, clamped(&most)));
        }
        if holds_at_nought {
            return Some((0, HIGHEST));
        }
        let slope = self.fall.minus(&self.rise);
        let (least, rest) = left.minus(&right).quotient(&slope);
        let least = least.plus(&Wide::from(u128::from(!rest.is_zero())));
        (!slope.is_zero() && least <= Wide::from(u128::from(HIGHEST)))
            .then(|| (clamped(&least), HIGHEST))
    }

    /// Returns whether a range within the possible one holds a solution.
    fn any(&self, from: u64, to: u64) -> bool {
        if from > to {
            return false;
        }
        let count = Wide::from(u128::from(to - from) + 1);
        let round_up = self.unit.minus(&Wide::from(1));
        let start = |slope: &Wide| slope.times(from);
        let debts = floor_sum(
            count,
            self.unit,
            self.fall,
            start(&self.fall).plus(&round_up),
        );
        let collaterals = floor_sum(count, self.unit, self.rise, start(&self.rise));
        debts.plus(&self.debt.product(&count)) > collaterals.plus(&self.collateral.product(&count))
    }
}

/// Returns the sum of `⌊(slope·i + start)/unit⌋` over `i` from 0 to `count − 1`.
fn floor_sum(mut count: Wide, mut unit: Wide, mut slope: Wide, mut start: Wide) -> Wide {
    let one = Wide::from(1);
    let mut sum = Wide::ZERO;
    loop {
        let (whole, rest) = slope.quotient(&unit);
        let pairs = count.product(&count.minus(&one)).divided(2).0;
        sum = sum.plus(&pairs.product(&whole));
        slope = rest;
        let (whole, rest) = start.quotient(&unit);
        sum = sum.plus(&count.product(&whole));
        start = rest;
        let reach = slope.product(&count).plus(&start);
        if reach < unit {
            return sum;
        }
        (count, start) = reach.quotient(&unit);
        (unit, slope) = (slope, unit);
    }
}

fn clamped(value: &Wide) -> u64 {
    if *value > Wide::from(u128::from(HIGHEST)) {
        return HIGHEST;
    }
    let mut low = [0; 8];
    low.copy_from_slice(&value.to_le_bytes()[..8]);
    u64::from_le_bytes(low)
}

/// Returns the lowest number of a range from which on a rising condition holds.
fn first(mut low: u64, mut high: u64, mut holds: impl FnMut(u64) -> bool) -> Option<u64> {
    if low > high || !holds(high) {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle
        } else {
            low = middle + 1
        }
    }
    Some(low)
}

/// Returns the highest number of a range up to which a falling condition holds.
fn last(mut low: u64, mut high: u64, mut holds: impl FnMut(u64) -> bool) -> Option<u64> {
    if low > high || !holds(low) {
        return None;
    }
    while low < high {
        let middle = high - (high - low) / 2;
        if holds(middle) {
            low = middle
        } else {
            high = middle - 1
        }
    }
    Some(low)
}
