//! Bad debt: taken off positions that have no collateral left, and paid from the insurance fund.

use lending_math::state::{InsuranceFund, Side};
use lending_math::{interest, Error};

use crate::arguments::{amount, Arguments};
use crate::input::{Account, Call};
use crate::syscalls::{self, Seed};
use crate::{load, token};

/// `write_off()`, by anybody: removes one debt leg and counts its tokens as the reserve's bad debt.
pub fn write_off(call: &Call<'_>) -> Result<(), Error> {
    Arguments::new(call.data, 0)?;
    let [caller, market, position, reserve] = call.exactly()?;
    load::signer(caller)?;
    load::market(call.program, market)?;
    let mut state = load::reserve(call.program, market.key(), reserve)?;
    let mut held = load::position(call.program, market.key(), position)?;
    if held.has(Side::Collateral) {
        return Err(Error::StillCollateralised);
    }
    let now = syscalls::slot()?;
    load::accrue(&mut state, now)?;
    let (_, shares) = held.leg(reserve.key(), Side::Debt)?;
    let lost = interest::debt_of(shares, state.borrow_index)?;
    held.decrease(reserve.key(), Side::Debt, shares)?;
    held.last_update_slot = now;
    state.total_debt_shares = state
        .total_debt_shares
        .checked_sub(shares)
        .ok_or(Error::Overflow)?;
    state.bad_debt_total = state
        .bad_debt_total
        .checked_add(lost)
        .ok_or(Error::Overflow)?;
    position.write(|bytes| held.encode(bytes))?;
    reserve.write(|bytes| state.encode(bytes))?;
    syscalls::return_data(&lost.to_le_bytes());
    Ok(())
}

/// `cover_bad_debt(amount)`, by the market's insurance authority: as far as fund and bad debt reach.
pub fn cover(call: &Call<'_>) -> Result<(), Error> {
    let amount = amount(call.data)?;
    let [authority, market, reserve, vault, fund, fund_vault, token_program] = call.exactly()?;
    let market_state = load::market(call.program, market)?;
    load::signed_by(authority, &market_state.insurance_authority)?;
    token::program(token_program)?;
    let mut state = load::reserve_and_vault(call.program, market.key(), reserve, vault)?;
    let mut fund_state = load::fund(call.program, market.key(), &state.mint, fund)?;
    load::fund_vault(&fund_state, fund_vault)?;
    let uncovered = state.bad_debt_total.saturating_sub(state.bad_debt_covered);
    let paid = amount.min(token::balance(fund_vault)?).min(uncovered);
    if paid == 0 {
        return Err(Error::NothingToCover);
    }
    state.bad_debt_covered = state
        .bad_debt_covered
        .checked_add(paid)
        .ok_or(Error::Overflow)?;
    fund_state.covered = fund_state
        .covered
        .checked_add(paid)
        .ok_or(Error::Overflow)?;
    reserve.write(|bytes| state.encode(bytes))?;
    fund.write(|bytes| fund_state.encode(bytes))?;
    pay(&fund_state, fund_vault, vault, fund, paid)?;
    syscalls::return_data(&paid.to_le_bytes());
    Ok(())
}

/// Moves tokens out of a fund's vault, which the fund signs for.
fn pay(
    state: &InsuranceFund,
    fund_vault: &Account<'_>,
    vault: &Account<'_>,
    fund: &Account<'_>,
    amount: u64,
) -> Result<(), Error> {
    let bump = [state.bump];
    let (name, mint, bump) = (
        Seed::new(b"insurance_fund"),
        Seed::new(&state.mint),
        Seed::new(&bump),
    );
    if state.mint == token::SOL_MINT {
        token::transfer(fund_vault, vault, fund, amount, &[name, bump])
    } else {
        token::transfer(fund_vault, vault, fund, amount, &[name, mint, bump])
    }
}
