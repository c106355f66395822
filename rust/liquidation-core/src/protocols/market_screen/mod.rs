//! One market's positions, kept so that a change of prices or time tells at once who has to be judged exactly.
//!
//! Whoever the program would liquidate is among the [`suspects`](Screen::suspects); whom the fast verdict clears is not. Positions
//! that owe nothing are not kept. What differs between protocols is in [`protocol`].

mod laid;
pub mod protocol;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lending_math::Pubkey;

use crate::address::to_base58;
use crate::protocols::adapter::{Account, Accounts, Clock, Screen};
use crate::CoreError;
use laid::Laid;
use protocol::{Kind, Protocol, Rated, Shape};

/// An account as it came.
#[derive(Clone, Debug)]
struct Kept {
    owner: Pubkey,
    data: Vec<u8>,
}

/// A position that owes something.
struct Entry<P: Protocol> {
    address: Pubkey,
    position: P::Position,
}

/// What everything is at the clock: the market's rules and what each reserve is.
struct Now<P: Protocol> {
    rules: P::Rules,
    rated: Vec<Rated<P::Rates>>,
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

/// Reserves by the order in which they were met.
#[derive(Clone, Debug, Default)]
struct Places {
    reserves: Vec<Pubkey>,
    places: HashMap<Pubkey, u16>,
}

impl Places {
    /// Returns a reserve's place, the next one for a new reserve.
    fn of(&mut self, address: &Pubkey) -> Option<u16> {
        if let Some(place) = self.places.get(address) {
            return Some(*place);
        }
        let next = u16::try_from(self.reserves.len()).ok()?;
        self.reserves.push(*address);
        self.places.insert(*address, next);
        Some(next)
    }
}

/// One market of a protocol.
pub struct Market<P: Protocol> {
    address: Pubkey,
    /// The market, where it has rules, reserves and oracles.
    accounts: BTreeMap<Pubkey, Kept>,
    /// Slot of every account's newest state.
    heard: HashMap<Pubkey, u64>,
    places: Places,
    /// What prices and verdicts hang on, reserves aside.
    named: BTreeSet<Pubkey>,
    decimals: HashMap<Pubkey, u8>,
    ids: HashMap<Pubkey, usize>,
    entries: Vec<Option<Entry<P>>>,
    laid: Option<Laid<P>>,
}

impl<P: Protocol> Market<P> {
    /// Returns an empty market.
    #[must_use]
    pub fn new(address: Pubkey) -> Market<P> {
        Market {
            address,
            accounts: BTreeMap::new(),
            heard: HashMap::new(),
            places: Places::default(),
            named: P::MARKET.map(|_| address).into_iter().collect(),
            decimals: HashMap::new(),
            ids: HashMap::new(),
            entries: Vec::new(),
            laid: None,
        }
    }

    fn take_market(&mut self, kept: Kept, (what, length): Shape) -> Result<(), CoreError> {
        if !P::is_market(&kept.data) {
            return Err(malformed(&self.address, what, kept.data.len(), length));
        }
        self.accounts.insert(self.address, kept);
        self.laid = None; // laid under other rules
        Ok(())
    }

    fn take_reserve(&mut self, address: &Pubkey, kept: Kept) -> Result<(), CoreError> {
        let (what, length) = P::RESERVE;
        let (decimals, feeds) = P::reserve(address, &kept.data)
            .ok_or_else(|| malformed(address, what, kept.data.len(), length))?;
        self.named.extend(feeds);
        self.places.of(address);
        if self.decimals.insert(*address, decimals) != Some(decimals) {
            self.laid = None;
        }
        self.accounts.insert(*address, kept);
        Ok(())
    }

