//! One group's margin accounts, kept so that a change of prices or time tells at once who may be liquidated.
//!
//! Banks are brought to the clock and priced once, then every account that owes gets its exact verdict: about 0.2 µs each. Accounts
//! that owe nothing are not kept. Whom `health` calls liquidatable is among the suspects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lending_math::Pubkey;

use super::account::{MarginAccount, EMPTY};
use super::assessment::{version_for, BLOCKED};
use super::bank::{self, Bank};
use super::bytes::Fields;
use super::confirm::Banks;
use super::group::Group;
use super::programs::{BANK, MARGINFI, MARGIN_ACCOUNT};
use super::version::Version;
use super::world::World;
use crate::fixed::i80f48::I80F48;
use crate::protocols::adapter::{self, Account, Accounts, Clock};
use crate::CoreError;

/// A time at which nothing is read.
const NEVER: Clock = Clock {
    slot: 0,
    unix_timestamp: 0,
};

/// An account as it came.
#[derive(Clone, Debug)]
struct Kept {
    owner: Pubkey,
    lamports: u64,
    data: Vec<u8>,
}

/// One group of the program.
#[derive(Clone, Debug, Default)]
pub struct Market {
    group: Pubkey,
    /// The group, its banks, and what their prices are read from.
    accounts: BTreeMap<Pubkey, Kept>,
    banks: BTreeSet<Pubkey>,
    prices: BTreeSet<Pubkey>,
    /// Margin accounts that owe.
    owing: BTreeMap<Pubkey, Vec<u8>>,
    /// Slot of every account's newest state.
    heard: HashMap<Pubkey, u64>,
}

impl Market {
    /// Returns an empty group.
    #[must_use]
    pub fn new(group: Pubkey) -> Market {
        Market {
            group,
            ..Market::default()
        }
    }

    /// Notes where the bank's price is read from; one with the old curve may still belong to either version.
    fn take_bank(&mut self, address: &Pubkey, data: &[u8]) {
        let bank = [Bank {
            key: *address,
            fields: Fields::of(data),
        }];
        let (none, clock) = (Accounts::new(), NEVER);
        for version in [version_for(&bank), Version::V0_1_9] {
            let world = World::new(&none, clock, version);
            let named = bank.iter().flat_map(|bank| world.oracle_accounts(bank));
            self.prices.extend(named);
        }
        self.banks.insert(*address);
    }

    /// Drops an account; whether it was there.
    fn forget(&mut self, address: &Pubkey) -> bool {
        self.banks.remove(address);
        self.owing.remove(address).is_some() | self.accounts.remove(address).is_some()
    }

    fn suspects_in(&self, world: &World, group: &Group) -> Vec<Pubkey> {
        let now = world.clock.unix_timestamp;
        let stands = |key: &&Pubkey| {
            let bank = world.bank(key);
            bank.is_ok_and(|mut bank| bank.accrue(now, group, world.version).is_ok())
        };
        let keys: Vec<Pubkey> = self.banks.iter().filter(stands).copied().collect();
        let Ok(banks) = Banks::at(world, &keys, group) else {
            return Vec::new();
        };
        let suspect = |(address, data): (&Pubkey, &Vec<u8>)| {
            let account = MarginAccount::read(*address, data)?;
            let backed = account.balances().any(|it| it.asset_shares >= EMPTY);
            if !backed || account.has_flag(BLOCKED) {
                return None;
            }
            let decoded = banks.decode(&account, world.version.is_old()).ok()??;
            let health = banks.confirm(&decoded).and_then(|totals| totals.health());
            health
                .is_ok_and(|it| it <= I80F48::ZERO)
                .then_some(*address)
        };
        self.owing.iter().filter_map(suspect).collect()
    }
}

impl adapter::Screen for Market {
    fn take(&mut self, address: &Pubkey, account: &Account, slot: u64) -> Result<bool, CoreError> {
        let Account { owner, data, .. } = *account;
        if self.heard.get(address).is_some_and(|heard| *heard > slot) {
            return Ok(false);
        }
        let of_group = |at: usize| Fields::of(data).is_key(at, &self.group);
        let ours = owner == MARGINFI;
        let kept = Kept {
            owner,
            lamports: account.lamports,
            data: data.to_vec(),
        };
        if ours && data.starts_with(&MARGIN_ACCOUNT) && of_group(8) {
            let read = MarginAccount::read(*address, data);
            let owes = |it: &MarginAccount| it.balances().any(|it| it.liability_shares >= EMPTY);
            if read.is_some_and(|it| owes(&it)) {
                self.owing.insert(*address, kept.data);
            } else {
                self.forget(address);
            }
        } else if ours && data.starts_with(&BANK) && data.len() >= bank::LENGTH && of_group(41) {
            self.take_bank(address, data);
            self.accounts.insert(*address, kept);
        } else if !data.is_empty() && (*address == self.group || self.prices.contains(address)) {
            self.accounts.insert(*address, kept);
        } else if !self.forget(address) {
            return Ok(false);
        }
        self.heard.insert(*address, slot);
        Ok(true)
    }

    fn wanted(&self) -> Vec<Pubkey> {
        let named = self.prices.iter().chain([&self.group]);
        let absent = named.filter(|address| !self.accounts.contains_key(*address));
        absent.copied().collect()
    }

    fn suspects(&mut self, clock: Clock) -> Result<Vec<Pubkey>, CoreError> {
        let known = self.accounts.iter().map(|(key, kept)| {
            let account = Account {
                owner: kept.owner,
                lamports: kept.lamports,
                data: &kept.data,
            };
            (*key, account)
        });
        let accounts: Accounts = known.collect();
        let newest = World::new(&accounts, clock, Version::V0_1_9);
        let banks: Vec<Bank> = self
            .banks
            .iter()
            .filter_map(|key| newest.bank(key).ok())
            .collect();
        let world = World::new(&accounts, clock, version_for(&banks));
        Ok(match world.group(&self.group) {
            Ok(group) if group.check_length().is_ok() => self.suspects_in(&world, &group),
            _ => Vec::new(),
        })
    }
}
