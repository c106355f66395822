//! What liquidating each pair of a position's legs would do, at one state of the chain.

use std::collections::HashMap;

use lending_math::health::{Health, PricedLeg};
use lending_math::liquidation::{self, CollateralLeg, DebtLeg, Mode, Quote};
use lending_math::state::{Leg, Market, Oracle, Position, Reserve, Side};
use lending_math::{Error, Pubkey, ATTO_PER_MICRO, BPS};

use super::health::value_of;
use super::pricing::{Priced, Standing};
use crate::address::to_base58;
use crate::CoreError;

/// What keeps a liquidation from repaying more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The caller's amount.
    Amount,
    /// The collateral leg is taken whole.
    Collateral,
    /// The debt leg is closed, because the pair is under water.
    Whole,
    /// The debt leg is closed, because the close factor would leave dust.
    Dust,
    /// The close factor.
    CloseFactor,
}

impl Limit {
    /// Returns the name that callers match.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Limit::Amount => "amount",
            Limit::Collateral => "collateral",
            Limit::Whole => "whole",
            Limit::Dust => "dust",
            Limit::CloseFactor => "close_factor",
        }
    }
}

/// One liquidation that the program would accept, and the position after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairQuote {
    /// The version that the instruction must expect.
    pub version: u64,
    /// Debt reserve and its mint.
    pub debt: (Pubkey, Pubkey),
    /// Collateral reserve and its mint.
    pub collateral: (Pubkey, Pubkey),
    /// What moves.
    pub quote: Quote,
    /// What keeps it from being more.
    pub limited_by: Limit,
    /// Collateral tokens left in the leg.
    pub collateral_left: u64,
    /// Value of what is repaid, rounded up.
    pub repaid_micro_usd: u128,
    /// Value of what the liquidator receives, rounded down.
    pub seized_micro_usd: u128,
    /// Value of the protocol's fee, rounded up.
    pub fee_micro_usd: u128,
    /// The sums before.
    pub before: Health,
    /// The sums after, at the same slot and prices.
    pub after: Health,
    /// Debt but no collateral is left.
    pub leaves_bad_debt: bool,
}

struct LegIn {
    leg: Leg,
    reserve: Priced,
    priced: PricedLeg,
}

/// Returns what each pair of a debt and a collateral leg would give for at most `amount` tokens, at slot `now`.
///
/// `accounts` holds the position, and reserve and oracle of each of its legs; the market, where given, is asked whether
/// it is paused. Pairs that the program would refuse are left out; if it would refuse all of them, the first one's
/// refusal is returned. A position with debt but no collateral has no pairs: the answer is empty.
pub fn quotes(
    accounts: &HashMap<Pubkey, &[u8]>,
    position: &Pubkey,
    now: u64,
    amount: u64,
) -> Result<Vec<PairQuote>, CoreError> {
    let state = read(accounts, position, "position", Position::decode)?;
    if !state.has(Side::Debt) {
        return Err(Error::Healthy.into());
    }
    if !state.has(Side::Collateral) {
        return Ok(Vec::new());
    }
    if accounts.contains_key(&state.market)
        && read(accounts, &state.market, "market", Market::decode)?.paused
    {
        return Err(Error::Paused.into());
    }
    let legs = priced_legs(accounts, &state, now)?;
    let before = sums(legs.iter().map(|leg| leg.priced))?;
    if !before.is_liquidatable() {
        return Err(Error::Healthy.into());
    }
    let (found, refused): (Vec<_>, Vec<_>) = pairs(&legs)
        .map(|(debt, collateral)| pair(&legs, &before, debt, collateral, amount))
        .partition(Result::is_ok);
    match refused.into_iter().next() {
        Some(Err(refusal)) if found.is_empty() => Err(refusal.into()),
        _ => Ok(found
            .into_iter()
            .flatten()
            .map(|quote| PairQuote {
                version: state.version,
                ..quote
            })
            .collect()),
    }
}

fn pairs(legs: &[LegIn]) -> impl Iterator<Item = (&LegIn, &LegIn)> {
    let on = |side: Side| legs.iter().filter(move |leg| leg.leg.side == side);
    on(Side::Debt)
        .flat_map(move |debt| on(Side::Collateral).map(move |collateral| (debt, collateral)))
}

