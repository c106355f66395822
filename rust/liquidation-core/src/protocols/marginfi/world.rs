//! The accounts of a question: found, told apart, and named where they are missing.

use std::collections::{BTreeSet, HashMap};

use lending_math::Pubkey;

use super::account::{self, MarginAccount};
use super::bank::{self, Bank};
use super::bytes::Fields;
use super::derived::sponsored_price;
use super::feed::setup;
use super::group::Group;
use super::programs;
use super::refusal::{Outcome, Refusal};
use super::staked;
use super::version::Version;
use crate::oracles::pyth::PriceUpdate;
use crate::protocols::adapter::{Account, Accounts, Clock, Unanswered};
use crate::CoreError;

/// Accounts, time and version.
pub struct World<'a> {
    accounts: &'a Accounts<'a>,
    /// When.
    pub clock: Clock,
    /// Of the program.
    pub version: Version,
    /// Pyth's accounts by feed: the old program takes any account of the right feed.
    feeds: HashMap<[u8; 32], Pubkey>,
}

impl<'a> World<'a> {
    /// Takes the accounts of a question.
    #[must_use]
    pub fn new(accounts: &'a Accounts<'a>, clock: Clock, version: Version) -> World<'a> {
        let feeds = if version.is_old() {
            feeds(accounts)
        } else {
            HashMap::new()
        };
        World {
            accounts,
            clock,
            version,
            feeds,
        }
    }

    /// Returns an account.
    #[must_use]
    pub fn account(&self, key: &Pubkey) -> Option<Account<'a>> {
        self.accounts.get(key).copied()
    }

    /// Returns the address of a bank's price account, `None` if no account has its feed.
    #[must_use]
    pub fn oracle(&self, bank: &Bank) -> Option<Pubkey> {
        let key = bank.oracle_key(0);
        let by_feed = matches!(bank.oracle_setup(), setup::PYTH_PUSH | setup::STAKED);
        if self.version.is_old() && by_feed {
            return self.feeds.get(&key).copied();
        }
        Some(key)
    }

    /// Returns an account of the program as it finds it.
    pub fn own(&self, key: &Pubkey, kind: [u8; 8], length: usize) -> Outcome<Fields<'a>> {
        let account = self.account(key).ok_or(Refusal::ForeignAccount)?;
        if account.owner != programs::MARGINFI {
            return Err(Refusal::ForeignAccount);
        }
        if account.data.len() < 8 {
            return Err(Refusal::NoDiscriminator);
        }
        if !account.data.starts_with(&kind) {
            return Err(Refusal::WrongDiscriminator);
        }
        if account.data.len() < length {
            return Err(Refusal::Panic);
        }
        Ok(Fields::of(account.data))
    }

    /// Returns a bank.
    pub fn bank(&self, key: &Pubkey) -> Outcome<Bank<'a>> {
        let fields = self.own(key, programs::BANK, bank::LENGTH)?;
        Ok(Bank { key: *key, fields })
    }

    /// Returns a margin account.
    pub fn margin_account(&self, key: &Pubkey) -> Outcome<MarginAccount<'a>> {
        let fields = self.own(key, programs::MARGIN_ACCOUNT, account::LENGTH)?;
        Ok(MarginAccount { key: *key, fields })
    }

    /// Returns a group, whose length the program looks at later.
    pub fn group(&self, key: &Pubkey) -> Outcome<Group<'a>> {
        self.own(key, programs::GROUP, 8).map(Group)
    }

    /// Returns the accounts that a bank's price is read from.
    #[must_use]
    pub fn oracle_accounts(&self, bank: &Bank) -> Vec<Pubkey> {
        let first = self
            .oracle(bank)
            .unwrap_or_else(|| sponsored_price(&bank.oracle_key(0)));
        let mut needed = vec![first];
        match bank.oracle_setup() {
            setup::NONE | setup::FIXED => needed.clear(),
            setup::STAKED => needed.extend(staked::accounts(bank, self.version.is_old())),
            13 | 14 | 17 => needed = vec![bank.oracle_key(1)],
            6..=16 => needed.push(bank.oracle_key(1)),
            _ => {}
        }
        needed
    }

    /// Refuses to answer while accounts are missing: margin accounts, their group, banks (those named beside) and prices.
    pub fn demand(&self, margin: &[Pubkey], banks: &[Pubkey]) -> Result<(), Unanswered> {
        let mut needed: BTreeSet<Pubkey> = margin.iter().chain(banks).copied().collect();
        let mut all_banks: BTreeSet<Pubkey> = banks.iter().copied().collect();
        for account in margin
            .iter()
            .filter_map(|key| self.margin_account(key).ok())
        {
            needed.insert(account.group());
            all_banks.extend(account.balances().map(|balance| balance.bank));
        }
        for bank in all_banks.iter().filter_map(|key| self.bank(key).ok()) {
            needed.extend(self.oracle_accounts(&bank));
        }
        needed.extend(all_banks);
        needed.retain(|key| !self.accounts.contains_key(key));
        if needed.is_empty() {
            Ok(())
        } else {
            Err(Unanswered::Missing(needed))
        }
    }

    /// Refuses to take more out of a bank's vault than it holds, where the vault was given.
    pub fn check_vault(&self, bank: &Bank, amount: u64) -> Outcome<()> {
        let Some(vault) = self.account(&bank.fields.key(112)) else {
            return Ok(());
        };
        match lending_math::bytes::get_u64(vault.data, 64) {
            Ok(held) if held < amount => Err(Refusal::VaultEmpty),
            _ => Ok(()),
        }
    }

    /// Returns the only margin account among the accounts beside this one.
    pub fn only_other(&self, position: Option<&Pubkey>) -> Result<Pubkey, Unanswered> {
        let others: BTreeSet<&Pubkey> = self
            .accounts
            .keys()
            .filter(|key| Some(*key) != position && self.margin_account(key).is_ok())
            .collect();
        match (others.first(), others.len()) {
            (Some(only), 1) => Ok(**only),
            _ => Err(CoreError::Argument(format!(
                "found {} margin accounts that are not named, expected one",
                others.len()
            ))
            .into()),
        }
    }
}

/// Returns each feed's account, the one published last where there are several.
fn feeds(accounts: &Accounts) -> HashMap<[u8; 32], Pubkey> {
    let mut newest: HashMap<[u8; 32], (i64, Pubkey)> = HashMap::new();
    for (key, account) in accounts {
        if account.owner != programs::PYTH_RECEIVER {
            continue;
        }
        if let Some(update) = PriceUpdate::decode(account.data) {
            let this = (update.publish_time, *key);
            let known = newest.entry(update.feed).or_insert(this);
            *known = this.max(*known);
        }
    }
    let address = |(feed, (_, key))| (feed, key);
    newest.into_iter().map(address).collect()
}
