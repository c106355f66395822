//! What a position is worth and owes, and whether it may be liquidated.

use crate::state::{Config, Side};
use crate::wide::{mul_div, mul_div_up};
use crate::{Error, BPS};

/// A leg with its price: everything that health needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricedLeg {
    /// Collateral or debt.
    pub side: Side,
    /// Tokens: a collateral leg's amount, or the debt of a debt leg's shares.
    pub tokens: u64,
    /// Atto-USD per smallest unit.
    pub unit: u128,
    /// Loan-to-value for borrowing.
    pub ltv_bps: u16,
    /// Share of a collateral's value that counts against debt.
    pub liquidation_threshold_bps: u16,
    /// Multiple of a debt's value that must be covered.
    pub borrow_factor_bps: u32,
}

impl PricedLeg {
    /// Returns the leg of `tokens` under a reserve's configuration.
    #[must_use]
    pub fn new(side: Side, tokens: u64, unit: u128, config: &Config) -> PricedLeg {
        PricedLeg {
            side,
            tokens,
            unit,
            ltv_bps: config.ltv_bps,
            liquidation_threshold_bps: config.liquidation_threshold_bps,
            borrow_factor_bps: config.borrow_factor_bps,
        }
    }

    /// Returns the unweighted value in atto-USD.
    pub fn value(&self) -> Result<u128, Error> {
        u128::from(self.tokens)
            .checked_mul(self.unit)
            .ok_or(Error::Overflow)
    }
}

/// The sums over a position's legs, in atto-USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Cw: collateral, each leg times its liquidation threshold, rounded down.
    pub weighted_collateral: u128,
    /// Dw: debt, each leg times its borrow factor, rounded up.
    pub weighted_debt: u128,
    /// C: collateral, unweighted and exact.
    pub collateral: u128,
    /// D: debt, unweighted and exact.
    pub debt: u128,
    /// Collateral, each leg times its loan-to-value, rounded down.
    pub borrow_limit: u128,
}

impl Health {
    /// Returns the sums over all legs.
    pub fn of(legs: &[PricedLeg]) -> Result<Health, Error> {
        let mut health = Health::default();
        for leg in legs {
            health.add(leg)?;
        }
        Ok(health)
    }

    /// Adds one leg.
    pub fn add(&mut self, leg: &PricedLeg) -> Result<(), Error> {
        let value = leg.value()?;
        match leg.side {
            Side::Collateral => {
                grow(&mut self.collateral, value)?;
                grow(
                    &mut self.weighted_collateral,
                    share_of(value, u64::from(leg.liquidation_threshold_bps))?,
                )?;
                grow(
                    &mut self.borrow_limit,
                    share_of(value, u64::from(leg.ltv_bps))?,
                )
            }
            Side::Debt => {
                grow(&mut self.debt, value)?;
                grow(
                    &mut self.weighted_debt,
                    share_of_up(value, u64::from(leg.borrow_factor_bps))?,
                )
            }
        }
    }

    /// Returns whether the position may be liquidated: `Cw < Dw`.
    #[must_use]
    pub fn is_liquidatable(&self) -> bool {
        self.weighted_collateral < self.weighted_debt
    }

    /// Returns whether the position may borrow or withdraw to here: the borrow limit covers `Dw`.
    #[must_use]
    pub fn is_within_ltv(&self) -> bool {
        self.borrow_limit >= self.weighted_debt
    }
}

/// Returns `⌊value·bps/10⁴⌋`.
pub fn share_of(value: u128, bps: u64) -> Result<u128, Error> {
    mul_div(value, u128::from(bps), u128::from(BPS))
}

/// Returns `⌈value·bps/10⁴⌉`.
pub fn share_of_up(value: u128, bps: u64) -> Result<u128, Error> {
    mul_div_up(value, u128::from(bps), u128::from(BPS))
}

fn grow(sum: &mut u128, by: u128) -> Result<(), Error> {
    *sum = sum.checked_add(by).ok_or(Error::Overflow)?;
    Ok(())
}
