//! Save's obligations as legs of a [`GenericBook`](crate::book::generic::GenericBook), and its reserves as the book's assets.
//!
//! Each reserve is two assets: a collateral token is worth price / exchange rate at the liquidation threshold, a unit of debt at
//! index 1 is worth price · index at the borrow weight. Spot price, threshold, weight and index are exactly linear in what an
//! obligation holds, so a change of any of them is a change of one price or weight of the book. All of it is rounded against the
//! obligation: one that the program would liquidate is in the book's set or [`always`] asked about, and
//! [`confirm`](super::confirm) decides.

use super::confirm::{Leg, Position, Rates};
use crate::book::generic::market::Asset;
use crate::fixed::wad::Decimal;

/// Debt that every obligation has beside its own, 10⁻¹⁸ quote units: the program's floors take less than that off its collateral.
pub const DUST: u64 = 1_000;
/// The book's slot of that debt.
const DUST_SLOT: u16 = 1;
/// Debt from which on the cap on the unhealthy value (70 million) may be near, quote units.
const NEAR_CAP: u64 = 35_000_000;
/// Digits of a price when the book is opened; three more are left for it to grow.
const DIGITS: i32 = 16;
/// What is taken off a collateral's price: more than any floor of the program takes off an amount or a value of one unit.
const LESS: u32 = 50;

/// The exponents of a book's prices, which stay as they were when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scales(Vec<[i8; 2]>);

/// What the book's assets cost and weigh now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Prices, as [`tick`](crate::book::generic::GenericBook::tick) takes them; 0 for a reserve that cannot be refreshed.
    pub mantissas: Vec<i64>,
    /// Thresholds, as `set_weights` takes them.
    pub collateral_bps: Vec<u32>,
    /// Borrow weights.
    pub debt_bps: Vec<u32>,
}

impl Table {
    /// Returns whether who is [`always`] asked about is the same as at these prices: no debt counts for more than twice as much.
    #[must_use]
    pub fn holds_for(&self, now: &Table) -> bool {
        let weighted = |table: &Table, asset: usize| {
            u128::from(table.mantissas[asset].unsigned_abs()) * u128::from(table.debt_bps[asset])
        };
        (0..now.mantissas.len()).all(|asset| weighted(now, asset) / 2 <= weighted(self, asset))
    }
}

impl Scales {
    /// Returns the scales that suit these reserves' prices.
    #[must_use]
    pub fn of(rates: &[Option<Rates>]) -> Scales {
        let exponent = |value: Option<Decimal>| value.map_or(-DIGITS as i8, exponent_for);
        let both = |rates: &Option<Rates>| match rates {
            Some(rates) => [
                exponent(share_price(rates, 0)),
                exponent(debt_price(rates, 0)),
            ],
            None => [-DIGITS as i8; 2],
        };
        Scales(rates.iter().map(both).collect())
    }

    /// Returns the book's assets: the quote itself, then each reserve's collateral and debt.
    #[must_use]
    pub fn assets(&self, decimals: &[u8]) -> Vec<Asset> {
        let asset = |name: String, decimals: u8, exponent: i8| Asset {
            name,
            decimals,
            exponent,
        };
        let mut assets = vec![asset("quote".to_owned(), 18, 0)];
        for (number, ([collateral, debt], decimals)) in self.0.iter().zip(decimals).enumerate() {
            assets.push(asset(
                format!("{number} collateral"),
                *decimals,
                *collateral,
            ));
            assets.push(asset(format!("{number} debt"), *decimals, *debt));
        }
        assets
    }

    /// Returns prices and weights of refreshed reserves. `None`: a price has outgrown its scale, so the book has to be opened anew.
    #[must_use]
    pub fn table(&self, rates: &[Option<Rates>]) -> Option<Table> {
        let mut table = Table {
            mantissas: vec![1],
            collateral_bps: vec![10_000],
            debt_bps: vec![10_000],
        };
        for ([collateral, debt], rates) in self.0.iter().zip(rates) {
            let Some(rates) = rates else {
                table.mantissas.extend([0, 0]);
                table.collateral_bps.extend([0, 0]);
                table.debt_bps.extend([0, 0]);
                continue;
            };
            let price =
                i64::try_from(share_price(rates, (*collateral).into())?.floor().ok()?).ok()?;
            let owed = i64::try_from(debt_price(rates, (*debt).into())?.floor().ok()?).ok()?;
            table.mantissas.push((price - (price >> LESS) - 1).max(0));
            table.mantissas.push(owed.checked_add(2)?);
            let threshold = u32::try_from(rates.threshold * 100).ok()?;
            table.collateral_bps.extend([threshold, 0]);
            table
                .debt_bps
                .extend([0, u32::try_from(rates.weight_bps).ok()?]);
        }
        Some(table)
    }
}

