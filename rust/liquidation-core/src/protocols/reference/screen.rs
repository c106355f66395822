//! What the screen keeps of the reference program: quantities of a position, worths of a reserve, and what no price says.
//!
//! Both bounds of [`Screen`](crate::book::screen::Screen) hold. A collateral leg is `tokens · unit · threshold`, rounded down
//! by less than a unit of 10⁻¹⁸ USD. A debt of `s` shares is `⌈s·index/WAD⌉` tokens, at most `(s + 1)·index/WAD` because an
//! index is never below WAD, times `unit · factor`, rounded up by less than a unit: so a leg in the screen has one share more, a
//! parked one none. A position has eight legs at most, so that roundings hide eight units of the 32.
//!
//! Beside prices a verdict hangs on whether prices are believed, whether the market is paused and whether the sums fit. All three
//! can change the verdict only of a position that is under water, of which there are few: the book asks about all of them.

use lending_math::state::Side;
use lending_math::WAD;

use super::health::{Judgement, LegAt};
use super::pricing::{Priced, Standing};

/// How far a price or an index may rise, as a power of two, until everybody who is parked must be judged again.
pub const RISE: u32 = 10;
/// Figures from which on that much could overflow them: a sum in atto-USD, an amount in tokens.
const LARGE: u128 = 1 << 110;
const LARGE_TOKENS: u128 = 1 << (64 - RISE);

/// Returns what one smallest unit of collateral and one share of debt weigh in a reserve, in atto-USD; 0 where that is unknown.
#[must_use]
pub fn worths(standing: &Standing) -> [f64; 2] {
    let Standing::Priced(priced) = standing else {
        return [0.0; 2];
    };
    let weighted = |bps: f64| priced.unit as f64 * bps / 1e4;
    let index = priced.index as f64 / WAD as f64;
    [
        weighted(f64::from(priced.config.liquidation_threshold_bps)),
        weighted(f64::from(priced.config.borrow_factor_bps)) * index,
    ]
}

/// Returns a leg's quantity.
#[must_use]
pub fn quantity(side: Side, amount: u64, parked: bool) -> u64 {
    match (side, parked) {
        (Side::Debt, false) => amount.saturating_add(1),
        _ => amount,
    }
}

/// Returns whether a position owes more than its collateral carries, whether prices are believed or not.
#[must_use]
pub fn is_under_water(judgement: &Judgement) -> bool {
    judgement
        .health
        .is_some_and(|health| health.is_liquidatable())
}

/// Returns whether a rise within [`RISE`] could make a figure of a position overflow, which makes the program refuse.
#[must_use]
pub fn is_large<'a>(legs: impl Iterator<Item = LegAt<'a>>, judgement: &Judgement) -> bool {
    let Some(health) = judgement.health else {
        return true;
    };
    let sums = [
        health.collateral,
        health.weighted_collateral,
        health.debt,
        health.weighted_debt,
    ];
    let mut debts = legs.filter(|leg| leg.side == Side::Debt);
    sums.into_iter().any(|sum| sum >= LARGE) || debts.any(|leg| owes_much(&leg))
}

fn owes_much(leg: &LegAt<'_>) -> bool {
    let Standing::Priced(priced) = leg.reserve else {
        return true;
    };
    let tokens = u128::from(leg.amount).checked_mul(priced.index);
    tokens.is_none_or(|tokens| tokens / WAD >= LARGE_TOKENS)
}

/// The lowest price and index of a reserve since everybody who is parked was judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lowest(Option<(u128, u128)>);

impl Lowest {
    /// Takes a reserve's standing and returns whether price or index rose further than [`RISE`].
    pub fn take(&mut self, standing: &Standing) -> bool {
        let Standing::Priced(Priced { unit, index, .. }) = standing else {
            return false;
        };
        let (low_unit, low_index) = self.0.unwrap_or((*unit, *index));
        self.0 = Some((low_unit.min(*unit), low_index.min(*index)));
        unit >> RISE > low_unit || index >> RISE > low_index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_in_the_screen_is_a_share_more_than_it_is() {
        assert_eq!(quantity(Side::Debt, 7, false), 8);
        assert_eq!(quantity(Side::Debt, 7, true), 7);
        assert_eq!(quantity(Side::Debt, u64::MAX, false), u64::MAX);
        assert_eq!(quantity(Side::Collateral, 7, false), 7);
    }
}
