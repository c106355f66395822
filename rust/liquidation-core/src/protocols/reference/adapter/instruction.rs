//! `liquidate` over raw accounts, as the program executes it: the same checks in the same order, the same arithmetic.
//!
//! The program accrues the debt reserve itself, so that nothing is refreshed beforehand; the liquidator's accounts are assumed good.

use std::collections::BTreeMap;

use lending_math::health::{Health, PricedLeg};
use lending_math::interest::{debt_of, index_at};
use lending_math::liquidation::{quote, CollateralLeg, DebtLeg, Quote};
use lending_math::price::unit_of;
use lending_math::state::{InsuranceFund, Leg, Position, Reserve, Side};
use lending_math::{Error, Pubkey, BPS};

use super::state::{Reader, Stop};
use crate::protocols::adapter::{Clock, Prediction, Ratio, Request, Unanswered};

/// SPL Token's `InsufficientFunds`.
const INSUFFICIENT_FUNDS: i64 = 1;
const TOKEN_ACCOUNT_AMOUNT: std::ops::Range<usize> = 64..72;

struct State {
    held: Position,
    debt: Reserve,
    collateral: Reserve,
    fund: InsuranceFund,
}

/// Returns what `liquidate` does, or how it fails.
pub fn predict(
    reader: &Reader<'_>,
    clock: Clock,
    request: &Request,
) -> Result<Prediction, Unanswered> {
    match execute(reader, clock, request) {
        Ok(prediction) => Ok(prediction),
        Err(Stop::Refused(refusal)) => Ok(Prediction::failed(i64::from(refusal.code()))),
        Err(Stop::Failed(code)) => Ok(Prediction::failed(code)),
        Err(Stop::Unanswered(unanswered)) => Err(unanswered),
    }
}

fn execute(reader: &Reader<'_>, clock: Clock, request: &Request) -> Result<Prediction, Stop> {
    let mut state = load(reader, request)?;
    state.debt.borrow_index = index_at(&state.debt, clock.slot)?;
    state.debt.accrued_slot = state.debt.accrued_slot.max(clock.slot);
    let quote = decide(reader, clock.slot, request, &state)?;
    if token_balance(reader, &state.collateral.vault).is_some_and(|held| held < quote.seize) {
        return Err(Stop::Failed(INSUFFICIENT_FUNDS));
    }
    settle(&mut state, request, &quote, clock.slot)?;
    written(reader, request, &state, &quote)
}

fn load(reader: &Reader<'_>, request: &Request) -> Result<State, Stop> {
    let held = reader.position(&request.position)?;
    let market = reader.market(&held.market)?;
    if market.paused {
        return Err(Error::Paused.into());
    }
    reader.demand([request.debt_reserve, request.collateral_reserve].into_iter())?;
    let debt = reader.reserve_of(&held.market, &request.debt_reserve)?;
    let collateral = reader.reserve_of(&held.market, &request.collateral_reserve)?;
    if request.debt_reserve == request.collateral_reserve {
        return Err(Error::InvalidAccount.into());
    }
    let fund = reader.fund(&collateral.mint, &held.market)?;
    Ok(State {
        held,
        debt,
        collateral,
        fund,
    })
}

fn decide(reader: &Reader<'_>, now: u64, request: &Request, state: &State) -> Result<Quote, Stop> {
    let (held, debt, collateral) = (&state.held, &state.debt, &state.collateral);
    let (debt_place, shares) = held.leg(&request.debt_reserve, Side::Debt)?;
    let (collateral_place, tokens) = held.leg(&request.collateral_reserve, Side::Collateral)?;
    reader.demand(held.legs().iter().map(|leg| leg.reserve))?;
    let (mut health, mut units) = (Health::default(), Vec::with_capacity(held.legs().len()));
    for leg in held.legs() {
        let priced = priced(reader, now, leg, &held.market)?;
        units.push(priced.unit);
        health.add(&priced)?;
    }
    let unit = |place: usize| units.get(place).copied().ok_or(Error::LegNotFound);
    let debt_leg = DebtLeg::new(shares, debt.borrow_index, unit(debt_place)?, &debt.config);
    let collateral_leg = CollateralLeg::new(tokens, unit(collateral_place)?, &collateral.config);
    let (amount, least) = (request.amount, request.min_received);
    Ok(quote(&health, &debt_leg, &collateral_leg, amount, least)?)
}

/// Prices a leg at the projected index; accruing a reserve first gives the same.
fn priced(reader: &Reader<'_>, now: u64, leg: &Leg, market: &Pubkey) -> Result<PricedLeg, Stop> {
    let reserve = reader.reserve_of(market, &leg.reserve)?;
    let unit = unit_of(&reader.oracle(&reserve)?, &reserve, now)?;
    let tokens = match leg.side {
        Side::Collateral => leg.amount,
        Side::Debt => debt_of(leg.amount, index_at(&reserve, now)?)?,
    };
    Ok(PricedLeg::new(leg.side, tokens, unit, &reserve.config))
}

fn settle(state: &mut State, request: &Request, quote: &Quote, now: u64) -> Result<(), Error> {
    let State {
        held,
        debt,
        collateral,
        fund,
    } = state;
    let less = |sum: u64, by: u64| sum.checked_sub(by).ok_or(Error::Overflow);
    let more = |sum: u64, by: u64| sum.checked_add(by).ok_or(Error::Overflow);
    held.decrease(&request.debt_reserve, Side::Debt, quote.shares)?;
    held.decrease(&request.collateral_reserve, Side::Collateral, quote.seize)?;
    held.version = more(held.version, 1)?;
    held.last_update_slot = now;
    debt.total_debt_shares = less(debt.total_debt_shares, quote.shares)?;
    debt.liquidations = more(debt.liquidations, 1)?;
    collateral.total_deposits = less(collateral.total_deposits, quote.seize)?;
    fund.fees = more(fund.fees, quote.fee)?;
    Ok(())
}

fn written(
    reader: &Reader<'_>,
    request: &Request,
    state: &State,
    quote: &Quote,
) -> Result<Prediction, Stop> {
    let mut accounts_after = BTreeMap::new();
    let mut write = |address: Pubkey, encode: &dyn Fn(&mut [u8]) -> Result<(), Error>| {
        let before = reader.given(&address)?.data;
        let mut after = before.to_vec();
        encode(&mut after)?;
        if after != before {
            accounts_after.insert(address, after);
        }
        Ok::<_, Stop>(())
    };
    let fund = reader.fund_address(&state.collateral.mint);
    write(request.position, &|bytes| state.held.encode(bytes))?;
    write(request.debt_reserve, &|bytes| state.debt.encode(bytes))?;
    write(request.collateral_reserve, &|bytes| {
        state.collateral.encode(bytes)
    })?;
    write(fund, &|bytes| state.fund.encode(bytes))?;
    Ok(Prediction {
        repaid: quote.repaid,
        debt_relieved: None,
        seized: quote.received,
        seized_shares: 0,
        protocol_fee: quote.fee,
        bonus: Ratio {
            numerator: u128::from(quote.terms.bonus_bps),
            denominator: u128::from(BPS),
        },
        error: None,
        accounts_after,
    })
}

fn token_balance(reader: &Reader<'_>, vault: &Pubkey) -> Option<u64> {
    let bytes = reader.optional(vault)?.data.get(TOKEN_ACCOUNT_AMOUNT)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}