/// Returns a position's legs as the book takes them, (slot, amount). `None`: an amount is too large for it.
///
/// An own index above the reserve's counts as equal to it.
#[must_use]
pub fn legs(position: &Position, rates: &[Option<Rates>]) -> Option<Vec<(u16, u64)>> {
    let mut legs = Vec::with_capacity(1 + position.legs.len());
    legs.push((DUST_SLOT, DUST));
    for leg in &position.legs {
        match *leg {
            Leg::Deposit { reserve, shares } => legs.push((slot(reserve, 2)?, shares)),
            Leg::Borrow {
                reserve,
                index,
                amount,
            } => {
                let known = rates.get(usize::from(reserve))?.as_ref();
                let index = known.map_or(index, |rates| rates.index.min(index));
                let at_one = amount.to_scaled()?.checked_div(index.to_scaled()?)?;
                let units = u64::try_from(at_one).ok()?.checked_add(1)?;
                legs.push((slot(reserve, 5)?, units));
            }
        }
    }
    Some(legs)
}

/// Returns the book's slot of a reserve: 2 behind its first is its collateral, 5 its debt.
fn slot(reserve: u16, side: u16) -> Option<u16> {
    reserve.checked_mul(4)?.checked_add(side)
}

/// Returns whether no price says that a position is safe: it was opened to liquidation, its debt is near what the unhealthy value is
/// capped at, or one of its reserves is out of the bounds of a fast verdict. It has to be asked about at every tick.
///
/// To be asked anew when a debt's price, weight or index has doubled since.
#[must_use]
pub fn always(position: &Position, rates: &[Option<Rates>]) -> bool {
    position.closeable || debt(position, rates).is_none_or(|debt| debt >= NEAR_CAP.into())
}

/// Returns a position's weighted debt.
fn debt(position: &Position, rates: &[Option<Rates>]) -> Option<Decimal> {
    let mut sum = Decimal::ZERO;
    for leg in &position.legs {
        let rates = rates.get(usize::from(leg.reserve()))?.as_ref()?;
        if let Leg::Borrow { index, amount, .. } = *leg {
            let growth = rates.index.max(index).try_div(index).ok()?;
            let value = rates.value(amount.try_mul(growth).ok()?).ok()?;
            let weighted = value.try_mul(Decimal::bps(rates.weight_bps)).ok()?;
            sum = sum.try_add(weighted).ok()?;
        }
    }
    Some(sum)
}

/// Returns the price of a whole collateral token in units of 10^exponent, rounded down.
fn share_price(rates: &Rates, exponent: i32) -> Option<Decimal> {
    let price = shifted(rates.price, -exponent)?;
    price.try_div(rates.share_rate.into()).ok()
}

/// Returns the price of a whole token of debt at index 1 in units of 10^exponent, rounded down.
fn debt_price(rates: &Rates, exponent: i32) -> Option<Decimal> {
    shifted(rates.price, -exponent)?.try_mul(rates.index).ok()
}

/// Returns a value times 10^digits.
fn shifted(mut value: Decimal, mut digits: i32) -> Option<Decimal> {
    while digits != 0 {
        let step = digits.abs().min(18);
        let power = 10u64.pow(step.unsigned_abs());
        value = if digits > 0 {
            value.times(power).ok()?
        } else {
            value.over(power).ok()?
        };
        digits -= step * digits.signum();
    }
    Some(value)
}

/// Returns the exponent at which a value has [`DIGITS`] digits.
fn exponent_for(value: Decimal) -> i8 {
    let most = Decimal::whole(10u128.pow(DIGITS.unsigned_abs()));
    let mut exponent = -2 * DIGITS;
    while exponent < 2 * DIGITS && shifted(value, -exponent).is_none_or(|value| value >= most) {
        exponent += 1;
    }
    exponent as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_keep_their_digits() {
        assert_eq!(exponent_for(Decimal::whole(150)), -13);
        assert_eq!(exponent_for(Decimal::ONE), -15);
        assert_eq!(exponent_for(Decimal::scaled(1)), -32);
        assert_eq!(exponent_for(Decimal::whole(10u128.pow(17))), 2);
        assert_eq!(
            shifted(Decimal::whole(150), 13).and_then(|value| value.floor().ok()),
            Some(1_500_000_000_000_000)
        );
    }
}
