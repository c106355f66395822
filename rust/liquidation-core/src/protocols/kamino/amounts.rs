//! How much debt one liquidation settles and how many collateral tokens it takes.

use crate::fixed::fraction::Fraction;
use crate::protocols::kamino::market::Market;
use crate::protocols::kamino::obligation::{Borrow, Deposit};
use crate::protocols::kamino::reason::{Ratios, Reason};
use crate::protocols::kamino::stop::{
    Stop, INSUFFICIENT_REPAY, LIQUIDATION_TOO_SMALL, REPAY_TOO_SMALL_FOR_FULL,
};
use crate::protocols::kamino::version::Version;

/// What a liquidation moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// Debt that disappears.
    pub settled: Fraction,
    /// Tokens the liquidator pays.
    pub repaid: u64,
    /// Collateral tokens taken.
    pub shares: u64,
}

/// Everything the amounts depend on.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The market's limits.
    pub market: &'a Market<'a>,
    /// The debt leg, refreshed.
    pub borrow: &'a Borrow,
    /// The collateral leg, refreshed.
    pub deposit: &'a Deposit,
    /// The value of all debts.
    pub total_debt: Fraction,
    /// The position's ratios.
    pub ratios: &'a Ratios,
    /// Why it is liquidated.
    pub reason: Reason,
    /// Its bonus.
    pub bonus: Fraction,
    /// Tokens of debt that the liquidator offers.
    pub offered: u64,
    /// The program's version.
    pub version: Version,
}

impl Question<'_> {
    /// Returns whether the debt is so small that it is closed whole.
    #[must_use]
    pub fn full(&self) -> bool {
        self.borrow.value < Fraction::whole(self.market.min_full_value())
    }

    /// Returns the value that one call may close: total debt · close factor, at most the debt's own value and the market's limit.
    pub fn max_value(&self) -> Result<Fraction, Stop> {
        let market = self.market;
        let insolvent = self.ratios.ltv > Fraction::percent(market.insolvency_percent());
        let factor = if insolvent {
            Fraction::ONE
        } else {
            Fraction::percent(market.close_factor_percent())
        };
        let closable = self.total_debt.by(factor)?;
        Ok(closable
            .min(self.borrow.value)
            .min(Fraction::whole(market.max_value())))
    }

    /// Returns whether a debt past its term is liquidated bit by bit.
    fn throttled(&self) -> bool {
        self.version.value_in_one_step() && self.market.term_full_seconds() != 0
    }

    /// Returns the debt that is liquidated, before the collateral limits it.
    pub fn liquidated(&self) -> Result<Fraction, Stop> {
        let offered = Fraction::whole(self.offered).min(self.borrow.amount);
        if matches!(self.reason, Reason::Order { .. }) {
            return Err(Stop::Unknown("an order"));
        }
        if self.full() {
            let short = self.version.exact_exchange() && offered < self.borrow.amount;
            return if short {
                Err(REPAY_TOO_SMALL_FOR_FULL)
            } else {
                Ok(self.borrow.amount)
            };
        }
        match self.reason {
            Reason::DebtMatured { .. } => return Ok(offered),
            Reason::TermOver { .. } if self.throttled() => {
                return Err(Stop::Unknown("a throttled debt past its term"));
            }
            Reason::TermOver { .. } => return Ok(offered),
            _ => {}
        }
        let share = self.max_value()?.per(self.borrow.value)?;
        Ok(self.borrow.amount.by(share)?.min(offered))
    }

    /// Returns what is settled, repaid and taken.
    ///
    /// T = value · (liquidated / debt) · (1 + bonus). T above the collateral: all of it for the part of the debt that it covers; else
    /// shares · T / collateral, rounded down.
    pub fn amounts(&self) -> Result<Amounts, Stop> {
        let (borrow, deposit) = (self.borrow, self.deposit);
        let (full, liquidated) = (self.full(), self.liquidated()?);
        let taken = borrow
            .value
            .by(liquidated.per(borrow.amount)?)?
            .by(Fraction::ONE.plus(self.bonus)?)?;
        let (settled, repaid, shares) = if taken > deposit.value {
            let covered = liquidated.by(deposit.value.per(taken)?)?;
            (
                if full { liquidated } else { covered },
                covered,
                deposit.shares,
            )
        } else if taken == deposit.value {
            (liquidated, liquidated, deposit.shares)
        } else {
            let part = Fraction::whole(deposit.shares).by(taken.per(deposit.value)?)?;
            let least = u64::from(full);
            (liquidated, liquidated, part.floor()?.max(least))
        };
        let repaid = if full {
            settled.ceil()?
        } else {
            repaid.ceil()?
        };
        if repaid == 0 || shares == 0 {
            return Err(LIQUIDATION_TOO_SMALL);
        }
        if self.version.exact_exchange() && repaid > self.offered {
            return Err(INSUFFICIENT_REPAY);
        }
        Ok(Amounts {
            settled,
            repaid,
            shares,
        })
    }
}
