//! One debt against one deposit: what each amount would give, searched without a transaction.

use super::amounts::{Amounts, Bonus};
use super::fault::{Outcome, LIQUIDATION_TOO_SMALL};
use super::obligation::{Borrow, Deposit, Obligation};
use super::reserve::Reserve;
use crate::fixed::wad::Decimal;

/// A refreshed obligation's first debt and one of its deposits, with their reserves.
pub struct Pair<'a> {
    /// The obligation.
    pub obligation: &'a Obligation,
    /// Reserve of the debt.
    pub debt: &'a Reserve,
    /// The debt.
    pub borrow: Borrow,
    /// Reserve of the collateral.
    pub collateral: &'a Reserve,
    /// The deposit.
    pub deposit: Deposit,
}

/// What an amount gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Smallest units of the debt that are paid.
    pub repay: u64,
    /// Smallest units of the collateral that are left after the protocol's part.
    pub seized: u64,
    /// Collateral tokens that the reserve cannot redeem.
    pub left: u64,
}

impl Pair<'_> {
    /// Returns what an amount gives.
    pub fn quote(&self, amount: u64) -> Outcome<Quote> {
        let bonus = Bonus::of(&self.collateral.config, self.obligation)?;
        let amounts = Amounts::of(amount, self.obligation, &self.borrow, &self.deposit, &bonus)?;
        if amount == 0 || amounts.repay == 0 || amounts.withdraw == 0 {
            return Err(LIQUIDATION_TOO_SMALL);
        }
        let mut reserve = self.collateral.clone();
        if self.borrow.reserve == self.deposit.reserve && amounts.withdraw < self.deposit.shares {
            reserve.available = reserve.available.saturating_add(amounts.repay);
            reserve.borrowed = reserve.borrowed.saturating_sub(amounts.settle);
        }
        let most = Decimal::from(reserve.available).try_mul(reserve.share_rate()?.into())?;
        let redeemed = amounts.withdraw.min(most.floor()?);
        let seized = if redeemed == 0 {
            0
        } else {
            let liquidity = reserve.redeem(redeemed)?;
            liquidity.saturating_sub(bonus.protocol_fee(liquidity)?)
        };
        Ok(Quote {
            repay: amounts.repay,
            seized,
            left: amounts.withdraw - redeemed,
        })
    }

    /// Returns value seized − value repaid at the reserves' prices, 10⁻¹⁸ quote units. Collateral tokens that cannot be redeemed
    /// count nothing.
    #[must_use]
    pub fn profit(&self, repaid: u64, seized: u64) -> i128 {
        let value = |reserve: &Reserve, amount: u64| {
            let value = reserve.value(Decimal::from(amount)).ok();
            let value = value.and_then(Decimal::to_scaled);
            value
                .and_then(|value| i128::try_from(value).ok())
                .unwrap_or(i128::MAX)
        };
        value(self.collateral, seized).saturating_sub(value(self.debt, repaid))
    }

    /// Returns the amount of highest profit up to a balance.
    ///
    /// The bonus does not depend on the amount, so profit is linear but for rounding, until the collateral's reserve cannot
    /// redeem any more: the best is all of it, as much as leaves nothing unredeemed, or the least that is possible; and of
    /// the amounts that seize the same, the smallest.
    #[must_use]
    pub fn best_amount(&self, balance: u64) -> u64 {
        let Ok(all) = self.quote(balance) else {
            return balance;
        };
        let mut ends = vec![balance];
        let top = balance.min(all.repay);
        if all.left > 0 {
            ends.push(last(top, |amount| {
                self.quote(amount).map_or(true, |quote| quote.left == 0)
            }));
        }
        ends.push(first(top, |amount| self.quote(amount).is_ok()));
        let cheapest = |end: u64| {
            let quote = self.quote(end).ok()?;
            let enough = |amount| {
                self.quote(amount)
                    .is_ok_and(|cheaper| cheaper.seized >= quote.seized)
            };
            Some(first(end.min(quote.repay), enough))
        };
        let cheaper: Vec<u64> = ends.iter().filter_map(|end| cheapest(*end)).collect();
        ends.extend(cheaper);
        let profits = ends.into_iter().filter_map(|amount| {
            let quote = self.quote(amount).ok()?;
            Some((self.profit(quote.repay, quote.seized), amount))
        });
        profits.max().map_or(balance, |(_, amount)| amount)
    }
}

/// Returns the first amount from which on a condition holds, `top` if it holds nowhere below.
fn first(top: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut below, mut from) = (0, top);
    while from - below > 1 {
        let middle = below + (from - below) / 2;
        if holds(middle) {
            from = middle;
        } else {
            below = middle;
        }
    }
    from
}

/// Returns the last amount up to which a condition holds, 0 if it holds nowhere.
fn last(top: u64, holds: impl Fn(u64) -> bool) -> u64 {
    match first(top, |amount| !holds(amount)) {
        0 => 0,
        end if holds(end) => end,
        end => end - 1,
    }
}
