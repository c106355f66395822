//! Kamino's positions as legs of a [`GenericBook`](crate::book::generic::GenericBook), and its reserves as the book's assets.
//!
//! A class is a reserve outside of elevation groups or in one of them, and is two assets: a collateral token is worth price · supply / shares
//! at the class's threshold, a unit of debt at index 1 is worth price · index at its borrow factor, 1 in a group. All of these are linear in
//! what a position holds, so a change of any is a change of one price or weight. All of it is rounded against the position: one that the
//! program would liquidate is in the book's set or [`always`] asked about, and [`confirm`](super::confirm) decides.

use crate::book::generic::market::Asset;
use crate::fixed::fraction::{Fraction, BITS};
use crate::fixed::u256::U256;
use crate::protocols::kamino::confirm::{Rates, Rules};
use crate::protocols::kamino::slim::{Leg, Position};

/// Debt that every position has beside its own, 10⁻¹⁸ quote units: the program's floors take less than that off its collateral.
pub const DUST: u64 = 1_000;
/// The book's slot of that debt.
const DUST_SLOT: u16 = 1;
/// Digits of a price when the book is opened; three more are left for it to grow.
const DIGITS: u32 = 16;
/// What is taken off a collateral's price, a part in 2⁴⁰: more than any floor of the program takes off an amount or a value of one unit, and
/// more than a unit of the quotients that it compares, which is 2⁻⁶⁰ of all deposits.
const LESS: u32 = 40;
/// What a deposit without a threshold adds to the debt, a part in 2⁵⁷ of its worth: it makes the quotients coarser and has no leg.
const COARSER: u32 = 57;

/// A reserve (by its place) outside of groups (0) or in an elevation group.
pub type Class = (u16, u8);

/// The classes of a market's book with their prices' exponents, which stay as they were when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scales {
    classes: Vec<Class>,
    /// Where a class stands, by group and reserve.
    places: Vec<Option<u16>>,
    reserves: usize,
    exponents: Vec<[i8; 2]>,
}

/// What the book's assets cost and weigh now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Prices, as [`tick`](crate::book::generic::GenericBook::tick) takes them; 0 for a reserve that cannot be refreshed.
    pub mantissas: Vec<i64>,
    /// Thresholds, as `set_weights` takes them.
    pub collateral_bps: Vec<u32>,
    /// Borrow factors.
    pub debt_bps: Vec<u32>,
}

impl Scales {
    /// Returns the scales that suit these reserves' prices: every reserve outside of groups, then in each group that it belongs to.
    #[must_use]
    pub fn of(rates: &[Option<Rates>]) -> Scales {
        let mut scales = Scales {
            classes: Vec::new(),
            places: Vec::new(),
            reserves: rates.len(),
            exponents: Vec::new(),
        };
        for group in 0..=32 {
            for (place, rates) in (0u16..).zip(rates) {
                let member = rates.as_ref().is_some_and(|rates| rates.in_group(group));
                let listed = group == 0 || member;
                let next = u16::try_from(scales.classes.len()).ok();
                scales.places.push(next.filter(|_| listed));
                if listed {
                    scales.classes.push((place, group));
                    scales.exponents.push(match rates {
                        Some(rates) => [worth(rates), owed(rates)].map(exponent_for),
                        None => [-(DIGITS as i8); 2],
                    });
                }
            }
        }
        scales
    }

    /// Returns the book's assets: the quote itself, then each class's collateral and debt. `decimals` are the reserves'.
    #[must_use]
    pub fn assets(&self, decimals: &[u8]) -> Vec<Asset> {
        let asset = |name: String, decimals: u8, exponent: i8| Asset {
            name,
            decimals,
            exponent,
        };
        let mut assets = vec![asset("quote".to_owned(), 18, 0)];
        for ((place, group), [collateral, debt]) in self.classes.iter().zip(&self.exponents) {
            let decimals = decimals.get(usize::from(*place)).copied().unwrap_or(0);
            let name = |side: &str| format!("{place}/{group} {side}");
            assets.push(asset(name("collateral"), decimals, *collateral));
            assets.push(asset(name("debt"), decimals, *debt));
        }
        assets
    }

    /// Returns prices and weights of refreshed reserves. `None`: a price has outgrown its scale, so the book has to be opened anew.
    #[must_use]
    pub fn table(&self, rates: &[Option<Rates>], rules: &Rules) -> Option<Table> {
        let mut table = Table {
            mantissas: vec![1],
            collateral_bps: vec![10_000],
            debt_bps: vec![10_000],
        };
        for ((place, group), [collateral, debt]) in self.classes.iter().zip(&self.exponents) {
            let group = rules.group(*group);
            let Some(rates) = rates.get(usize::from(*place))? else {
                table.mantissas.extend([0, 0]);
                table.collateral_bps.extend([0, 0]);
                table.debt_bps.extend([0, 0]);
                continue;
            };
            let price = i64::try_from(scaled(worth(rates), *collateral)?).ok()?;
            let owed = i64::try_from(scaled(owed(rates), *debt)?).ok()?;
            table.mantissas.push((price - (price >> LESS) - 1).max(0));
            table.mantissas.push(owed.checked_add(2)?);
            let threshold = group.map_or(rates.threshold, |group| group.threshold_percent);
            let factor = group.map_or(rates.factor.max(100), |_| 100);
            table.collateral_bps.extend([u32::from(threshold) * 100, 0]);
            table
                .debt_bps
                .extend([0, u32::try_from(factor.checked_mul(100)?).ok()?]);
        }
        Some(table)
    }