    fn take_position(&mut self, address: &Pubkey, data: &[u8]) -> Result<(), CoreError> {
        let (what, length) = P::POSITION;
        let position = P::position(data, |reserve| self.places.of(reserve))
            .ok_or_else(|| malformed(address, what, data.len(), length))?;
        if !P::owes(&position) {
            self.forget(address);
            return Ok(());
        }
        let id = *self.ids.entry(*address).or_insert(self.entries.len());
        if id == self.entries.len() {
            self.entries.push(None);
        }
        if self
            .laid
            .as_mut()
            .is_some_and(|laid| !laid.put(id as u64, &position))
        {
            self.laid = None;
        }
        let address = *address;
        self.entries[id] = Some(Entry { address, position });
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

    /// Returns what everything is at `clock`; nothing where nobody can be liquidated.
    fn rated(&self, clock: Clock) -> Option<Now<P>> {
        let accounts = self.accounts.iter();
        let given: Accounts = accounts.map(|(key, kept)| (*key, kept.account())).collect();
        let rate = |reserve: &Pubkey| P::rate(&self.address, reserve, &given, clock);
        let rules = P::rules(&self.address, &given)?;
        let rated = self.places.reserves.iter().map(rate).collect();
        Some(Now { rules, rated })
    }

    fn open(&self, rates: Vec<Option<P::Rates>>, rules: P::Rules) -> Option<Laid<P>> {
        let decimals = |reserve| self.decimals.get(reserve).copied().unwrap_or(0);
        let decimals: Vec<u8> = self.places.reserves.iter().map(decimals).collect();
        let entries = (0..).zip(&self.entries);
        let positions = entries.filter_map(|(id, entry)| Some((id, &entry.as_ref()?.position)));
        Laid::open(rates, rules, &decimals, positions)
    }

    /// Returns whom the book does not call safe at these prices.
    fn looked_at(&mut self, rated: &[Rated<P::Rates>], rules: P::Rules) -> BTreeSet<u64> {
        let rates: Vec<_> = rated.iter().map(|rated| rated.usual().cloned()).collect();
        let refused = |rated: &Rated<_>| matches!(rated, Rated::Refused);
        let refused: Vec<_> = rated.iter().map(refused).collect();
        let laid = self.laid.as_mut();
        if !laid.is_some_and(|laid| laid.follow(&rates, &refused)) {
            self.laid = self.open(rates, rules);
        }
        match &self.laid {
            Some(laid) => laid.looked_at(),
            None => (0..self.entries.len() as u64).collect(),
        }
    }
}

impl<P: Protocol> Screen for Market<P> {
    fn take(&mut self, address: &Pubkey, account: &Account, slot: u64) -> Result<bool, CoreError> {
        let Account { owner, data, .. } = *account;
        if self.heard.get(address).is_some_and(|heard| *heard > slot) {
            return Ok(false);
        }
        let kept = || Kept {
            owner,
            data: data.to_vec(),
        };
        let kind = if owner == P::PROGRAM {
            P::kind(&self.address, address, data)
        } else {
            Kind::Other
        };
        match (kind, P::MARKET) {
            (Kind::Position, _) => self.take_position(address, data)?,
            (Kind::Reserve, _) => self.take_reserve(address, kept())?,
            (Kind::Market, Some(market)) => self.take_market(kept(), market)?,
            _ if !data.is_empty() && self.named.contains(address) => {
                self.accounts.insert(*address, kept());
            }
            _ => {
                let concerned = self.forget(address) || self.heard.contains_key(address);
                if !concerned && !data.is_empty() {
                    return Ok(false);
                }
                // What was closed stays so, whatever older state comes late.
                self.heard.insert(*address, slot);
                return Ok(concerned);
            }
        }
        self.heard.insert(*address, slot);
        Ok(true)
    }

    fn wanted(&self) -> Vec<Pubkey> {
        let named = self.named.iter().chain(&self.places.reserves);
        let absent = named.filter(|address| !self.accounts.contains_key(*address));
        absent.copied().collect()
    }

    fn suspects(&mut self, clock: Clock) -> Result<Vec<Pubkey>, CoreError> {
        let Some(Now { rules, rated }) = self.rated(clock) else {
            return Ok(Vec::new());
        };
        let filler = rated.iter().find_map(Rated::usual);
        let dense: Vec<P::Rates> = rated
            .iter()
            .filter_map(|it| it.usual().or(filler).cloned())
            .collect();
        let suspect = |entry: &&Entry<P>, rules: &P::Rules| {
            let places = P::reserves(&entry.position);
            let mut rated = places.filter_map(|place| rated.get(usize::from(place)));
            if rated.clone().any(|rated| matches!(rated, Rated::Refused)) {
                return false;
            }
            rated.any(|rated| matches!(rated, Rated::Unusual))
                || P::liquidatable(&entry.position, &dense, rules).unwrap_or(true)
        };
        let looked_at = self.looked_at(&rated, rules.clone());
        let entries = looked_at.into_iter();
        let entries = entries.filter_map(|id| self.entries.get(id as usize)?.as_ref());
        let found = entries.filter(|entry| suspect(entry, &rules));
        let mut suspects: Vec<_> = found.map(|entry| entry.address).collect();
        suspects.sort_unstable();
        Ok(suspects)
    }
}

fn malformed(address: &Pubkey, kind: &'static str, found: usize, expected: usize) -> CoreError {
    CoreError::Malformed {
        address: to_base58(address),
        kind,
        found,
        expected,
    }
}
