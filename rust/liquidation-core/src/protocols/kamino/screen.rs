//! What the screen keeps of Kamino: a quantity for each leg and a table entry for each side of a class, and who is always checked.
//!
//! A class is a reserve in or outside of an elevation group: price · rate · threshold and price · index · borrow factor (1 in a group) are
//! linear in what a position holds, so a change of price, interest or parameter is a change of one entry. Floats, one-sided: a
//! position that the program would liquidate is always let through, and [`confirm`](super::confirm) decides.

use crate::fixed::u256::U256;
use crate::protocols::kamino::confirm::{Rates, Rules};
use crate::protocols::kamino::market::Group;
use crate::protocols::kamino::slim::{Leg, Position};

/// Relative error of all floats here and of every rounding in the program, with room to spare.
const BAND: f64 = 1e-6;
/// Most that the program's floors can move a sum of 13 legs, quote units.
const DUST: f64 = 1e-11;
/// Two units of the loan to value, of which the debt may fall short per quote unit deposited: the program compares floor quotients.
const UNIT: f64 = 2.0 / ONE;
const ONE: f64 = (1u64 << 60) as f64;

/// A class's table entries, quote units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slots {
    /// What one collateral token counts for: price · supply / shares · threshold.
    pub collateral: f64,
    /// What one collateral token is worth.
    pub worth: f64,
    /// What one unit of debt at index 1 counts for: price · borrow factor · index.
    pub debt: f64,
}

impl Slots {
    /// Returns a refreshed reserve's entries, in a group or outside.
    #[must_use]
    pub fn of(rates: &Rates, group: Option<&Group>) -> Slots {
        let unit = rates.price.0 as f64 / ONE / 10f64.powf(rates.decimals as f64);
        let worth = unit * (rates.supply.0 as f64 / ONE) / rates.shares as f64;
        let threshold = group.map_or(rates.threshold, |group| group.threshold_percent);
        let factor = group.map_or(rates.factor.max(100), |_| 100);
        Slots {
            collateral: worth * f64::from(threshold) / 100.0,
            worth,
            debt: unit * factor as f64 / 100.0 * number(rates.index),
        }
    }

    /// Returns entries that hold whichever of two prices a refresh ends with: while it may keep the saved one, collateral counts at the
    /// lower and debt at the higher.
    #[must_use]
    pub fn either(self, other: Slots) -> Slots {
        Slots {
            collateral: self.collateral.min(other.collateral),
            worth: self.worth.max(other.worth),
            debt: self.debt.max(other.debt),
        }
    }
}

/// A position's quantities: what its legs are multiplied with. Its class in every reserve is its group's.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantities {
    /// Elevation group, 0 for none.
    pub group: u8,
    /// (reserve, collateral tokens).
    pub collateral: Vec<(u16, f64)>,
    /// (reserve, units of debt at index 1).
    pub debt: Vec<(u16, f64)>,
    /// Checked at every tick, whatever the prices: margin calls, orders, reserves with limits crossed, maturities or terms.
    pub always: bool,
}

impl Quantities {
    /// Returns a position's quantities. An own index above the reserve's counts as equal to it.
    #[must_use]
    pub fn of(position: &Position, rates: &[Rates], rules: &Rules) -> Quantities {
        let of = |reserve: u16| rates.get(usize::from(reserve));
        let timed = |leg: &Leg| of(leg.reserve()).is_none_or(|rates| rates.timed);
        let mut quantities = Quantities {
            group: position.group,
            collateral: Vec::new(),
            debt: Vec::new(),
            always: position.may_have_other_reasons(rules) || position.legs.iter().any(timed),
        };
        for leg in &position.legs {
            match *leg {
                Leg::Deposit { reserve, shares } => {
                    quantities.collateral.push((reserve, shares as f64));
                }
                Leg::Borrow {
                    reserve,
                    index,
                    amount,
                } => {
                    let own = of(reserve).map_or(index, |rates| rates.index.min(index));
                    let at_one = amount.0 as f64 / ONE / number(own).max(1.0 / ONE);
                    quantities.debt.push((reserve, at_one));
                }
            }
        }
        quantities
    }

    /// Returns whether the position has to be confirmed at these entries of its group's classes.
    #[must_use]
    pub fn may_be_liquidatable(&self, table: &[Slots]) -> bool {
        let sum = |legs: &[(u16, f64)], side: fn(&Slots) -> f64| -> f64 {
            legs.iter()
                .map(|(reserve, quantity)| {
                    let entry = table.get(usize::from(*reserve));
                    entry.map_or(f64::NAN, side) * quantity
                })
                .sum()
        };
        let collateral = sum(&self.collateral, |slots| slots.collateral);
        let debt = sum(&self.debt, |slots| slots.debt);
        let blur = DUST + UNIT * sum(&self.collateral, |slots| slots.worth);
        // Written so that what is no number is let through.
        let safe = collateral > debt * (1.0 + BAND) + blur;
        self.always || !safe
    }
}

/// Returns a number with 60 fraction bits as a float.
fn number(value: U256) -> f64 {
    let bytes = value.to_le_bytes();
    let digits = bytes.iter().rev();
    digits.fold(0.0, |number, byte| number * 256.0 + f64::from(*byte)) / ONE
}
