//! Collateral: deposited by the position's owner, withdrawn as far as the debt allows.

use lending_math::state::{Position, Reserve, Side};
use lending_math::{Error, Pubkey};

use crate::arguments::amount;
use crate::input::{Account, Call};
use crate::legs::{Named, Sources};
use crate::load::{self, MarketSigner};
use crate::{syscalls, token};

/// `deposit(amount)`.
pub fn deposit(call: &Call<'_>) -> Result<(), Error> {
    let amount = amount(call.data)?;
    let [owner, market, position, source, vault, token_program, reserve] = call.exactly()?;
    load::market(call.program, market)?;
    token::program(token_program)?;
    let mut state = load::reserve_and_vault(call.program, market.key(), reserve, vault)?;
    load::token_account(source, &state.mint, vault)?;
    let mut held = load::position(call.program, market.key(), position)?;
    load::signed_by(owner, &held.owner)?;
    held.increase(reserve.key(), Side::Collateral, amount)?;
    held.last_update_slot = syscalls::slot()?;
    state.total_deposits = state
        .total_deposits
        .checked_add(amount)
        .ok_or(Error::Overflow)?;
    position.write(|bytes| held.encode(bytes))?;
    reserve.write(|bytes| state.encode(bytes))?;
    token::transfer(source, vault, owner, amount, &[])
}

/// `withdraw(amount)`: 2⁶⁴−1 is the whole leg. A position without debt needs no prices.
pub fn withdraw(call: &Call<'_>) -> Result<(), Error> {
    let wanted = amount(call.data)?;
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
    let amount = take(&mut held, &mut state, reserve.key(), wanted)?;
    held.last_update_slot = syscalls::slot()?;
    let named = [Named {
        key: reserve.key(),
        reserve: &state,
        oracle,
    }];
    let (program, now) = (call.program, held.last_update_slot);
    let sources = Sources {
        program,
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

/// Takes collateral out of the position's leg and the reserve's total; returns how much.
fn take(
    held: &mut Position,
    state: &mut Reserve,
    reserve: &Pubkey,
    wanted: u64,
) -> Result<u64, Error> {
    let (_, leg) = held.leg(reserve, Side::Collateral)?;
    let amount = if wanted == u64::MAX { leg } else { wanted };
    if amount > leg {
        return Err(Error::ExceedsLtv);
    }
    held.decrease(reserve, Side::Collateral, amount)?;
    state.total_deposits = state
        .total_deposits
        .checked_sub(amount)
        .ok_or(Error::Overflow)?;
    Ok(amount)
}

/// Demands that the collateral's loan-to-value covers the debt.
#[inline(never)]
pub fn within_ltv(sources: &Sources<'_>, held: &Position) -> Result<(), Error> {
    if !held.has(Side::Debt) {
        return sources.check(held);
    }
    if sources.price(held)?.health.is_within_ltv() {
        Ok(())
    } else {
        Err(Error::ExceedsLtv)
    }
}

/// Moves tokens out of a vault that the market signs for.
#[inline(never)]
pub fn pay_out(
    signer: &MarketSigner,
    vault: &Account<'_>,
    destination: &Account<'_>,
    market: &Account<'_>,
    amount: u64,
) -> Result<(), Error> {
    token::transfer(vault, destination, market, amount, &signer.seeds())
}
