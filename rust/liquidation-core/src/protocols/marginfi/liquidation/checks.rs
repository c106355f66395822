//! What must be true before a liquidation and after it, in the order in which the program looks.

use lending_math::Pubkey;

use super::{Stage, ASSET, DEBT};
use crate::fixed::i80f48::I80F48;
use crate::protocols::marginfi::account::{flag, is_integration, MarginAccount, EMPTY};
use crate::protocols::marginfi::bank::{tag, Requirement};
use crate::protocols::marginfi::health::{check_loads, check_risk_tiers, totals};
use crate::protocols::marginfi::refusal::{Outcome, Refusal};

impl Stage<'_, '_> {
    pub(super) fn check_constraints(&mut self, group: &Pubkey) -> Outcome<()> {
        let is_new = !self.world.version.is_old();
        if is_new {
            self.group.check_length()?;
            if self.group.is_paused(self.world.clock.unix_timestamp) {
                return Err(Refusal::ProtocolPaused);
            }
        }
        if self
            .banks
            .0
            .iter()
            .any(|bank| bank.fields.key(41) != *group)
        {
            return Err(Refusal::OtherGroup);
        }
        if is_new
            && self
                .banks
                .0
                .get(DEBT)
                .is_some_and(|bank| bank.asset_tag() > tag::STAKED)
        {
            return Err(Refusal::IntegrationDebt);
        }
        if self.liquidator.group() != *group {
            return Err(Refusal::OtherGroup);
        }
        if is_new && self.liquidator.has_flag(flag::IN_RECEIVERSHIP) {
            return Err(Refusal::InReceivership);
        }
        if is_new && self.liquidator.has_flag(flag::FROZEN) {
            return Err(Refusal::Frozen);
        }
        if is_new && self.position.has_flag(flag::IN_RECEIVERSHIP) {
            return Err(Refusal::InReceivership);
        }
        Ok(())
    }

    pub(super) fn check_order(&mut self) -> Outcome<()> {
        if self.order.amount == 0 {
            return Err(Refusal::NothingToLiquidate);
        }
        if self.order.asset == self.order.debt {
            return Err(Refusal::SameBanks);
        }
        let (asset_tag, debt_tag) = (self.bank(ASSET)?.asset_tag(), self.bank(DEBT)?.asset_tag());
        let mixes = |a, b| is_ordinary(a) && b == tag::STAKED;
        if mixes(asset_tag, debt_tag) || mixes(debt_tag, asset_tag) {
            return Err(Refusal::AssetTags);
        }
        if !self.world.version.is_old() {
            self.bank(ASSET)?.check_state()?;
            self.bank(DEBT)?.check_state()?;
        }
        let is_old = self.world.version.is_old();
        check_tags(debt_tag, &self.position, is_old)?;
        check_tags(debt_tag, &self.liquidator, is_old)?;
        check_tags(asset_tag, &self.liquidator, is_old)?;
        if self.order.position == self.order.liquidator {
            return Err(Refusal::Panic); // borrowed twice
        }
        Ok(())
    }

    /// Returns the position's health, at most 0.
    pub(super) fn check_before(&mut self) -> Outcome<I80F48> {
        let is_old = self.world.version.is_old();
        if self.position.has_flag(flag::IN_FLASHLOAN) {
            return Err(Refusal::InFlashloan);
        }
        if is_old {
            self.banks.take(&self.position, self.world)?;
            check_loads(&self.position, &self.banks, self.world)?;
        }
        let (debt, deposits) = self.debt_balance()?;
        if debt < EMPTY {
            return Err(Refusal::NoDebt);
        }
        if deposits >= EMPTY {
            return Err(Refusal::DebtHasDeposits);
        }
        self.banks.take(&self.position, self.world)?;
        let health = self.health()?;
        if health > I80F48::ZERO {
            return Err(Refusal::Healthy);
        }
        Ok(health)
    }

    fn debt_balance(&self) -> Outcome<(I80F48, I80F48)> {
        let slot = self.position.find(&self.order.debt);
        let balance = self.position.balance(slot.ok_or(Refusal::NoDebtBalance)?);
        Ok((balance.liability_shares, balance.asset_shares))
    }

    fn health(&self) -> Outcome<I80F48> {
        let requirement = Requirement::Maintenance;
        totals(&self.position, &self.banks, self.world, requirement)?.health()
    }

    pub(super) fn check_after(&self, before: I80F48) -> Outcome<()> {
        let (debt, deposits) = self.debt_balance()?;
        if debt < EMPTY {
            return Err(Refusal::DebtExhausted);
        }
        if deposits >= EMPTY {
            return Err(Refusal::DebtOverpaid);
        }
        let after = self.health()?;
        if after > I80F48::ZERO {
            return Err(Refusal::TooSevere);
        }
        if after <= before {
            return Err(Refusal::WorseHealth);
        }
        Ok(())
    }

    pub(super) fn check_liquidator(&mut self) -> Outcome<()> {
        let is_old = self.world.version.is_old();
        let now = self.world.clock.unix_timestamp;
        if !is_old {
            self.position.sync(now, true)?;
            self.liquidator.sort();
            self.liquidator.sync(now, false)?;
        }
        if self.liquidator.has_flag(flag::IN_FLASHLOAN) {
            return Ok(());
        }
        self.banks.take(&self.liquidator, self.world)?;
        if is_old {
            check_loads(&self.liquidator, &self.banks, self.world)?;
        }
        let totals = totals(
            &self.liquidator,
            &self.banks,
            self.world,
            Requirement::Initial,
        )?;
        if totals.assets < totals.liabilities {
            return Err(Refusal::LiquidatorMargin);
        }
        check_risk_tiers(&self.liquidator, &self.banks)
    }
}

fn is_ordinary(asset_tag: u8) -> bool {
    asset_tag == tag::DEFAULT || is_integration(asset_tag)
}

/// Refuses ordinary and staked assets in one account.
fn check_tags(bank_tag: u8, account: &MarginAccount, is_old: bool) -> Outcome<()> {
    let (mut ordinary, mut staked) = (false, false);
    let last = if is_old { tag::STAKED } else { tag::JUPITER };
    for balance in account.balances() {
        match account.asset_tag(balance.slot) {
            tag::SOL => {}
            tag::STAKED => staked = true,
            known if known <= last => ordinary = true,
            _ => return Err(Refusal::Panic),
        }
    }
    if (is_ordinary(bank_tag) && staked) || (bank_tag == tag::STAKED && ordinary) {
        return Err(Refusal::AssetTags);
    }
    Ok(())
}