fn read<T>(
    accounts: &HashMap<Pubkey, &[u8]>,
    address: &Pubkey,
    kind: &'static str,
    decode: impl Fn(&[u8]) -> Result<T, Error>,
) -> Result<T, CoreError> {
    let Some(data) = accounts.get(address) else {
        return Err(CoreError::MissingAccount {
            kind,
            address: to_base58(address),
        });
    };
    decode(data).map_err(|_| super::malformed(address, kind, data))
}

fn priced_legs(
    accounts: &HashMap<Pubkey, &[u8]>,
    state: &Position,
    now: u64,
) -> Result<Vec<LegIn>, CoreError> {
    let mut legs = Vec::with_capacity(state.legs().len());
    for leg in state.legs() {
        let reserve = read(accounts, &leg.reserve, "reserve", Reserve::decode)?;
        let oracle = read(accounts, &reserve.oracle, "oracle", Oracle::decode)?;
        let priced = match Standing::of(Some(&reserve), Some(&oracle), now) {
            Standing::Priced(Priced {
                refusal: Some(refusal),
                ..
            })
            | Standing::Broken(refusal) => return Err(refusal.into()),
            Standing::Missing => return Err(Error::InvalidAccount.into()),
            Standing::Priced(priced) => priced,
        };
        legs.push(LegIn {
            leg: *leg,
            reserve: priced,
            priced: value_of(leg.side, leg.amount, &priced)?,
        });
    }
    Ok(legs)
}

fn sums(legs: impl Iterator<Item = PricedLeg>) -> Result<Health, Error> {
    let mut health = Health::default();
    for leg in legs {
        health.add(&leg)?;
    }
    Ok(health)
}

fn pair(
    legs: &[LegIn],
    before: &Health,
    debt: &LegIn,
    from: &LegIn,
    amount: u64,
) -> Result<PairQuote, Error> {
    let debt_leg = DebtLeg::new(
        debt.leg.amount,
        debt.reserve.index,
        debt.reserve.unit,
        &debt.reserve.config,
    );
    let collateral_leg =
        CollateralLeg::new(from.leg.amount, from.reserve.unit, &from.reserve.config);
    let quote = liquidation::quote(before, &debt_leg, &collateral_leg, amount, 0)?;
    let collateral_left = from.leg.amount.saturating_sub(quote.seize);
    let after = legs_after(legs, debt, from, &quote)?;
    Ok(PairQuote {
        version: 0,
        debt: (debt.leg.reserve, debt.reserve.mint),
        collateral: (from.leg.reserve, from.reserve.mint),
        quote,
        limited_by: limit(&quote, &debt_leg),
        collateral_left,
        repaid_micro_usd: value(quote.repaid, debt.reserve.unit)?.div_ceil(ATTO_PER_MICRO),
        seized_micro_usd: value(quote.received, from.reserve.unit)? / ATTO_PER_MICRO,
        fee_micro_usd: value(quote.fee, from.reserve.unit)?.div_ceil(ATTO_PER_MICRO),
        before: *before,
        after: sums(after.iter().copied())?,
        leaves_bad_debt: after.iter().any(|leg| leg.side == Side::Debt)
            && after.iter().all(|leg| leg.side == Side::Debt),
    })
}

/// The legs that the liquidation leaves.
fn legs_after(
    legs: &[LegIn],
    debt: &LegIn,
    from: &LegIn,
    quote: &Quote,
) -> Result<Vec<PricedLeg>, Error> {
    let mut after = Vec::with_capacity(legs.len());
    for leg in legs {
        let taken = match leg.leg.reserve {
            reserve if reserve == debt.leg.reserve => quote.shares,
            reserve if reserve == from.leg.reserve => quote.seize,
            _ => 0,
        };
        let left = leg.leg.amount.checked_sub(taken).ok_or(Error::Overflow)?;
        if left > 0 {
            after.push(value_of(leg.leg.side, left, &leg.reserve)?);
        }
    }
    Ok(after)
}

fn limit(quote: &Quote, debt: &DebtLeg) -> Limit {
    let terms = &quote.terms;
    if quote.shares < terms.limit_shares {
        Limit::Amount
    } else if terms.takes_all_collateral {
        Limit::Collateral
    } else if terms.mode == Mode::Whole {
        Limit::Whole
    } else if terms.limit_shares == debt.shares && u64::from(debt.close_factor_bps) < BPS {
        Limit::Dust
    } else {
        Limit::CloseFactor
    }
}

fn value(tokens: u64, unit: u128) -> Result<u128, Error> {
    u128::from(tokens).checked_mul(unit).ok_or(Error::Overflow)
}
