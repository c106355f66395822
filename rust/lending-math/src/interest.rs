//! Debt as shares of a growing index. Every rounding is against the borrower.

use crate::state::Reserve;
use crate::wide::{amount, div_up, mul_div, mul_div_up};
use crate::{Error, BPS, SLOTS_PER_YEAR, WAD};

/// Shares taken off a debt, and the tokens paid for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repayment {
    /// Shares that leave the debt leg.
    pub shares: u64,
    /// Tokens that enter the vault.
    pub tokens: u64,
}

/// Returns the index at `now`: `index + ⌈index·rate·(now − accrued_slot) / (10⁴·SLOTS_PER_YEAR)⌉`.
///
/// A slot before the last accrual leaves the index as it is.
pub fn project(index: u128, rate_bps: u32, accrued_slot: u64, now: u64) -> Result<u128, Error> {
    let grown = u128::from(rate_bps) * u128::from(now.saturating_sub(accrued_slot));
    if grown == 0 {
        return Ok(index);
    }
    let year = u128::from(BPS) * u128::from(SLOTS_PER_YEAR);
    index
        .checked_add(mul_div_up(index, grown, year)?)
        .ok_or(Error::Overflow)
}

/// Returns a reserve's index at `now`.
pub fn index_at(reserve: &Reserve, now: u64) -> Result<u128, Error> {
    project(
        reserve.borrow_index,
        reserve.config.interest_rate_bps,
        reserve.accrued_slot,
        now,
    )
}

/// Returns the debt of `shares`: `⌈shares·index/WAD⌉` tokens.
pub fn debt_of(shares: u64, index: u128) -> Result<u64, Error> {
    amount(mul_div_up(u128::from(shares), index, WAD)?)
}

/// Returns the tokens that `shares` surely stand for: `⌊shares·index/WAD⌋`.
pub fn debt_of_down(shares: u64, index: u128) -> Result<u64, Error> {
    amount(mul_div(u128::from(shares), index, WAD)?)
}

/// Returns the shares that borrowing `tokens` adds: `⌈tokens·WAD/index⌉`.
pub fn shares_to_borrow(tokens: u64, index: u128) -> Result<u64, Error> {
    amount(div_up(u128::from(tokens) * WAD, index)?) // < 2⁶⁴ · 10¹⁸ < 2¹²⁸
}

/// Returns the shares that `tokens` pay for in full: `⌊tokens·WAD/index⌋`.
pub fn shares_for(tokens: u64, index: u128) -> Result<u64, Error> {
    amount(
        (u128::from(tokens) * WAD)
            .checked_div(index)
            .ok_or(Error::Overflow)?,
    )
}

/// Returns what repaying at most `tokens` of a debt of `shares` takes off and costs.
///
/// All shares for the whole debt, else `⌊tokens·WAD/index⌋` shares; none is `AmountTooSmall`.
pub fn repay(tokens: u64, shares: u64, index: u128) -> Result<Repayment, Error> {
    let debt = debt_of(shares, index)?;
    if tokens >= debt {
        return if shares == 0 {
            Err(Error::AmountTooSmall)
        } else {
            Ok(Repayment {
                shares,
                tokens: debt,
            })
        };
    }
    match shares_for(tokens, index)? {
        0 => Err(Error::AmountTooSmall),
        shares => Ok(Repayment {
            shares,
            tokens: debt_of(shares, index)?,
        }),
    }
}
