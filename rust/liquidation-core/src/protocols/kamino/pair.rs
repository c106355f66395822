//! One debt against one deposit of a refreshed position: whether it may be liquidated, and what each amount would give.

use crate::fixed::fraction::{Fraction, BITS};
use crate::protocols::adapter::Clock;
use crate::protocols::kamino::exchange::value;
use crate::protocols::kamino::liquidate::{admitted, fresh, judged, Order};
use crate::protocols::kamino::obligation::{Borrow, Deposit};
use crate::protocols::kamino::reason::{Ratios, Reason};
use crate::protocols::kamino::redeem::redeem;
use crate::protocols::kamino::refresh::Held;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::{Stop, COLLATERAL_EMPTY, LIQUIDITY_EMPTY};

/// So few units seized that the rounding of one is a large part.
const FEW: u64 = 10_000;
/// Steps of the seized amount that are looked at then.
const STEPS: u64 = 12;

/// Two legs of a position.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'h, 'a> {
    held: &'h Held<'a>,
    clock: Clock,
    /// The debt.
    pub borrow: Borrow,
    /// The collateral.
    pub deposit: Deposit,
}

/// What an amount gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Smallest units of the debt that are paid.
    pub repaid: u64,
    /// Smallest units of the collateral that are left after the protocol's part.
    pub seized: u64,
    /// Collateral tokens that the reserve cannot redeem.
    pub left: u64,
}

/// Returns every pair that a liquidation can name: the first debt and the first deposit in each reserve.
#[must_use]
pub fn pairs<'h, 'a>(held: &'h Held<'a>, clock: Clock) -> Vec<Pair<'h, 'a>> {
    let position = &held.position;
    let mut found: Vec<Pair<'h, 'a>> = Vec::new();
    for borrow in position.borrows.iter().filter(|it| it.active()) {
        for deposit in position.deposits.iter().filter(|it| it.active()) {
            let again = found.iter().any(|it| {
                it.borrow.reserve == borrow.reserve && it.deposit.reserve == deposit.reserve
            });
            if !again {
                found.push(Pair {
                    held,
                    clock,
                    borrow: *borrow,
                    deposit: *deposit,
                });
            }
        }
    }
    found
}

impl Pair<'_, '_> {
    fn order(&self, amount: u64) -> Order {
        Order {
            debt: self.borrow.reserve,
            collateral: self.deposit.reserve,
            amount,
            min_received: 0,
        }
    }

    /// Returns why the program would liquidate these legs, or why it would not.
    pub fn reason(&self) -> Result<Reason, Stop> {
        fresh(self.held, &self.order(u64::MAX))?;
        if self.borrow.value == Fraction::ZERO {
            return Err(LIQUIDITY_EMPTY);
        }
        if self.deposit.value == Fraction::ZERO {
            return Err(COLLATERAL_EMPTY);
        }
        let ratios = Ratios::of(&self.held.position)?;
        admitted(self.held, &ratios, &self.borrow, &self.deposit, self.clock)
    }

    /// Returns what an amount gives.
    pub fn quote(&self, amount: u64) -> Result<Quote, Stop> {
        let (borrow, deposit) = (&self.borrow, &self.deposit);
        fresh(self.held, &self.order(amount))?;
        let (_, bonus, amounts) =
            judged(self.held, &self.order(amount), borrow, deposit, self.clock)?;
        let mut reserve = self.collateral()?.clone();
        if borrow.reserve == deposit.reserve {
            reserve.available = reserve
                .available
                .checked_add(amounts.repaid)
                .ok_or(Stop::Panic)?;
            reserve.debt = reserve.debt.less(amounts.settled);
        }
        let percent = u64::from(reserve.liquidation_fee_percent());
        let redeemed = redeem(
            &mut reserve,
            amounts.shares,
            bonus,
            percent,
            self.held.version,
        )?;
        Ok(Quote {
            repaid: amounts.repaid,
            seized: redeemed
                .tokens
                .checked_sub(redeemed.fee)
                .ok_or(Stop::Panic)?,
            left: amounts.shares - redeemed.shares,
        })
    }

