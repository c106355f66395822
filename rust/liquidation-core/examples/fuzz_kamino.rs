//! Feeds Kamino's and its oracles' decoders, and predictions, with damaged recorded accounts: nothing may panic.
//!
//! `cargo run --release -p liquidation-core --example fuzz_kamino -- --iterations 10000000 --predictions 1000000`; without
//! `--release` arithmetic overflows panic too. The seeds are the accounts of the recorded transactions.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../tests/kamino/vectors.rs"]
#[allow(dead_code)]
mod vectors;

use std::time::Instant;

use liquidation_core::oracles::pyth::{LegacyPrice, PriceUpdate};
use liquidation_core::oracles::scope::{Prices, Product};
use liquidation_core::oracles::switchboard::PullFeed;
use liquidation_core::protocols::adapter::{named, Account, Accounts, Clock, Policy, Request};
use liquidation_core::protocols::kamino::legacy_feeds;
use liquidation_core::protocols::kamino::market::Market;
use liquidation_core::protocols::kamino::obligation::Obligation;
use liquidation_core::protocols::kamino::referral::TokenState;
use liquidation_core::protocols::kamino::reserve::Reserve;
use liquidation_core::protocols::kamino::slim::Position;

/// Xorshift: reproducible, and fast enough not to be what is measured.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Damages a few bytes: bit flips, extremes, copies, another length.
    fn damage(&mut self, data: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(data.len());
            let (value, width) = (self.next(), 1 << self.below(5));
            for byte in data.iter_mut().skip(at).take(width) {
                *byte = match value % 5 {
                    0 => *byte ^ 1 << (value >> 8 & 7),
                    1 => 0,
                    2 => 255,
                    3 => (value >> 16) as u8,
                    _ => byte.wrapping_add(1),
                };
            }
        }
        if self.below(16) == 0 {
            let length = self.below(data.len() + 9);
            data.resize(length, 7);
        }
    }
}

/// A recorded transaction's accounts, to be damaged.
struct Trial {
    clock: Clock,
    legs: [[u8; 32]; 3],
    accounts: Vec<([u8; 32], [u8; 32], Vec<u8>)>,
}

fn trials() -> Vec<Trial> {
    let trial = |vector: vectors::Vector| {
        let asked = vector.request;
        let accounts = vector.accounts.into_iter();
        Trial {
            clock: vector.clock,
            legs: [asked.position, asked.debt_reserve, asked.collateral_reserve],
            accounts: accounts
                .map(|(address, (owner, data))| (address, owner, data))
                .collect(),
        }
    };
    vectors::all().into_iter().map(trial).collect()
}

/// Returns whether an aggregator is read; owned by Switchboard, as the program demands.
fn aggregator(data: &[u8]) -> bool {
    let owner = [
        6, 136, 81, 198, 140, 104, 50, 240, 47, 165, 129, 177, 191, 73, 27, 119, 202, 65, 119, 107,
        162, 185, 136, 181, 166, 250, 186, 142, 227, 162, 236, 144,
    ];
    let account = Account {
        owner,
        lamports: 1,
        data,
    };
    legacy_feeds::switchboard(&account, None).is_ok_and(|feed| feed.is_some())
}

/// Returns whether a table is read; three chains through it are priced both ways.
fn scope(data: &[u8]) -> bool {
    let Some(prices) = Prices::decode(data) else {
        return false;
    };
    for chain in [[0, 1, 2, 3], [5, 511, 0, 65_535], [4, 9, 14, 512]] {
        let _ = prices.time(chain);
        let _ = prices.price(chain, Product::Narrow);
        let _ = prices.price(chain, Product::Wide);
    }
    true
}

fn decoders(trials: &[Trial], iterations: u64, random: &mut Random) {
    type Decoder = fn(&[u8]) -> bool;
    let all: [(&str, usize, Decoder); 10] = [
        ("reserve", 8624, |data| {
            Reserve::decode([3; 32], data).is_some_and(|it| it.encode().len() == data.len())
        }),
        ("obligation", 3344, |data| {
            Obligation::decode(data).is_some_and(|it| it.encode().len() == data.len())
        }),
        ("position", 3344, |data| {
            Position::read(data, |_| Some(0)).is_some()
        }),
        ("market", 4664, |data| Market::decode(data).is_some()),
        ("referrer", 360, |data| {
            TokenState::decode([3; 32], [4; 32], data).is_some()
        }),
        ("scope", 28_712, scope),
        ("legacy price", 3312, |data| {
            LegacyPrice::decode(data).is_some()
        }),
        ("aggregator", 3851, aggregator),
        ("price update", 134, |data| {
            PriceUpdate::decode(data).is_some()
        }),
        ("pull feed", 3208, |data| PullFeed::decode(data).is_some()),
    ];
    for (name, length, decode) in all {
        let accounts = trials.iter().flat_map(|trial| &trial.accounts);
        let seeds: Vec<&Vec<u8>> = accounts
            .map(|(_, _, data)| data)
            .filter(|data| data.len() == length)
            .collect();
        let (start, mut good, mut data) = (Instant::now(), 0u64, Vec::new());
        for round in 0..iterations {
            if round % 8 == 0 {
                data.clone_from(seeds[random.below(seeds.len())]); // up to eight damages pile up
            }
            random.damage(&mut data);
            good += u64::from(decode(&data));
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{name:14} {iterations} iterations, {good} decoded, {seconds:.1} s, no panic");
    }
}

fn version(random: &mut Random) -> Option<String> {
    let all = [
        "1.7", "1.9", "1.10", "1.11", "1.12.0", "1.12.8", "1.13", "1.14", "1.15", "1.16",
    ];
    Some(all[random.below(all.len())].to_owned())
}

fn predictions(trials: &[Trial], iterations: u64, random: &mut Random) {
    let kamino = named("kamino").expect("Kamino is listed");
    let (start, mut landed) = (Instant::now(), 0u64);
    for _ in 0..iterations {
        let trial = &trials[random.below(trials.len())];
        let mut copies = trial.accounts.clone();
        for _ in 0..random.below(3) {
            let at = random.below(copies.len());
            random.damage(&mut copies[at].2);
        }
        let accounts: Accounts = copies
            .iter()
            .map(|(address, owner, data)| {
                (
                    *address,
                    Account {
                        owner: *owner,
                        lamports: 1,
                        data,
                    },
                )
            })
            .collect();
        let [position, debt_reserve, collateral_reserve] = trial.legs;
        let request = Request {
            position,
            debt_reserve,
            collateral_reserve,
            amount: random.next() >> random.below(64),
            liquidator: None,
            min_received: 0,
            instruction: None,
            version: version(random),
        };
        let found = kamino.predict(&accounts, trial.clock, &request);
        landed += u64::from(found.is_ok_and(|found| found.error.is_none()));
        let policy = Policy {
            position: Some(position),
            liquidator: None,
            balances: std::collections::BTreeMap::new(),
            min_profit: 0,
            costs: 0,
            instruction: None,
            version: None,
        };
        if random.below(8) == 0 {
            let _ = kamino.explain(&accounts, trial.clock, &position); // health and the best plan included
            let _ = kamino.best_plan(&accounts, trial.clock, &policy);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("predictions    {iterations} iterations, {landed} landed, {seconds:.1} s, no panic");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, otherwise: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        let given = at.and_then(|at| arguments.get(at + 1)?.parse().ok());
        given.unwrap_or(otherwise)
    };
    let mut random = Random(number("--seed", 1).max(1));
    let trials = trials();
    decoders(&trials, number("--iterations", 100_000), &mut random);
    predictions(&trials, number("--predictions", 10_000), &mut random);
}
