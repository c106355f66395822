//! Feeds Kamino's and its oracles' decoders, and predictions, with damaged recorded accounts: nothing may panic.
//!
//! `cargo run --release -p liquidation-core --example fuzz_kamino -- --iterations 10000000 --predictions 1000000`; without
//! `--release` arithmetic overflows panic too. The seeds are the accounts of the recorded transactions.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod fuzzing;
#[path = "../tests/kamino/vectors.rs"]
#[allow(dead_code)]
mod vectors;

use fuzzing::{Decoder, Random, Trial};
use liquidation_core::oracles::pyth::{LegacyPrice, PriceUpdate};
use liquidation_core::oracles::scope::{Prices, Product};
use liquidation_core::oracles::switchboard::PullFeed;
use liquidation_core::protocols::adapter::Account;
use liquidation_core::protocols::kamino::legacy_feeds;
use liquidation_core::protocols::kamino::market::Market;
use liquidation_core::protocols::kamino::obligation::Obligation;
use liquidation_core::protocols::kamino::referral::TokenState;
use liquidation_core::protocols::kamino::reserve::Reserve;
use liquidation_core::protocols::kamino::slim::Position;

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

fn version(random: &mut Random) -> Option<String> {
    let all = [
        "1.7", "1.9", "1.10", "1.11", "1.12.0", "1.12.8", "1.13", "1.14", "1.15", "1.16",
    ];
    Some(all[random.below(all.len())].to_owned())
}

fn main() {
    let all: [Decoder; 10] = [
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
    fuzzing::run("kamino", &all, &trials(), version);
}
