//! One market's obligations, kept so that a change of prices or time tells at once who has to be judged exactly.
//!
//! Whoever the program would liquidate is among the [`suspects`](Screen::suspects); whom the fast verdict clears is not. Obligations
//! that owe nothing are not kept.

mod laid;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lending_math::Pubkey;

use super::confirm::{confirm, Leg, Position, Rates};
use super::ledger::Ledger;
use super::obligation::OBLIGATION_LENGTH;
use super::refresh::refresh_reserve;
use super::reserve::{Reserve, RESERVE_LENGTH};
use super::PROGRAM;
use crate::address::to_base58;
use crate::protocols::adapter::{self, Account, Accounts, Clock};
use crate::CoreError;
use laid::Laid;

/// Where an obligation's and a reserve's market stands.
const MARKET: std::ops::Range<usize> = 10..42;

/// An account as it came.
#[derive(Clone, Debug)]
struct Kept {
    owner: Pubkey,
    data: Vec<u8>,
}

/// An obligation that owes something.
#[derive(Clone, Debug)]
struct Entry {
    address: Pubkey,
    position: Position,
}

/// What a reserve is at the clock.
enum Rated {
    /// It contributes this.
    Usual(Rates),
    /// Only a whole refresh can tell.
    Unusual,
    /// The program cannot refresh it, or not all of it was seen yet: none of its holders can be liquidated.
    Refused,
}

impl Rated {
    fn usual(&self) -> Option<&Rates> {
        match self {
            Rated::Usual(rates) => Some(rates),
            _ => None,
        }
    }
}

impl Kept {
    fn account(&self) -> Account<'_> {
        Account {
            owner: self.owner,
            lamports: 1,
            data: &self.data,
        }
    }
}

/// Returns a reserve's place, the next one for a new reserve.
fn place(
    reserves: &mut Vec<Pubkey>,
    places: &mut HashMap<Pubkey, u16>,
    address: &Pubkey,
) -> Option<u16> {
    if let Some(place) = places.get(address) {
        return Some(*place);
    }
    let next = u16::try_from(reserves.len()).ok()?;
    reserves.push(*address);
    places.insert(*address, next);
    Some(next)
}

/// One market of the program.
#[derive(Clone, Debug, Default)]
pub struct Screen {
    market: Pubkey,
    /// Reserves and oracles.
    accounts: BTreeMap<Pubkey, Kept>,
    /// Slot of every account's newest state.
    heard: HashMap<Pubkey, u64>,
    reserves: Vec<Pubkey>,
    places: HashMap<Pubkey, u16>,
    oracles: BTreeSet<Pubkey>,
    ids: HashMap<Pubkey, usize>,
    entries: Vec<Option<Entry>>,
    laid: Option<Laid>,
}

impl Screen {
    /// Returns an empty market.
    #[must_use]
    pub fn new(market: Pubkey) -> Screen {
        Screen {
            market,
            ..Screen::default()
        }
    }

    fn take_reserve(&mut self, address: &Pubkey, kept: Kept) {
        if let Ok(reserve) = Reserve::decode(&kept.data) {
            let named = [reserve.main_oracle, reserve.second_oracle];
            let extra = reserve.config.extra_oracle;
            self.oracles.extend(named.into_iter().chain(extra));
        }
        place(&mut self.reserves, &mut self.places, address);
        if self.accounts.insert(*address, kept).is_none() {
            self.laid = None; // its decimals were not known
        }
    }

    fn take_obligation(&mut self, address: &Pubkey, data: &[u8]) -> Result<(), CoreError> {
        let (reserves, places) = (&mut self.reserves, &mut self.places);
        let read = Position::read(data, |key| place(reserves, places, key));
        let position = read.ok().flatten().ok_or_else(|| CoreError::Malformed {
            address: to_base58(address),
            kind: "Save obligation",
            found: data.len(),
            expected: OBLIGATION_LENGTH,
        })?;
        let owes = |leg: &Leg| matches!(leg, Leg::Borrow { amount, .. } if !amount.is_zero());
        if !position.legs.iter().any(owes) {
            self.forget(address);
            return Ok(());
        }
        let id = *self.ids.entry(*address).or_insert(self.entries.len());
        if id == self.entries.len() {
            self.entries.push(None);
        }
        if let Some(laid) = &mut self.laid {
            if !laid.put(id as u64, &position)? {
                self.laid = None;
            }
        }
        self.entries[id] = Some(Entry {
            address: *address,
            position,
        });
        Ok(())
    }

