//! The market's reserves and oracles, and their standing at the clock.

use super::addresses::ByAddress;

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
}

/// Reserves whose standing changed.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// Which.
    pub numbers: Vec<u32>,
    /// Whether more than price and interest did, of any of them.
    pub shaken: bool,
}

impl Moved {
    /// Adds what moved besides.
    pub fn add(&mut self, other: Moved) {
        self.numbers.extend(other.numbers);
        self.shaken |= other.shaken;
    }
}

/// Reserves by number, and the oracles.
#[derive(Clone, Debug, Default)]
pub struct Reserves {
    held: Vec<Held>,
    numbers: ByAddress<u32>,
    oracles: ByAddress<Oracle>,
}

impl Reserves {
    /// Returns a reserve's number, giving it one at first sight.
    pub fn number(&mut self, address: &Pubkey) -> u32 {
        let next = self.held.len() as u32;
        *self.numbers.entry(*address).or_insert_with(|| {
            self.held.push(Held {
                address: *address,
                reserve: None,
                standing: Standing::Missing,
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

    /// Replaces a reserve's account and returns what that moved.
    pub fn put_reserve(&mut self, address: &Pubkey, reserve: Option<Reserve>, now: u64) -> Moved {
        let number = self.number(address);
        if let Some(held) = self.held.get_mut(number as usize) {
            held.reserve = reserve;
        }
        self.restate(now, |held| held.address == *address)
    }

    /// Replaces an oracle's account and returns what that moved.
    pub fn put_oracle(&mut self, address: &Pubkey, oracle: Option<Oracle>, now: u64) -> Moved {
        match oracle {
            Some(oracle) => self.oracles.insert(*address, oracle),
            None => self.oracles.remove(address),
        };
        self.restate(now, |held| {
            held.reserve
                .is_some_and(|reserve| reserve.oracle == *address)
        })
    }

    /// Moves every standing to another slot and returns what that moved.
    pub fn move_to(&mut self, now: u64) -> Moved {
        self.restate(now, |_| true)
    }

    /// Returns how many reserves have a number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn restate(&mut self, now: u64, concerned: impl Fn(&Held) -> bool) -> Moved {
        let mut moved = Moved::default();
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
                moved.numbers.push(number);
                moved.shaken |= !standing.only_moved(&held.standing);
            }
            held.standing = standing;
        }
        moved
    }
}