    /// Returns a position's legs as the book takes them, (slot, amount). `None`: an amount is too large for it, or it is in a group to which a
    /// reserve of its does not belong, which the program would not refresh.
    ///
    /// An own index above the reserve's counts as equal to it. To be laid anew when the price of a collateral without a threshold has
    /// grown eightfold since.
    #[must_use]
    pub fn legs(
        &self,
        position: &Position,
        rates: &[Option<Rates>],
        rules: &Rules,
    ) -> Option<Vec<(u16, u64)>> {
        let mut legs = Vec::with_capacity(1 + position.legs.len());
        let mut dust = DUST;
        for leg in &position.legs {
            let class = self.class(leg.reserve(), position.group)?;
            let asset = class.checked_mul(2)?.checked_add(1)?;
            let known = rates.get(usize::from(leg.reserve()))?.as_ref();
            match *leg {
                Leg::Deposit { shares, .. } => {
                    let group = rules.group(position.group).map(|it| it.threshold_percent);
                    let without = |rates: &&Rates| group.unwrap_or(rates.threshold) == 0;
                    if let Some(rates) = known.filter(without) {
                        dust = dust.checked_add(coarser(rates, shares)?)?;
                    }
                    legs.push((asset.checked_mul(2)?, shares));
                }
                Leg::Borrow { index, amount, .. } => {
                    let index = known.map_or(index, |rates| rates.index.min(index));
                    let at_one = amount.0.checked_div(index.narrow()?)?;
                    let units = u64::try_from(at_one).ok()?.checked_add(1)?;
                    legs.push((asset.checked_mul(2)?.checked_add(3)?, units));
                }
            }
        }
        legs.push((DUST_SLOT, dust));
        Some(legs)
    }

    fn class(&self, reserve: u16, group: u8) -> Option<u16> {
        let place = usize::from(reserve);
        let row = usize::from(group) * self.reserves;
        *self
            .places
            .get(row + place)
            .filter(|_| place < self.reserves)?
    }
}

/// Returns whether no price says that a position is safe: a margin call, an order, or a reserve with crossed limits, maturity or terms may be a
/// reason, or one of its reserves is out of the bounds of a fast verdict. It has to be asked about at every tick.
#[must_use]
pub fn always(position: &Position, rates: &[Option<Rates>], rules: &Rules) -> bool {
    let timed = |leg: &Leg| {
        let known = rates
            .get(usize::from(leg.reserve()))
            .and_then(Option::as_ref);
        known.is_none_or(|rates| rates.timed)
    };
    position.may_have_other_reasons(rules) || position.legs.iter().any(timed)
}

/// Returns the worth of shares in 10⁻¹⁸ quote units, a part of it, rounded up.
fn coarser(rates: &Rates, shares: u64) -> Option<u64> {
    let each = Fraction(worth(rates).shifted_down(BITS).narrow()?);
    let all = each.times(shares.into()).ok()?;
    let unit = 10u128.checked_pow(u32::try_from(rates.decimals).ok()?)?;
    let value = all.0.checked_div(unit)? >> COARSER;
    u64::try_from(value).ok()?.checked_add(1)
}

/// Returns price · supply / shares of a whole collateral token, rounded down, 120 fraction bits.
fn worth(rates: &Rates) -> U256 {
    let product = U256::product(rates.price.0, rates.supply.0);
    product.over(rates.shares.into()).unwrap_or(U256::ZERO)
}

/// Returns price · index of a whole token, 120 fraction bits; the largest number where it does not fit.
fn owed(rates: &Rates) -> U256 {
    let product = rates.index.times(rates.price.0);
    product.unwrap_or(U256::from_le_bytes(&[u8::MAX; 32]))
}

/// Returns a number of 120 fraction bits in units of 10^exponent, rounded down but for its last of 128 bits; `None` above 10¹⁹.
fn scaled(value: U256, exponent: i8) -> Option<u128> {
    let mut drop = 0;
    while value.shifted_down(drop).narrow().is_none() {
        drop += 1;
    }
    let power = 10u128.checked_pow(u32::from(exponent.unsigned_abs()))?;
    let top = value.shifted_down(drop).narrow()?;
    let shift = 120i32 - drop as i32;
    let moved = |number: U256| match u32::try_from(shift) {
        Ok(down) => Some(number.shifted_down(down)),
        Err(_) => number.shifted_up(shift.unsigned_abs()),
    };
    let found = if exponent < 0 {
        moved(U256::product(top, power))?.narrow()?
    } else {
        moved(U256::from(top))?.over(power)?.narrow()?
    };
    (found < 10u128.pow(DIGITS + 3)).then_some(found)
}

/// Returns the exponent at which a value has [`DIGITS`] digits.
fn exponent_for(value: U256) -> i8 {
    let most = 10u128.pow(DIGITS);
    let fits = |exponent: &i8| scaled(value, *exponent).is_some_and(|value| value < most);
    (-32..32).find(fits).unwrap_or(32)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fixed(whole: u128) -> U256 {
        U256::product(whole, 1 << 120)
    }

    #[test]
    fn prices_keep_their_digits() {
        assert_eq!(exponent_for(fixed(150)), -13);
        assert_eq!(scaled(fixed(150), -13), Some(1_500_000_000_000_000));
        assert_eq!(exponent_for(fixed(1)), -15);
        assert_eq!(exponent_for(fixed(10u128.pow(17))), 2);
        assert_eq!(scaled(fixed(10u128.pow(17)), 2), Some(10u128.pow(15)));
        assert_eq!(exponent_for(U256::from(1)), -32);
        assert_eq!(scaled(fixed(10u128.pow(36)), -13), None);
    }
}
