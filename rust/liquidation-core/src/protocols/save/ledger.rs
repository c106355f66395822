//! The accounts of one transaction: what was given, and working copies of what its instructions wrote.

use std::collections::BTreeMap;

use lending_math::Pubkey;

use super::fault::{Outcome, BROKEN, INVALID_ACCOUNT_OWNER};
use super::market::Market;
use super::obligation::Obligation;
use super::reserve::Reserve;
use super::PROGRAM;
use crate::protocols::adapter::Accounts;

/// Every read decodes bytes and every write encodes them, as the program does: that is where its limits and quirks come from.
pub struct Ledger<'a> {
    /// As they were given.
    pub given: &'a Accounts<'a>,
    written: BTreeMap<Pubkey, Vec<u8>>,
}

impl<'a> Ledger<'a> {
    /// Returns the accounts before the transaction.
    #[must_use]
    pub fn new(given: &'a Accounts<'a>) -> Ledger<'a> {
        Ledger {
            given,
            written: BTreeMap::new(),
        }
    }

    /// Returns a reserve of the program.
    pub fn reserve(&self, address: &Pubkey) -> Outcome<Reserve> {
        let reserve = Reserve::decode(self.bytes(address))?;
        self.owned(address).map(|()| reserve)
    }

    /// Returns an obligation of the program.
    pub fn obligation(&self, address: &Pubkey) -> Outcome<Obligation> {
        let obligation = Obligation::decode(self.bytes(address))?;
        self.owned(address).map(|()| obligation)
    }

    /// Returns a market of the program.
    pub fn market(&self, address: &Pubkey) -> Outcome<Market> {
        let market = Market::decode(self.bytes(address))?;
        self.owned(address).map(|()| market)
    }

    /// Fails unless the program owns the account.
    pub fn owned(&self, address: &Pubkey) -> Outcome<()> {
        match self.given.get(address) {
            Some(account) if account.owner == PROGRAM => Ok(()),
            _ => Err(INVALID_ACCOUNT_OWNER),
        }
    }

    /// Writes a reserve.
    pub fn put_reserve(&mut self, address: &Pubkey, reserve: &Reserve) -> Outcome<()> {
        reserve.encode(self.copy(address)?)
    }

    /// Writes an obligation.
    pub fn put_obligation(&mut self, address: &Pubkey, obligation: &Obligation) -> Outcome<()> {
        obligation.encode(self.copy(address)?)
    }

    /// Writes a market.
    pub fn put_market(&mut self, address: &Pubkey, market: &Market) -> Outcome<()> {
        market.encode(self.copy(address)?)
    }

    /// Returns the accounts whose bytes are not what they were.
    #[must_use]
    pub fn changed(self) -> BTreeMap<Pubkey, Vec<u8>> {
        let given = self.given;
        let mut written = self.written;
        written.retain(|address, data| {
            given.get(address).map(|account| account.data) != Some(data.as_slice())
        });
        written
    }

    fn bytes(&self, address: &Pubkey) -> &[u8] {
        let given = || {
            self.given
                .get(address)
                .map_or(&[][..], |account| account.data)
        };
        self.written.get(address).map_or_else(given, Vec::as_slice)
    }

    fn copy(&mut self, address: &Pubkey) -> Outcome<&mut [u8]> {
        let given = self.given.get(address).ok_or(BROKEN)?;
        let copy = self.written.entry(*address);
        Ok(copy.or_insert_with(|| given.data.to_vec()))
    }
}
