//! The market's reserves and oracles, their standing at the clock, and who holds them.

use std::collections::{BTreeSet, HashMap};

use lending_math::state::{Oracle, Reserve};
use lending_math::Pubkey;

use crate::protocols::reference::pricing::Standing;

/// A reserve that the book has heard of, from its account or from a leg.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its address.
    pub address: Pubkey,
    /// Its account, once seen.
    pub reserve: Option<Reserve>,
    /// At the book's clock.
    pub standing: Standing,
    /// Rows with a leg in it.
    pub holders: BTreeSet<u32>,
}

/// Reserves by number, the inverse index from a reserve to its holders, and the oracles.
#[derive(Clone, Debug, Default)]
pub struct Reserves {
    held: Vec<Held>,
    numbers: HashMap<Pubkey, u32>,
    oracles: HashMap<Pubkey, Oracle>,
}

impl Reserves {
    /// Returns a reserve's number, giving it one at first sight.
    pub fn number(&mut self, address: &Pubkey) -> u32 {
        let next = self.held.len() as u32;
        *self.numbers.entry(*address).or_insert_with(|| {
            let (reserve, standing, holders) = (None, Standing::Missing, BTreeSet::new());
            self.held.push(Held {
                address: *address,
                reserve,
                standing,
                holders,
            });
            next
        })
    }

    /// Returns what is known of a reserve.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Held> {
        self.held.get(number as usize)
    }

    /// Returns the standing of a reserve at the clock.
    #[must_use]
    pub fn standing(&self, number: u32) -> &Standing {
        self.get(number)
            .map_or(&Standing::Missing, |held| &held.standing)
    }

    /// Returns a reserve's oracle, once seen.
    #[must_use]
    pub fn oracle_of(&self, held: &Held) -> Option<&Oracle> {
        self.oracles.get(&held.reserve.as_ref()?.oracle)
    }

    /// Returns the reserve at an address, once seen.
    #[must_use]
    pub fn reserve_at(&self, address: &Pubkey) -> Option<&Reserve> {
        let number = self.numbers.get(address)?;
        self.get(*number)?.reserve.as_ref()
    }

    /// Returns the oracle at an address, once seen.
    #[must_use]
    pub fn oracle_at(&self, address: &Pubkey) -> Option<&Oracle> {
        self.oracles.get(address)
    }

    /// Writes down who holds a reserve.
    pub fn hold(&mut self, number: u32, row: u32) {
        if let Some(held) = self.held.get_mut(number as usize) {
            held.holders.insert(row);
        }
    }

    /// Strikes a holder out.
    pub fn release(&mut self, number: u32, row: u32) {
        if let Some(held) = self.held.get_mut(number as usize) {
            held.holders.remove(&row);
        }
    }

    /// Replaces a reserve's account and returns the numbers of the reserves whose holders must be judged again.
    pub fn put_reserve(
        &mut self,
        address: &Pubkey,
        reserve: Option<Reserve>,
        now: u64,
    ) -> Vec<u32> {
        let number = self.number(address);
        if let Some(held) = self.held.get_mut(number as usize) {
            held.reserve = reserve;
        }
        self.restate(now, |held| held.address == *address)
    }

    /// Replaces an oracle's account and returns the numbers of the reserves whose holders must be judged again.
    pub fn put_oracle(&mut self, address: &Pubkey, oracle: Option<Oracle>, now: u64) -> Vec<u32> {
        match oracle {
            Some(oracle) => self.oracles.insert(*address, oracle),
            None => self.oracles.remove(address),
        };
        self.restate(now, |held| {
            held.reserve
                .is_some_and(|reserve| reserve.oracle == *address)
        })
    }

    /// Moves every standing to another slot; the rows whose verdict that changes are known by their next look.
    pub fn move_to(&mut self, now: u64) {
        self.restate(now, |_| true);
    }

    fn restate(&mut self, now: u64, concerned: impl Fn(&Held) -> bool) -> Vec<u32> {
        let mut changed = Vec::new();
        for (number, held) in (0..)
            .zip(self.held.iter_mut())
            .filter(|(_, held)| concerned(held))
        {
            let oracle = held
                .reserve
                .as_ref()
                .and_then(|reserve| self.oracles.get(&reserve.oracle));
            let standing = Standing::of(held.reserve.as_ref(), oracle, now);
            if !standing.judges_like(&held.standing) {
                changed.push(number);
            }
            held.standing = standing;
        }
        changed
    }
}
