//! Debt: borrowed against collateral, repaid by anybody, growing with interest.

use lending_math::state::Side;
use lending_math::{interest, Error};

use crate::arguments::{amount, Arguments};
use crate::input::Call;
use crate::instructions::supply::{pay_out, within_ltv};
use crate::legs::{Named, Sources};
use crate::load::{self, MarketSigner};
use crate::{syscalls, token};

/// `borrow(amount)`.
pub fn borrow(call: &Call<'_>) -> Result<(), Error> {
    let amount = amount(call.data)?;
    let ([owner, market, position, destination, vault, token_program, reserve, oracle], others) =
        call.first()?;
    let market_state = load::market(call.program, market)?;
    token::program(token_program)?;
    let mut state = load::reserve_and_vault(call.program, market.key(), reserve, vault)?;
    load::oracle(call.program, &state, oracle)?;
    load::token_account(destination, &state.mint, vault)?;
    let mut held = load::position(call.program, market.key(), position)?;
    load::signed_by(owner, &held.owner)?;
    if market_state.paused {
        return Err(Error::Paused);
    }
    let now = syscalls::slot()?;
    load::accrue(&mut state, now)?;
    let shares = interest::shares_to_borrow(amount, state.borrow_index)?;
    held.increase(reserve.key(), Side::Debt, shares)?;
    held.last_update_slot = now;
    state.total_debt_shares = state
        .total_debt_shares
        .checked_add(shares)
        .ok_or(Error::Overflow)?;
    let named = [Named {
        key: reserve.key(),
        reserve: &state,
        oracle,
    }];
    let sources = Sources {
        program: call.program,
        market: market.key(),
        named: &named,
        others,
        now,
    };
    within_ltv(&sources, &held)?;
    position.write(|bytes| held.encode(bytes))?;
    reserve.write(|bytes| state.encode(bytes))?;
    pay_out(
        &MarketSigner::new(&market_state),
        vault,
        destination,
        market,
        amount,
    )
}

/// `repay(amount)`, by anybody: 2⁶⁴−1, like any amount from the debt upwards, is the whole debt.
pub fn repay(call: &Call<'_>) -> Result<(), Error> {
    let amount = amount(call.data)?;
    let [payer, market, position, source, vault, token_program, reserve] = call.exactly()?;
    load::signer(payer)?;
    load::market(call.program, market)?;
    token::program(token_program)?;
    let mut state = load::reserve_and_vault(call.program, market.key(), reserve, vault)?;
    load::token_account(source, &state.mint, vault)?;
    let mut held = load::position(call.program, market.key(), position)?;
    let now = syscalls::slot()?;
    load::accrue(&mut state, now)?;
    let (_, shares) = held.leg(reserve.key(), Side::Debt)?;
    let paid = interest::repay(amount, shares, state.borrow_index)?;
    held.decrease(reserve.key(), Side::Debt, paid.shares)?;
    held.last_update_slot = now;
    state.total_debt_shares = state
        .total_debt_shares
        .checked_sub(paid.shares)
        .ok_or(Error::Overflow)?;
    position.write(|bytes| held.encode(bytes))?;
    reserve.write(|bytes| state.encode(bytes))?;
    token::transfer(source, vault, payer, paid.tokens, &[])
}

/// `accrue()`, by anybody.
pub fn accrue(call: &Call<'_>) -> Result<(), Error> {
    Arguments::new(call.data, 0)?;
    let [reserve] = call.exactly()?;
    let mut state = load::any_reserve(call.program, reserve)?;
    load::accrue(&mut state, syscalls::slot()?)?;
    reserve.write(|bytes| state.encode(bytes))
}
