//! The price of collateral in debt: 97.5 % of its worth is taken on, 95 % relieves the position.

use super::{Stage, ASSET, DEBT};
use crate::fixed::i80f48::I80F48;
use crate::protocols::marginfi::bank::Requirement;
use crate::protocols::marginfi::feed;
use crate::protocols::marginfi::price::{amount, value, Bias};
use crate::protocols::marginfi::refusal::{Outcome, Refusal};

/// What the liquidator gains, of the collateral's value: 2.5 %.
pub const LIQUIDATOR_FEE: I80F48 = I80F48::literal(25, 1_000);
/// What the insurance vault gains.
const INSURANCE_FEE: I80F48 = I80F48::literal(25, 1_000);

/// What debt a piece of collateral stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Debt that the liquidator takes on.
    pub taken: I80F48,
    /// Debt that the position is relieved of.
    pub relieved: I80F48,
    /// The difference, that goes to the insurance vault.
    pub fee: I80F48,
}

impl Stage<'_, '_> {
    /// Prices both legs and returns what the collateral stands for.
    pub(super) fn terms(&self) -> Outcome<Terms> {
        let is_old = self.world.version.is_old();
        let asset_price = self.price(ASSET, Bias::Low)?;
        if !is_old && asset_price <= I80F48::ZERO {
            return Err(Refusal::ZeroAssetPrice);
        }
        let debt_price = self.price(DEBT, Bias::High)?;
        if !is_old && debt_price <= I80F48::ZERO {
            return Err(Refusal::ZeroDebtPrice);
        }
        let version = self.world.version;
        let decimals = (
            self.bank(ASSET)?.decimals(version),
            self.bank(DEBT)?.decimals(version),
        );
        terms(self.order.amount, (asset_price, debt_price), decimals)
    }

    fn price(&self, leg: usize, bias: Bias) -> Outcome<I80F48> {
        let bank = self.bank(leg)?;
        feed::load_directly(bank, self.world)?
            .feed
            .priced(
                Requirement::Maintenance,
                bank.oracle_max_confidence(),
                self.world.version,
            )?
            .biased(bias)
    }
}

/// Returns what this much collateral stands for at these prices (collateral's low, debt's high).
pub fn terms(collateral: u64, prices: (I80F48, I80F48), decimals: (u8, u8)) -> Outcome<Terms> {
    let discounted = |discount: Option<I80F48>| {
        let weight = I80F48::ONE.minus(discount.ok_or(Refusal::Panic)?);
        let weight = weight.ok_or(Refusal::Panic)?;
        let worth = value(
            I80F48::whole(collateral),
            prices.0,
            decimals.0,
            Some(weight),
        )?;
        amount(worth, prices.1, decimals.1)
    };
    let taken = discounted(Some(LIQUIDATOR_FEE))?;
    let relieved = discounted(INSURANCE_FEE.plus(LIQUIDATOR_FEE))?;
    let fee = taken.minus(relieved).ok_or(Refusal::Panic)?;
    if fee < I80F48::ZERO {
        return Err(Refusal::Panic);
    }
    Ok(Terms {
        taken,
        relieved,
        fee,
    })
}