    /// Drops an account; whether it was there.
    fn forget(&mut self, address: &Pubkey) -> bool {
        let kept = self.accounts.remove(address).is_some();
        let Some(id) = self.ids.get(address) else {
            return kept;
        };
        if let Some(laid) = &mut self.laid {
            laid.remove(*id as u64);
        }
        self.entries[*id].take().is_some() || kept
    }

    fn rated(&self, clock: Clock) -> Vec<Rated> {
        let accounts = self.accounts.iter();
        let given: Accounts = accounts.map(|(key, kept)| (*key, kept.account())).collect();
        let rate = |address: &Pubkey| {
            let mut ledger = Ledger::new(&given);
            let refreshed = refresh_reserve(&mut ledger, address, clock);
            match refreshed.and_then(|()| ledger.reserve(address)) {
                Ok(reserve) => Rates::of(&reserve).map_or(Rated::Unusual, Rated::Usual),
                Err(_) => Rated::Refused,
            }
        };
        self.reserves.iter().map(rate).collect()
    }

    fn decimals(&self) -> Vec<u8> {
        let decimals = |address: &Pubkey| {
            let reserve = Reserve::decode(&self.accounts.get(address)?.data).ok()?;
            Some(reserve.decimals)
        };
        let all = self.reserves.iter();
        all.map(|address| decimals(address).unwrap_or(0)).collect()
    }

    /// Returns whom the book does not call safe at these prices.
    fn looked_at(&mut self, rated: &[Rated]) -> Result<BTreeSet<u64>, CoreError> {
        let rates: Vec<_> = rated.iter().map(|rated| rated.usual().cloned()).collect();
        let refused: Vec<_> = rated
            .iter()
            .map(|rated| matches!(rated, Rated::Refused))
            .collect();
        let followed = match &mut self.laid {
            Some(laid) => laid.follow(&rates, &refused)?,
            None => false,
        };
        if !followed {
            self.laid = Laid::open(rates, &self.decimals(), &self.entries)?;
        }
        Ok(match &self.laid {
            Some(laid) => laid.looked_at(),
            None => (0..self.entries.len() as u64).collect(),
        })
    }
}

impl adapter::Screen for Screen {
    fn take(&mut self, address: &Pubkey, account: &Account, slot: u64) -> Result<bool, CoreError> {
        let Account { owner, data, .. } = *account;
        if self.heard.get(address).is_some_and(|heard| *heard > slot) {
            return Ok(false);
        }
        let ours = owner == PROGRAM && data.get(MARKET) == Some(&self.market[..]);
        let kept = || Kept {
            owner,
            data: data.to_vec(),
        };
        match data.len() {
            OBLIGATION_LENGTH if ours => self.take_obligation(address, data)?,
            RESERVE_LENGTH if ours => self.take_reserve(address, kept()),
            1.. if self.oracles.contains(address) => {
                self.accounts.insert(*address, kept());
            }
            _ if !self.forget(address) => return Ok(false),
            _ => {}
        }
        self.heard.insert(*address, slot);
        Ok(true)
    }

    fn wanted(&self) -> Vec<Pubkey> {
        let named = self.oracles.iter().chain(&self.reserves);
        let absent = named.filter(|address| !self.accounts.contains_key(*address));
        absent.copied().collect()
    }

    fn suspects(&mut self, clock: Clock) -> Result<Vec<Pubkey>, CoreError> {
        let rated = self.rated(clock);
        let looked_at = self.looked_at(&rated)?;
        let entries = looked_at
            .into_iter()
            .filter_map(|id| self.entries.get(id as usize)?.as_ref());
        let usual: Vec<&Rates> = rated.iter().filter_map(Rated::usual).collect();
        let filler = usual.first().copied();
        let dense: Vec<Rates> = rated
            .iter()
            .filter_map(|it| it.usual().or(filler).cloned())
            .collect();
        let suspect = |entry: &&Entry| {
            let legs = entry.position.legs.iter();
            let mut rated = legs.filter_map(|leg| rated.get(usize::from(leg.reserve())));
            if rated.clone().any(|rated| matches!(rated, Rated::Refused)) {
                return false;
            }
            rated.any(|rated| matches!(rated, Rated::Unusual))
                || confirm(&entry.position, &dense).is_none_or(|verdict| verdict.liquidatable)
        };
        let mut suspects: Vec<_> = entries.filter(suspect).map(|entry| entry.address).collect();
        suspects.sort_unstable();
        Ok(suspects)
    }
}
