//! The instruction that liquidates and redeems the collateral at once, step by step as the program does it.

use lending_math::Pubkey;

use super::amounts::{Amounts, Bonus};
use super::fault::{
    Fault, Outcome, BORROWS_ZERO, BROKEN, COLLATERAL_EMPTY, DEPOSITS_ZERO, INVALID_ACCOUNT_INPUT,
    INVALID_AMOUNT, INVALID_TOKEN_PROGRAM, LIQUIDATION_TOO_SMALL, LIQUIDITY_EMPTY, MATH_OVERFLOW,
    NOT_WHITELISTED, OBLIGATION_HEALTHY, RESERVE_STALE,
};
use super::ledger::Ledger;
use super::market::Market;
use super::obligation::{Borrow, Deposit, Obligation};
use super::refresh::accrue_reserve;
use super::reserve::Reserve;
use super::{PROGRAM, TOKEN_PROGRAM};
use crate::fixed::wad::Decimal;
use crate::protocols::adapter::{Clock, Request};

/// What the liquidator pays and gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// The bonus that it was computed with.
    pub bonus: Bonus,
    /// Debt and collateral tokens.
    pub amounts: Amounts,
    /// Collateral tokens that were redeemed.
    pub redeemed: u64,
    /// Liquidity that they gave.
    pub liquidity: u64,
    /// The protocol's part of it.
    pub fee: u64,
}

/// Executes the instruction on refreshed accounts.
pub fn liquidate(
    ledger: &mut Ledger,
    market: &Pubkey,
    asked: &Request,
    clock: Clock,
) -> Outcome<Liquidation> {
    if asked.amount == 0 {
        return Err(INVALID_AMOUNT);
    }
    let (bonus, amounts) = seize(ledger, market, asked, clock)?;
    let address = &asked.collateral_reserve;
    accrue_reserve(ledger, address, clock)?;
    let reserve = ledger.reserve(address)?;
    let most = Decimal::from(reserve.available).try_mul(reserve.share_rate()?.into())?;
    let redeemed = amounts.withdraw.min(most.floor()?);
    let (liquidity, fee) = if redeemed == 0 {
        (0, 0)
    } else {
        let liquidity = redeem(ledger, market, address, redeemed, clock)?;
        (liquidity, bonus.protocol_fee(liquidity)?)
    };
    Ok(Liquidation {
        bonus,
        amounts,
        redeemed,
        liquidity,
        fee,
    })
}

/// The first half: collateral tokens for a repayment.
fn seize(
    ledger: &mut Ledger,
    at: &Pubkey,
    asked: &Request,
    clock: Clock,
) -> Outcome<(Bonus, Amounts)> {
    let market = usable_market(ledger, at)?;
    let mut repay_reserve = usable_reserve(ledger, &asked.debt_reserve, at, clock)?;
    let mut withdraw_reserve = usable_reserve(ledger, &asked.collateral_reserve, at, clock)?;
    let mut obligation = ledger.obligation(&asked.position)?;
    if obligation.market != *at {
        return Err(INVALID_ACCOUNT_INPUT);
    }
    liquidatable(&obligation)?;
    if market.liquidator.is_some() && market.liquidator != asked.liquidator {
        return Err(NOT_WHITELISTED);
    }
    let (borrow, place, deposit) =
        legs(&obligation, &asked.debt_reserve, &asked.collateral_reserve)?;
    if !market.has_authority(at, &PROGRAM) {
        return Err(BROKEN);
    }
    let bonus = Bonus::of(&withdraw_reserve.config, &obligation)?;
    let amounts = Amounts::of(asked.amount, &obligation, &borrow, &deposit, &bonus)?;
    if amounts.repay == 0 || amounts.withdraw == 0 {
        return Err(LIQUIDATION_TOO_SMALL);
    }
    repaid(&mut repay_reserve, &amounts)?;
    ledger.put_reserve(&asked.debt_reserve, &repay_reserve)?;
    if amounts.withdraw == deposit.shares {
        // The whole market value, not what was attributed; and where both legs are one reserve, this write undoes the last.
        withdraw_reserve.attributed = withdraw_reserve.attributed.saturating_sub(deposit.value);
        ledger.put_reserve(&asked.collateral_reserve, &withdraw_reserve)?;
    }
    shrink(&mut obligation, place, &amounts)?;
    ledger.put_obligation(&asked.position, &obligation)?;
    Ok((bonus, amounts))
}