    /// Returns the collateral's reserve.
    pub fn collateral(&self) -> Result<&Reserve<'_>, Stop> {
        self.held.reserve(&self.deposit.reserve)
    }

    /// Returns the debt's reserve.
    pub fn debt(&self) -> Result<&Reserve<'_>, Stop> {
        self.held.reserve(&self.borrow.reserve)
    }

    /// Returns value seized − value repaid at the reserves' prices, 10⁻⁶ quote units, rounded down. Collateral tokens that cannot be
    /// redeemed count nothing.
    #[must_use]
    pub fn profit(&self, repaid: u64, seized: u64) -> i128 {
        let worth = |reserve: Result<&Reserve, Stop>, amount: u64| {
            let value =
                reserve.and_then(|it| Ok(value(it, Fraction::whole(amount), self.held.version)?.0));
            i128::try_from(value.unwrap_or(u128::MAX)).unwrap_or(i128::MAX)
        };
        micro(worth(self.collateral(), seized).saturating_sub(worth(self.debt(), repaid)))
    }

    /// Returns the amount of highest profit up to a balance, to within the worth of a unit of each token.
    ///
    /// The bonus does not depend on the amount, so profit is linear but for rounding, until the collateral's reserve cannot redeem any
    /// more: the best is all of it, as much as leaves nothing unredeemed, or the least that is possible; of the amounts that seize the
    /// same, the smallest. Where few units are seized, the steps next to these are looked at too.
    #[must_use]
    pub fn best_amount(&self, balance: u64) -> u64 {
        let Ok(all) = self.quote(balance) else {
            return balance;
        };
        let top = balance.min(all.repaid);
        let least = first(top, |amount| self.quote(amount).is_ok());
        // One unit less than all: nothing of it is lost to rounding up.
        let mut ends = vec![balance, least, top.saturating_sub(1).max(1)];
        if all.left > 0 {
            let whole = |amount| self.quote(amount).map_or(true, |quote| quote.left == 0);
            ends.push(first(top, |amount| !whole(amount)).saturating_sub(1));
        }
        let mut amounts = ends.clone();
        for end in ends {
            let Ok(quote) = self.quote(end) else {
                continue;
            };
            let steps = if quote.seized < FEW { STEPS } else { 1 };
            amounts.extend((0..steps).filter_map(|step| {
                let seized = if end == least {
                    quote.seized + step
                } else {
                    quote.seized.checked_sub(step)?
                };
                Some(self.cheapest(top, seized))
            }));
        }
        let profits = amounts.into_iter().filter_map(|amount| {
            let quote = self.quote(amount).ok()?;
            Some((self.profit(quote.repaid, quote.seized), amount))
        });
        profits.max().map_or(balance, |(_, amount)| amount)
    }

    /// Returns the least amount that seizes so much.
    fn cheapest(&self, top: u64, seized: u64) -> u64 {
        first(top, |amount| {
            self.quote(amount).is_ok_and(|quote| quote.seized >= seized)
        })
    }
}

/// value · 10⁶ / 2⁶⁰, rounded down, saturating.
fn micro(value: i128) -> i128 {
    let (whole, rest) = (value >> BITS, value & ((1 << BITS) - 1));
    whole
        .saturating_mul(1_000_000)
        .saturating_add((rest * 1_000_000) >> BITS)
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

#[cfg(test)]
mod tests {
    use super::micro;

    #[test]
    fn profits_are_rounded_down_on_both_sides_of_zero() {
        assert_eq!(micro(1 << 60), 1_000_000);
        assert_eq!(micro((1 << 60) - 1), 999_999);
        assert_eq!(micro(-1), -1);
        assert_eq!(micro(-(3 << 59)), -1_500_000);
        assert_eq!(micro(i128::MAX), (i128::MAX >> 60) * 1_000_000 + 999_999);
    }
}
