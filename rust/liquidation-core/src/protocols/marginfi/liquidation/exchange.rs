//! The exchange itself: debt to the liquidator, collateral to the liquidator, relief to the position, the fee to the vault.

use super::{Stage, Terms, ASSET, DEBT};
use crate::fixed::i80f48::I80F48;
use crate::protocols::marginfi::balance::{Decrease, Increase, Ledger};
use crate::protocols::marginfi::refusal::{math, Outcome, Refusal};

/// Whose balance.
#[derive(Clone, Copy)]
enum Of {
    Position,
    Liquidator,
}

impl<'a> Stage<'_, 'a> {
    /// Moves debt and collateral, and returns the whole units that go to the insurance vault.
    pub(super) fn exchange(&mut self, terms: Terms) -> Outcome<u64> {
        let collateral = I80F48::whole(self.order.amount);
        let is_old = self.world.version.is_old();
        let slot = self.open_balance(DEBT)?;
        self.ledger(Of::Liquidator, slot, DEBT)?
            .decrease(terms.taken, Decrease::Unlimited)?;
        let slot = self
            .position
            .find(&self.order.asset)
            .ok_or(Refusal::NoBalance)?;
        if is_old {
            let mut ledger = self.ledger(Of::Position, slot, ASSET)?;
            let withdrawn = ledger.decrease(collateral, Decrease::Withdraw);
            withdrawn.map_err(|refusal| match refusal {
                Refusal::Panic => refusal,
                _ => Refusal::TooMuchCollateral,
            })?;
        } else {
            let shares = self.position.balance(slot).asset_shares;
            if self.bank(ASSET)?.asset_amount(shares)? < collateral {
                return Err(Refusal::TooMuchCollateral);
            }
            self.ledger(Of::Position, slot, ASSET)?
                .decrease(collateral, Decrease::Unlimited)?;
        }
        let slot = self.open_balance(ASSET)?;
        self.ledger(Of::Liquidator, slot, ASSET)?
            .increase(collateral, Increase::Unlimited)?;
        let moved = math(terms.fee.to_u64())?;
        let slot = self
            .position
            .find(&self.order.debt)
            .ok_or(Refusal::NoBalance)?;
        let how = if is_old {
            Increase::Any
        } else {
            Increase::Repay
        };
        self.ledger(Of::Position, slot, DEBT)?
            .increase(terms.relieved, how)?;
        self.world.check_vault(self.bank(DEBT)?, moved)?;
        self.bank_mut(DEBT)?
            .collect_insurance(terms.fee.fraction())?;
        Ok(moved)
    }

    fn open_balance(&mut self, leg: usize) -> Outcome<usize> {
        let bank = self.banks.0.get(leg).ok_or(Refusal::Panic)?;
        let (now, version) = (self.world.clock.unix_timestamp, self.world.version);
        self.liquidator
            .find_or_open(&bank.key, bank.asset_tag(), now, version)
    }

    fn ledger(&mut self, of: Of, slot: usize, leg: usize) -> Outcome<Ledger<'_, 'a, 'a>> {
        Ok(Ledger {
            account: match of {
                Of::Position => &mut self.position,
                Of::Liquidator => &mut self.liquidator,
            },
            slot,
            bank: self.banks.0.get_mut(leg).ok_or(Refusal::Panic)?,
            now: self.world.clock.unix_timestamp,
            version: self.world.version,
        })
    }
}
