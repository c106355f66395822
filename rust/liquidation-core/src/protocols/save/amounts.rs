//! How much a liquidation repays, withdraws, gives as a bonus and pays to the protocol.

use super::fault::{Outcome, LIQUIDATION_TOO_SMALL, OBLIGATION_HEALTHY};
use super::obligation::{Borrow, Deposit, Obligation};
use super::reserve::Config;
use crate::fixed::wad::Decimal;

/// Most that a bonus may be with the protocol's part, percent.
const MOST_BONUS: Decimal = Decimal::percent(25);
/// Share of the weighted debt that one call may close, percent.
const CLOSE_FACTOR: Decimal = Decimal::percent(20);
/// Most that one call may close, quote units.
const MOST_AT_ONCE: u64 = 500_000;

/// What the liquidator gets on top of what it repays, and how much of that the protocol takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bonus {
    /// The protocol's part included.
    pub total: Decimal,
    /// The protocol's part.
    pub protocol: Decimal,
}

/// What a liquidation moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// Debt that ends.
    pub settle: Decimal,
    /// ⌈settle⌉: what the liquidator pays.
    pub repay: u64,
    /// Collateral tokens that the liquidator gets.
    pub withdraw: u64,
}

impl Bonus {
    /// Returns the bonus of collateral with these parameters: it grows from `bonus` at the unhealthy value to `max_bonus` at
    /// the super unhealthy one. Closing a healthy obligation gives none.
    pub fn of(config: &Config, obligation: &Obligation) -> Outcome<Bonus> {
        let (borrowed, unhealthy) = (obligation.borrowed, obligation.unhealthy);
        if borrowed < unhealthy {
            let none = Bonus {
                total: Decimal::ZERO,
                protocol: Decimal::ZERO,
            };
            return obligation
                .closeable
                .then_some(none)
                .ok_or(OBLIGATION_HEALTHY);
        }
        let least = Decimal::percent(config.bonus);
        let protocol = Decimal::bps(u64::from(config.protocol_fee_deca_bps) * 10);
        let bonus = if unhealthy == obligation.super_unhealthy {
            least
        } else {
            let range = obligation.super_unhealthy.try_sub(unhealthy)?;
            let weight = borrowed
                .try_sub(unhealthy)?
                .try_div(range)
                .unwrap_or(Decimal::ONE);
            let more = Decimal::percent(config.max_bonus).try_sub(least)?;
            least.try_add(weight.min(Decimal::ONE).try_mul(more)?)?
        };
        Ok(Bonus {
            total: bonus.try_add(protocol)?.min(MOST_BONUS),
            protocol,
        })
    }

    /// Returns the protocol's part of redeemed liquidity: ⌈liquidity/(1 + total)·protocol⌉, at least 1.
    pub fn protocol_fee(&self, liquidity: u64) -> Outcome<u64> {
        let base = Decimal::from(liquidity).try_div(Decimal::ONE.try_add(self.total)?)?;
        Ok(base.try_mul(self.protocol)?.ceil()?.max(1))
    }
}

impl Amounts {
    /// Returns what a call with `wanted` units moves between this debt and this deposit.
    pub fn of(
        wanted: u64,
        obligation: &Obligation,
        borrow: &Borrow,
        deposit: &Deposit,
        bonus: &Bonus,
    ) -> Outcome<Amounts> {
        let factor = bonus.total.try_add(Decimal::ONE)?;
        if borrow.value <= Decimal::ONE {
            return Amounts::of_dust(borrow, deposit, factor);
        }
        let wanted = match wanted {
            u64::MAX => borrow.amount,
            wanted => Decimal::from(wanted).min(borrow.amount),
        };
        let amount = most(obligation, borrow)?.min(wanted);
        let share = amount.try_div(borrow.amount)?;
        let value = borrow.value.try_mul(share)?.try_mul(factor)?;
        if value >= deposit.value {
            return Amounts::of_whole_deposit(amount, value, deposit);
        }
        let taken = Decimal::from(deposit.shares).try_mul(value.try_div(deposit.value)?)?;
        Ok(Amounts {
            settle: amount,
            repay: amount.ceil()?,
            withdraw: taken.floor()?,
        })
    }

    /// A debt worth at most 1 is closed whole, whatever was asked for.
    fn of_dust(borrow: &Borrow, deposit: &Deposit, factor: Decimal) -> Outcome<Amounts> {
        let value = borrow.value.try_mul(factor)?;
        if value >= deposit.value {
            return Amounts::of_whole_deposit(borrow.amount, value, deposit);
        }
        let share = value.try_div(deposit.value)?;
        let repay = borrow.amount.ceil()?;
        if repay == 0 {
            return Err(LIQUIDATION_TOO_SMALL);
        }
        let taken = Decimal::from(deposit.shares).try_mul(share)?.floor()?;
        Ok(Amounts {
            settle: borrow.amount,
            repay,
            withdraw: taken.max(1),
        })
    }

    /// The deposit does not suffice, or just so: less is repaid for all of it.
    fn of_whole_deposit(amount: Decimal, value: Decimal, deposit: &Deposit) -> Outcome<Amounts> {
        let settle = if value > deposit.value {
            amount.try_mul(deposit.value.try_div(value)?)?
        } else {
            amount
        };
        Ok(Amounts {
            settle,
            repay: settle.ceil()?,
            withdraw: deposit.shares,
        })
    }
}

/// Returns the most that one call may close of a debt: a fifth of the weighted debt's value, at most 500,000.
pub fn most(obligation: &Obligation, borrow: &Borrow) -> Outcome<Decimal> {
    let value = obligation
        .borrowed
        .try_mul(CLOSE_FACTOR)?
        .min(borrow.value)
        .min(MOST_AT_ONCE.into());
    Ok(borrow.amount.try_mul(value.try_div(borrow.value)?)?)
}