/// The second half: liquidity for the collateral tokens.
fn redeem(
    ledger: &mut Ledger,
    at: &Pubkey,
    address: &Pubkey,
    shares: u64,
    clock: Clock,
) -> Outcome<u64> {
    let market = usable_market(ledger, at)?;
    let mut reserve = usable_reserve(ledger, address, at, clock)?;
    let liquidity = reserve.redeem(shares)?;
    reserve.stale = true;
    ledger.put_reserve(address, &reserve)?;
    ledger.put_market(at, &market)?;
    Ok(liquidity)
}

fn usable_market(ledger: &Ledger, at: &Pubkey) -> Outcome<Market> {
    let market = ledger.market(at)?;
    if market.token_program != TOKEN_PROGRAM {
        return Err(INVALID_TOKEN_PROGRAM);
    }
    Ok(market)
}

fn usable_reserve(
    ledger: &Ledger,
    address: &Pubkey,
    market: &Pubkey,
    clock: Clock,
) -> Outcome<Reserve> {
    let reserve = ledger.reserve(address)?;
    if reserve.market != *market {
        return Err(INVALID_ACCOUNT_INPUT);
    }
    if reserve.is_stale(clock.slot)? {
        return Err(RESERVE_STALE);
    }
    Ok(reserve)
}

/// Fails unless the refreshed obligation may be liquidated.
pub fn liquidatable(obligation: &Obligation) -> Result<(), Fault> {
    if obligation.deposited.is_zero() {
        return Err(DEPOSITS_ZERO);
    }
    if obligation.borrowed.is_zero() {
        return Err(BORROWS_ZERO);
    }
    if obligation.borrowed < obligation.unhealthy && !obligation.closeable {
        return Err(OBLIGATION_HEALTHY);
    }
    Ok(())
}

/// Returns the debt, which has to be the first, and the deposit with its place.
fn legs(
    obligation: &Obligation,
    debt: &Pubkey,
    collateral: &Pubkey,
) -> Outcome<(Borrow, usize, Deposit)> {
    let (first, borrow) = obligation.borrow_from(debt)?;
    if borrow.value.is_zero() {
        return Err(LIQUIDITY_EMPTY);
    }
    if first != 0 {
        return Err(INVALID_ACCOUNT_INPUT);
    }
    let (place, deposit) = obligation.deposit_in(collateral)?;
    if deposit.value.is_zero() {
        return Err(COLLATERAL_EMPTY);
    }
    Ok((borrow, place, deposit))
}

fn repaid(reserve: &mut Reserve, amounts: &Amounts) -> Outcome<()> {
    reserve.available = reserve
        .available
        .checked_add(amounts.repay)
        .ok_or(MATH_OVERFLOW)?;
    reserve.borrowed = reserve.borrowed.saturating_sub(amounts.settle);
    reserve.stale = true;
    Ok(())
}

/// Takes the amounts out of the first debt and the deposit at `place`; what is used up goes.
fn shrink(obligation: &mut Obligation, place: usize, amounts: &Amounts) -> Outcome<()> {
    if let Some(borrow) = obligation.borrows.first_mut() {
        borrow.amount = borrow.amount.try_sub(amounts.settle)?;
        if borrow.amount.is_zero() {
            obligation.borrows.remove(0);
        }
    }
    if let Some(deposit) = obligation.deposits.get_mut(place) {
        deposit.shares = deposit
            .shares
            .checked_sub(amounts.withdraw)
            .ok_or(MATH_OVERFLOW)?;
        if deposit.shares == 0 {
            obligation.deposits.remove(place);
        }
    }
    obligation.stale = true;
    Ok(())
}
