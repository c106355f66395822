//! A margin account: sixteen balances and its flags.

use lending_math::Pubkey;

use super::bank::tag;
use super::bytes::Fields;
use super::programs::MARGIN_ACCOUNT;
use super::refusal::{Outcome, Refusal};
use super::version::Version;
use crate::fixed::i80f48::I80F48;

/// Bytes that a margin account has.
pub const LENGTH: usize = 2_312;
/// Balances that an account has room for.
pub const BALANCES: usize = 16;
const BALANCE_LENGTH: usize = 104;
const FIRST_BALANCE: usize = 72;
/// A side below one share counts as empty.
pub const EMPTY: I80F48 = I80F48::ONE;

/// Flags of an account.
pub mod flag {
    /// No further action.
    pub const DISABLED: u64 = 1;
    /// Between the ends of a flash loan.
    pub const IN_FLASHLOAN: u64 = 2;
    /// Being liquidated by a receiver.
    pub const IN_RECEIVERSHIP: u64 = 16;
    /// Being wound down by the risk admin.
    pub const IN_DELEVERAGE: u64 = 32;
    /// Frozen by the group's admin.
    pub const FROZEN: u64 = 64;
    /// An order is being executed.
    pub const IN_ORDER: u64 = 128;
}

/// Which side of a balance holds at least one share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Deposits.
    Assets,
    /// Debt.
    Liabilities,
}

/// One balance as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Which of the sixteen.
    pub slot: usize,
    /// Its bank.
    pub bank: Pubkey,
    /// Shares of deposits.
    pub asset_shares: I80F48,
    /// Shares of debt.
    pub liability_shares: I80F48,
}

impl Balance {
    /// Returns the side that counts; both is a panic of the program.
    pub fn side(&self) -> Outcome<Option<Side>> {
        match (self.asset_shares >= EMPTY, self.liability_shares >= EMPTY) {
            (true, true) => Err(Refusal::Panic),
            (false, true) => Ok(Some(Side::Liabilities)),
            (true, false) => Ok(Some(Side::Assets)),
            (false, false) => Ok(None),
        }
    }
}

/// A margin account.
#[derive(Clone, Debug)]
pub struct MarginAccount<'a> {
    /// Its address.
    pub key: Pubkey,
    /// Its bytes.
    pub fields: Fields<'a>,
}

const fn offset(slot: usize) -> usize {
    FIRST_BALANCE + BALANCE_LENGTH * slot
}

impl<'a> MarginAccount<'a> {
    /// Takes an account's bytes; `None` for bytes of another kind.
    #[must_use]
    pub fn read(key: Pubkey, data: &'a [u8]) -> Option<MarginAccount<'a>> {
        let fields = Fields::of(data);
        let is_one = data.len() >= LENGTH && data.starts_with(&MARGIN_ACCOUNT);
        is_one.then_some(MarginAccount { key, fields })
    }
}

impl MarginAccount<'_> {
    /// Returns the address of its group.
    #[must_use]
    pub fn group(&self) -> Pubkey {
        self.fields.key(8)
    }

    /// Returns who may act for it.
    #[must_use]
    pub fn authority(&self) -> Pubkey {
        self.fields.key(40)
    }

    /// Returns whether one of these flags is set.
    #[must_use]
    pub fn has_flag(&self, flags: u64) -> bool {
        self.fields.u64(1_800) & flags != 0
    }

