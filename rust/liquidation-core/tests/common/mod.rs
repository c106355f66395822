//! A small market as account bytes, and a plain recomputation of who needs an act.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)] // shared by several test binaries, each using its part

use std::collections::BTreeMap;

use lending_math::health::{Health, PricedLeg};
use lending_math::interest::{debt_of, index_at};
use lending_math::price::unit_of;
use lending_math::state::{
    Config, Market, Oracle, Position, Reserve, Side, MARKET_LEN, ORACLE_LEN, POSITION_LEN,
    RESERVE_LEN,
};
use lending_math::{Pubkey, WAD};
use liquidation_core::book::{Account, Book};

pub const PROGRAM: Pubkey = [9; 32];
pub const MARKET: Pubkey = [8; 32];
pub const OTHER: Pubkey = [7; 32];

/// An address of one kind.
pub fn address(kind: u8, number: u8) -> Pubkey {
    let mut address = [0; 32];
    (address[0], address[1]) = (kind, number);
    address
}

pub fn reserve_at(number: u8) -> Pubkey {
    address(1, number)
}

pub fn oracle_at(number: u8) -> Pubkey {
    address(2, number)
}

pub fn position_at(number: u8) -> Pubkey {
    address(3, number)
}

pub const CONFIG: Config = Config {
    ltv_bps: 7_000,
    liquidation_threshold_bps: 8_000,
    borrow_factor_bps: 11_000,
    min_bonus_bps: 200,
    max_bonus_bps: 1_000,
    close_factor_bps: 5_000,
    protocol_fee_bps: 1_000,
    max_confidence_bps: 200,
    interest_rate_bps: 1_000_000,
    max_oracle_age_slots: 150,
    dust_limit_micro_usd: 1_000_000,
};

pub fn market_data(paused: bool) -> Vec<u8> {
    let (owner, id) = ([1; 32], 1);
    let (insurance_authority, creator) = (owner, owner);
    let market = Market {
        bump: 1,
        paused,
        owner,
        insurance_authority,
        id,
        reserve_count: 4,
        creator,
    };
    let mut data = vec![0; MARKET_LEN];
    market.encode(&mut data).unwrap();
    data
}

pub fn reserve(number: u8) -> Reserve {
    Reserve {
        bump: 1,
        decimals: 6,
        market: MARKET,
        mint: address(4, number),
        vault: address(5, number),
        oracle: oracle_at(number),
        config: CONFIG,
        total_deposits: 0,
        total_debt_shares: 0,
        borrow_index: WAD,
        accrued_slot: 0,
        bad_debt_total: 0,
        bad_debt_covered: 0,
        liquidations: 0,
    }
}

pub fn reserve_data(reserve: &Reserve) -> Vec<u8> {
    let mut data = vec![0; RESERVE_LEN];
    reserve.encode(&mut data).unwrap();
    data
}

/// An oracle in cents: `price` 100 is one USD a whole token.
pub fn oracle_data(number: u8, price: u64, confidence: u64, slot: u64) -> Vec<u8> {
    let oracle = Oracle {
        bump: 1,
        exponent: -2,
        authority: [1; 32],
        mint: address(4, number),
        price,
        confidence,
        slot,
        updates: 1,
    };
    let mut data = vec![0; ORACLE_LEN];
    oracle.encode(&mut data).unwrap();
    data
}

pub fn position_data(version: u64, slot: u64, legs: &[(u8, Side, u64)]) -> Vec<u8> {
    let mut position = Position::new(1, MARKET, [6; 32], 1);
    (position.version, position.last_update_slot) = (version, slot);
    for (reserve, side, amount) in legs {
        position
            .increase(&reserve_at(*reserve), *side, *amount)
            .unwrap();
    }
    let mut data = vec![0; POSITION_LEN];
    position.encode(&mut data).unwrap();
    data
}

/// One account's state, owned.
#[derive(Clone, Debug)]
pub struct State {
    pub address: Pubkey,
    pub owner: Pubkey,
    pub slot: u64,
    pub data: Vec<u8>,
}

impl State {
    pub fn new(address: Pubkey, slot: u64, data: Vec<u8>) -> State {
        State {
            address,
            owner: PROGRAM,
            slot,
            data,
        }
    }

    pub fn account(&self) -> Account<'_> {
        Account {
            address: &self.address,
            owner: &self.owner,
            slot: self.slot,
            data: &self.data,
        }
    }
}

/// The newest state of every account: the chain, as far as it was told.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    pub accounts: BTreeMap<Pubkey, State>,
}

impl Chain {
    /// Takes a state unless it is older than the one known; returns whether it was taken.
    pub fn take(&mut self, state: &State) -> bool {
        let older = self
            .accounts
            .get(&state.address)
            .is_some_and(|known| state.slot < known.slot);
        if !older {
            self.accounts.insert(state.address, state.clone());
        }
        !older
    }

    fn read<T>(&self, address: &Pubkey, decode: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let state = self.accounts.get(address)?;
        decode(&state.data).filter(|_| state.owner == PROGRAM)
    }

    /// Returns the positions that need an act at `now`, each judged anew from its bytes.
    pub fn needing(&self, now: u64) -> Vec<Pubkey> {
        let positions = self.accounts.keys().filter(|address| address[0] == 3);
        positions
            .filter(|address| self.needs_an_act(address, now))
            .copied()
            .collect()
    }

    fn needs_an_act(&self, address: &Pubkey, now: u64) -> bool {
        let Some(position) = self.read(address, |data| Position::decode(data).ok()) else {
            return false;
        };
        if !position.has(Side::Debt) || !position.has(Side::Collateral) {
            return position.has(Side::Debt);
        }
        let paused = self
            .read(&MARKET, |data| Market::decode(data).ok())
            .is_some_and(|market| market.paused);
        !paused
            && self
                .health(&position, now)
                .is_some_and(|health| health.is_liquidatable())
    }

    fn health(&self, position: &Position, now: u64) -> Option<Health> {
        let mut legs = Vec::new();
        for leg in position.legs() {
            let reserve = self.read(&leg.reserve, |data| Reserve::decode(data).ok())?;
            let oracle = self.read(&reserve.oracle, |data| Oracle::decode(data).ok())?;
            let unit = unit_of(&oracle, &reserve, now).ok()?;
            let tokens = match leg.side {
                Side::Collateral => leg.amount,
                Side::Debt => debt_of(leg.amount, index_at(&reserve, now).ok()?).ok()?,
            };
            legs.push(PricedLeg::new(leg.side, tokens, unit, &reserve.config));
        }
        Health::of(&legs).ok()
    }
}

/// A book with `reserves` reserves at one USD, ticked to `slot`.
pub fn book(reserves: u8, slot: u64) -> (Book, Chain) {
    let mut chain = Chain::default();
    let mut states = vec![State::new(MARKET, 1, market_data(false))];
    for number in 0..reserves {
        states.push(State::new(
            reserve_at(number),
            1,
            reserve_data(&reserve(number)),
        ));
        states.push(State::new(
            oracle_at(number),
            1,
            oracle_data(number, 100, 0, slot),
        ));
    }
    let mut book = Book::new(PROGRAM, MARKET);
    for state in &states {
        book.apply(&state.account()).unwrap();
        chain.take(state);
    }
    book.tick(slot, 0);
    (book, chain)
}
