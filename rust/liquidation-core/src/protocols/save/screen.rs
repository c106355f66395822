//! What the screen keeps of Save: a quantity for each leg and a table entry for each side of a reserve, and who is always checked.
//!
//! Spot price · threshold / exchange rate and spot price · weight · index are exactly linear in what a position holds, so a
//! change of price, interest or parameter is a change of one table entry. Floats, one-sided: a position that the program would
//! liquidate is always let through, and [`confirm`](super::confirm) decides.

use super::confirm::{Leg, Position, Rates};
use super::refresh::UNHEALTHY_CAP;
use crate::fixed::wad::Decimal;

/// Relative error of all floats here and of every rounding in the program, with room to spare.
const BAND: f64 = 1e-6;
/// Most that the program's floors can move a sum of 20 legs, quote units.
const DUST: f64 = 1e-11;

/// A reserve's two table entries, quote units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slots {
    /// What one collateral token counts for: price · threshold / exchange rate.
    pub collateral: f64,
    /// What one unit of debt at index 1 counts for: price · borrow weight · index.
    pub debt: f64,
}

impl Slots {
    /// Returns a refreshed reserve's entries.
    #[must_use]
    pub fn of(rates: &Rates) -> Slots {
        let unit = number(rates.price) / 10f64.powi(rates.decimals.into());
        let share_rate = number(Decimal::from(rates.share_rate));
        Slots {
            collateral: unit * rates.threshold as f64 / 100.0 / share_rate,
            debt: unit * rates.weight_bps as f64 / 10_000.0 * number(rates.index),
        }
    }
}

/// A position's quantities: what its legs are multiplied with.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantities {
    /// (reserve, collateral tokens): no leg where the threshold is 0 is needed, none hurts.
    pub collateral: Vec<(u16, f64)>,
    /// (reserve, units of debt at index 1).
    pub debt: Vec<(u16, f64)>,
    /// Checked at every tick, whatever the prices: closeable.
    pub always: bool,
}

impl Quantities {
    /// Returns a position's quantities. An own index above the reserve's counts as equal to it.
    #[must_use]
    pub fn of(position: &Position, rates: &[Rates]) -> Quantities {
        let mut quantities = Quantities {
            collateral: Vec::new(),
            debt: Vec::new(),
            always: position.closeable,
        };
        for leg in &position.legs {
            match *leg {
                Leg::Deposit { reserve, shares } => {
                    quantities.collateral.push((reserve, shares as f64))
                }
                Leg::Borrow {
                    reserve,
                    index,
                    amount,
                } => {
                    let known = rates
                        .get(usize::from(reserve))
                        .map_or(index, |rates| rates.index);
                    let amount = number(amount) / number(index.min(known)).max(1e-18);
                    quantities.debt.push((reserve, amount));
                }
            }
        }
        quantities
    }

    /// Returns whether the position has to be confirmed at these table entries.
    #[must_use]
    pub fn may_be_liquidatable(&self, table: &[Slots]) -> bool {
        let entry = |reserve: u16| table.get(usize::from(reserve));
        let sum = |legs: &[(u16, f64)], side: fn(&Slots) -> f64| -> f64 {
            legs.iter()
                .map(|(reserve, quantity)| entry(*reserve).map_or(f64::NAN, side) * quantity)
                .sum()
        };
        let collateral = sum(&self.collateral, |slots| slots.collateral);
        let debt = sum(&self.debt, |slots| slots.debt);
        let capped = collateral.min(UNHEALTHY_CAP as f64);
        // Written so that what is no number is let through.
        let safe = capped > debt * (1.0 + BAND) + DUST;
        self.always || !safe
    }
}

/// Returns a decimal as a float.
fn number(value: Decimal) -> f64 {
    let bytes = value.to_le_bytes();
    let limbs = bytes.chunks_exact(8).rev();
    let limb = |chunk: &[u8]| {
        chunk
            .iter()
            .rev()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte))
    };
    limbs.fold(0.0, |number, chunk| {
        number * 18_446_744_073_709_551_616.0 + limb(chunk) as f64
    }) / 1e18
}
