//! The liquidation itself, on a position and reserves that were refreshed in this slot.

use lending_math::Pubkey;

use crate::fixed::fraction::{Fraction, Overflow};
use crate::protocols::adapter::Clock;
use crate::protocols::kamino::amounts::{Amounts, Question};
use crate::protocols::kamino::bonus::bonus;
use crate::protocols::kamino::obligation::{Borrow, Deposit};
use crate::protocols::kamino::price::{self, LIQUIDATION};
use crate::protocols::kamino::reason::{first, Ratios, Reason};
use crate::protocols::kamino::redeem::{redeem, Redeemed};
use crate::protocols::kamino::refresh::Held;
use crate::protocols::kamino::settle::settle;
use crate::protocols::kamino::stop::{
    Stop, BORROWS_ZERO, BORROW_FACTOR_PRIORITY, COLLATERAL_EMPTY, COLLATERAL_NON_LIQUIDATABLE,
    DEPOSITS_ZERO, INVALID_AMOUNT, INVALID_COLLATERAL, INVALID_LIQUIDITY, LIQUIDITY_EMPTY,
    LOWEST_LTV_PRIORITY, OBLIGATION_STALE, RESERVE_STALE, REWARD_TOO_SMALL,
};

/// Which legs, how much, for how little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Reserve of the debt.
    pub debt: Pubkey,
    /// Reserve of the collateral.
    pub collateral: Pubkey,
    /// Tokens of debt offered.
    pub amount: u64,
    /// Least tokens of collateral received.
    pub min_received: u64,
}

/// What it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// Why.
    pub reason: Reason,
    /// Debt and collateral that moved.
    pub amounts: Amounts,
    /// What became of the collateral.
    pub redeemed: Redeemed,
    /// Its bonus.
    pub bonus: Fraction,
}

/// Liquidates, and moves the position and both reserves.
pub fn liquidate(held: &mut Held, order: &Order, clock: Clock) -> Result<Liquidation, Stop> {
    fresh(held, order)?;
    let (borrow_at, borrow) = find_borrow(held, &order.debt)?;
    let (deposit_at, deposit) = find_deposit(held, &order.collateral)?;
    let plan = judged(held, order, &borrow, &deposit, clock)?;
    settle(held, (borrow_at, borrow), (deposit_at, deposit), &plan.2)?;
    let (reason, bonus, amounts) = plan;
    let version = held.version;
    let collateral = held.reserve_mut(&order.collateral)?;
    collateral.stale = false;
    price::keep(collateral, u64::try_from(clock.unix_timestamp).unwrap_or(0));
    let fee_percent = match reason {
        Reason::Order { .. } => collateral.order_fee_percent(),
        _ => collateral.liquidation_fee_percent(),
    };
    let redeemed = redeem(
        collateral,
        amounts.shares,
        bonus,
        u64::from(fee_percent),
        version,
    )?;
    // Where nothing could be redeemed, the program compares the collateral tokens themselves.
    let mut received = amounts.shares;
    if redeemed.shares > 0 {
        collateral.stale = true;
        collateral.mark_deposits(clock, version)?;
        collateral.mark_borrows(clock, version);
        received = redeemed.tokens.checked_sub(redeemed.fee).ok_or(Overflow)?;
    }
    if received < order.min_received {
        return Err(REWARD_TOO_SMALL);
    }
    Ok(Liquidation {
        reason,
        amounts,
        redeemed,
        bonus,
    })
}

/// Judges without moving anything: why, at what bonus, how much.
pub fn judged(
    held: &Held,
    order: &Order,
    borrow: &Borrow,
    deposit: &Deposit,
    clock: Clock,
) -> Result<(Reason, Fraction, Amounts), Stop> {
    let (collateral, debt) = (held.reserve(&order.collateral)?, held.reserve(&order.debt)?);
    let ratios = Ratios::of(&held.position)?;
    let reason = admitted(held, &ratios, borrow, deposit, clock)?;
    let bonus = bonus(reason, &ratios, collateral, debt, held.group()?.as_ref())?;
    let question = Question {
        market: &held.market,
        borrow,
        deposit,
        total_debt: held.position.debt,
        ratios: &ratios,
        reason,
        bonus,
        offered: order.amount,
        version: held.version,
    };
    Ok((reason, bonus, question.amounts()?))
}

/// Returns why this pair of legs may be liquidated: there is a reason, and no other debt or collateral has to go first.
pub fn admitted(
    held: &Held,
    ratios: &Ratios,
    borrow: &Borrow,
    deposit: &Deposit,
    clock: Clock,
) -> Result<Reason, Stop> {
    let (collateral, debt) = (
        held.reserve(&deposit.reserve)?,
        held.reserve(&borrow.reserve)?,
    );
    let group = held.group()?;
    let reason = first(held, ratios, collateral, debt, borrow, clock)?;
    if reason == Reason::LtvExceeded && debt.borrow_factor_percent() < held.position.highest_factor
    {
        return Err(BORROW_FACTOR_PRIORITY);
    }
    let (_, threshold) = super::refresh::limits(collateral, group.as_ref());
    let deleveraging = matches!(
        reason,
        Reason::IndividualDeleveraging { .. } | Reason::MarketDeleveraging { .. }
    );
    if !deleveraging && u64::from(threshold) > held.position.lowest_threshold {
        return Err(LOWEST_LTV_PRIORITY);
    }
    Ok(reason)
}

/// Returns whether these price bits allow a liquidation.
#[must_use]
pub fn usable(bits: u8) -> bool {
    bits & LIQUIDATION == LIQUIDATION
}

/// Refuses reserves and positions whose prices may not be used, and empty ones.
pub(super) fn fresh(held: &Held, order: &Order) -> Result<(), Stop> {
    let (debt, collateral) = (held.reserve(&order.debt)?, held.reserve(&order.collateral)?);
    let limit = if held.version.second_form() {
        collateral.threshold_percent()
    } else {
        collateral.ltv_percent()
    };
    if limit == 0 {
        return Err(COLLATERAL_NON_LIQUIDATABLE);
    }
    if order.amount == 0 {
        return Err(INVALID_AMOUNT);
    }
    if !usable(debt.price_status) || !usable(collateral.price_status) {
        return Err(RESERVE_STALE);
    }
    let position = &held.position;
    if !usable(position.price_status) {
        return Err(OBLIGATION_STALE);
    }
    if position.deposited == Fraction::ZERO {
        return Err(DEPOSITS_ZERO);
    }
    if position.debt == Fraction::ZERO {
        return Err(BORROWS_ZERO);
    }
    Ok(())
}

fn find_borrow(held: &Held, reserve: &Pubkey) -> Result<(usize, Borrow), Stop> {
    let mut legs = held.position.borrows.iter().enumerate();
    let (place, borrow) = legs
        .find(|(_, it)| it.reserve == *reserve)
        .ok_or(INVALID_LIQUIDITY)?;
    if borrow.value == Fraction::ZERO {
        return Err(LIQUIDITY_EMPTY);
    }
    Ok((place, *borrow))
}

fn find_deposit(held: &Held, reserve: &Pubkey) -> Result<(usize, Deposit), Stop> {
    let mut legs = held.position.deposits.iter().enumerate();
    let (place, deposit) = legs
        .find(|(_, it)| it.reserve == *reserve)
        .ok_or(INVALID_COLLATERAL)?;
    if deposit.value == Fraction::ZERO {
        return Err(COLLATERAL_EMPTY);
    }
    Ok((place, *deposit))
}
