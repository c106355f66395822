//! Whether a position can be liquidated at one slot, and if not, why not.

use lending_math::health::{Health, PricedLeg};
use lending_math::interest::debt_of;
use lending_math::state::Side;
use lending_math::Error;

use super::pricing::{Priced, Standing};

/// A leg beside the reserve that it is in.
#[derive(Clone, Copy, Debug)]
pub struct LegAt<'a> {
    /// Collateral or debt.
    pub side: Side,
    /// Tokens of collateral, shares of debt.
    pub amount: u64,
    /// Its reserve at the slot.
    pub reserve: &'a Standing,
}

/// Why a position is in the set of those that need an act, or cannot be liquidated whatever its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Debt without collateral: to be written off, at any price.
    BadDebt,
    /// The market refuses liquidations.
    Paused,
    /// A reserve's account or its oracle's has not been seen.
    MissingAccount,
    /// A leg's price is missing or too old.
    StalePrice,
    /// A leg's price has too wide a confidence interval.
    UncertainPrice,
    /// A product or sum does not fit: the program would refuse with `Overflow`.
    Overflow,
    /// A reserve's mint and oracle have decimals that do not go together.
    InvalidConfig,
}

impl Reason {
    /// Returns the name that operators see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Reason::BadDebt => "bad_debt",
            Reason::Paused => "paused",
            Reason::MissingAccount => "missing_account",
            Reason::StalePrice => "stale_price",
            Reason::UncertainPrice => "uncertain_price",
            Reason::Overflow => "overflow",
            Reason::InvalidConfig => "invalid_config",
        }
    }

    /// Returns the reason that a refusal of the program stands for.
    const fn of(refusal: Error) -> Reason {
        match refusal {
            Error::StalePrice => Reason::StalePrice,
            Error::UncertainPrice => Reason::UncertainPrice,
            Error::InvalidConfig => Reason::InvalidConfig,
            _ => Reason::Overflow,
        }
    }
}

/// What is true of a position at one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Covered, or without debt.
    Healthy,
    /// The program would liquidate it: `Cw < Dw` at prices that it believes.
    Liquidatable,
    /// Debt without collateral: the program would write it off.
    BadDebt,
    /// Nothing can be done now.
    Blocked(Reason),
}

impl Verdict {
    /// Returns whether the position needs an act: a liquidation or a write-off.
    #[must_use]
    pub fn needs_an_act(self) -> bool {
        matches!(self, Verdict::Liquidatable | Verdict::BadDebt)
    }

    /// Returns what makes the verdict other than the comparison of `Cw` and `Dw`.
    #[must_use]
    pub fn reason(self) -> Option<Reason> {
        match self {
            Verdict::Healthy | Verdict::Liquidatable => None,
            Verdict::BadDebt => Some(Reason::BadDebt),
            Verdict::Blocked(reason) => Some(reason),
        }
    }
}

/// A verdict with the sums behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The sums at the last prices, believed or not; `None` where they cannot be computed.
    pub health: Option<Health>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Judges a position by its legs.
///
/// In this order: without debt it is healthy; without collateral it is bad debt; a paused market, a missing account,
/// an overflow or a refused price blocks it; else `Cw < Dw` decides.
#[must_use]
pub fn judge<'a, L>(legs: L, paused: bool) -> Judgement
where
    L: Iterator<Item = LegAt<'a>> + Clone,
{
    let has = |side: Side| legs.clone().any(|leg| leg.side == side);
    let sums = sums(legs.clone());
    let verdict = if !has(Side::Debt) {
        Verdict::Healthy
    } else if !has(Side::Collateral) {
        Verdict::BadDebt
    } else if paused {
        Verdict::Blocked(Reason::Paused)
    } else {
        match sums {
            Err(reason) => Verdict::Blocked(reason),
            Ok((_, Some(refusal))) => Verdict::Blocked(Reason::of(refusal)),
            Ok((health, None)) if health.is_liquidatable() => Verdict::Liquidatable,
            Ok(_) => Verdict::Healthy,
        }
    };
    Judgement {
        health: sums.ok().map(|(health, _)| health),
        verdict,
    }
}

/// Returns the sums, and the first refusal of a price on the way.
fn sums<'a>(legs: impl Iterator<Item = LegAt<'a>>) -> Result<(Health, Option<Error>), Reason> {
    let (mut health, mut refusal) = (Health::default(), None);
    for leg in legs {
        let priced = match leg.reserve {
            Standing::Missing => return Err(Reason::MissingAccount),
            Standing::Broken(error) => return Err(Reason::of(*error)),
            Standing::Priced(priced) => priced,
        };
        refusal = refusal.or(priced.refusal);
        let priced_leg = value_of(leg.side, leg.amount, priced).map_err(Reason::of)?;
        health.add(&priced_leg).map_err(Reason::of)?;
    }
    Ok((health, refusal))
}

/// Returns a leg with its tokens and price; shares of debt round up to tokens.
pub fn value_of(side: Side, amount: u64, reserve: &Priced) -> Result<PricedLeg, Error> {
    let tokens = match side {
        Side::Collateral => amount,
        Side::Debt => debt_of(amount, reserve.index)?,
    };
    Ok(PricedLeg::new(side, tokens, reserve.unit, &reserve.config))
}