    /// Returns the balances in use, in their order.
    pub fn balances(&self) -> impl Iterator<Item = Balance> + '_ {
        (0..BALANCES)
            .filter(|slot| self.is_active(*slot))
            .map(|slot| self.balance(slot))
    }

    /// Returns a balance, in use or not.
    #[inline]
    #[must_use]
    pub fn balance(&self, slot: usize) -> Balance {
        Balance {
            slot,
            bank: self.fields.key(offset(slot) + 1),
            asset_shares: self.fields.number(offset(slot) + 40),
            liability_shares: self.fields.number(offset(slot) + 56),
        }
    }

    fn is_active(&self, slot: usize) -> bool {
        self.fields.byte(offset(slot)) != 0
    }

    /// Returns the asset tag that a balance took from its bank.
    #[must_use]
    pub fn asset_tag(&self, slot: usize) -> u8 {
        self.fields.byte(offset(slot) + 33)
    }

    /// Returns where the balance of a bank is.
    #[must_use]
    pub fn find(&self, bank: &Pubkey) -> Option<usize> {
        (0..BALANCES)
            .find(|slot| self.is_active(*slot) && self.fields.is_key(offset(*slot) + 1, bank))
    }

    /// Returns where the balance of a bank is, opened in the first free place if there is none.
    pub fn find_or_open(
        &mut self,
        bank: &Pubkey,
        asset_tag: u8,
        now: i64,
        version: Version,
    ) -> Outcome<usize> {
        if let Some(slot) = self.find(bank) {
            return Ok(slot);
        }
        let integrations = |account: &Self| {
            let active = (0..BALANCES).filter(|slot| account.is_active(*slot));
            active
                .filter(|slot| is_integration(account.asset_tag(*slot)))
                .count()
        };
        if !version.is_old() && is_integration(asset_tag) && integrations(self) >= 8 {
            return Err(Refusal::TooManyIntegrations);
        }
        let slot = (0..BALANCES).find(|slot| !self.is_active(*slot));
        let slot = slot.ok_or(Refusal::BalancesFull)?;
        let at = offset(slot);
        self.fields.put(at, &[0; BALANCE_LENGTH]);
        self.fields.put(at, &[1]);
        self.fields.put(at + 1, bank);
        self.fields.put(at + 33, &[asset_tag]);
        self.fields.put(at + 88, &now.to_le_bytes());
        Ok(slot)
    }

    /// Writes a balance's shares.
    pub fn put_shares(&mut self, balance: &Balance) {
        let at = offset(balance.slot);
        self.fields.put_number(at + 40, balance.asset_shares);
        self.fields.put_number(at + 56, balance.liability_shares);
    }

    /// Returns a balance's emissions and when it was last touched.
    #[must_use]
    pub fn emissions(&self, slot: usize) -> (I80F48, u64) {
        let at = offset(slot);
        (self.fields.number(at + 72), self.fields.u64(at + 88))
    }

    /// Writes a balance's emissions.
    pub fn put_emissions(&mut self, slot: usize, emissions: I80F48) {
        self.fields.put_number(offset(slot) + 72, emissions);
    }

    /// Writes when a balance was last touched.
    pub fn put_touched(&mut self, slot: usize, now: i64) {
        self.fields.put(offset(slot) + 88, &now.to_le_bytes());
    }

    /// Frees a balance.
    pub fn close(&mut self, slot: usize) {
        self.fields.put(offset(slot), &[0; BALANCE_LENGTH]);
    }

    /// Sorts all balances by their bank, largest address first; equal ones keep their order.
    pub fn sort(&mut self) {
        let mut raw: Vec<[u8; BALANCE_LENGTH]> = (0..BALANCES)
            .map(|slot| self.fields.array(offset(slot)))
            .collect();
        raw.sort_by(|a, b| b.get(1..33).cmp(&a.get(1..33)));
        for (slot, bytes) in raw.iter().enumerate() {
            self.fields.put(offset(slot), bytes);
        }
    }

    /// Writes when the account was last touched, and what an indexer reads of it.
    pub fn sync(&mut self, now: i64, liquidated: bool) -> Outcome<()> {
        const AT: usize = 2_256;
        self.fields.put(2_208, &now.to_le_bytes());
        if liquidated {
            self.fields.put(AT + 3, &[1]);
        }
        self.sync_flags(AT)
    }

    fn sync_flags(&mut self, at: usize) -> Outcome<()> {
        let (mut any, mut debts) = (false, 0u8);
        let mut tags = [false; 7];
        for balance in self.balances() {
            if balance.side()?.is_none() {
                continue;
            }
            any = true;
            debts = debts.saturating_add(u8::from(balance.liability_shares >= EMPTY));
            if let Some(seen) = tags.get_mut(usize::from(self.asset_tag(balance.slot))) {
                *seen = true;
            }
        }
        let has = |tag: u8| u8::from(tags.get(usize::from(tag)).copied().unwrap_or(false));
        let first = [
            u8::from(any && debts == 0),
            u8::from(!any),
            u8::from(debts == 1),
        ];
        self.fields.put(at, &first);
        let kinds = [tag::STAKED, tag::KAMINO, tag::DRIFT, tag::JUPITER].map(has);
        self.fields.put(at + 7, &kinds);
        if debts == 0 {
            self.fields.put(at + 6, &[0]);
        }
        self.fields.put(at + 13, &[1, 1]);
        Ok(())
    }
}

/// Returns whether deposits lie in another protocol.
#[must_use]
pub fn is_integration(asset_tag: u8) -> bool {
    matches!(
        asset_tag,
        tag::KAMINO | tag::DRIFT | tag::SAVE | tag::JUPITER
    )
}
