//! Feeds Save's and Pyth's decoders, and predictions, with damaged real accounts: nothing may panic.
//!
//! `cargo run --release -p liquidation-core --example fuzz_save -- --iterations 10000000 --predictions 1000000`; without
//! `--release` arithmetic overflows panic too. The seeds are the accounts of the recorded transactions.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod fuzzing;
#[path = "../tests/save/recorded.rs"]
#[allow(dead_code)]
mod recorded;

use fuzzing::{Decoder, Trial};
use liquidation_core::oracles::pyth::{LegacyPrice, PriceUpdate};
use liquidation_core::protocols::save::market::Market;
use liquidation_core::protocols::save::obligation::Obligation;
use liquidation_core::protocols::save::reserve::Reserve;
use liquidation_core::protocols::save::switchboard::{aggregator_price, feed_price};

fn trials() -> Vec<Trial> {
    let unpacked = recorded::unpack();
    let trial = |trial: recorded::Trial| {
        let asked = trial.request;
        let accounts = trial.accounts.into_iter();
        Trial {
            clock: trial.clock,
            legs: [asked.position, asked.debt_reserve, asked.collateral_reserve],
            accounts: accounts
                .map(|(address, account)| (address, account.owner, account.data.to_vec()))
                .collect(),
        }
    };
    recorded::trials(&unpacked).into_iter().map(trial).collect()
}

fn main() {
    let all: [Decoder; 7] = [
        ("reserve", 619, |data| Reserve::decode(data).is_ok()),
        ("obligation", 1300, |data| Obligation::decode(data).is_ok()),
        ("market", 290, |data| Market::decode(data).is_ok()),
        ("price update", 134, |data| {
            PriceUpdate::decode(data).is_some()
        }),
        ("legacy price", 3312, |data| {
            LegacyPrice::decode(data).is_some()
        }),
        ("aggregator", 3851, |data| {
            aggregator_price(data, 300_000_000, true).is_ok()
        }),
        ("feed", 3208, |data| feed_price(data, 300_000_000).is_ok()),
    ];
    fuzzing::run("save", &all, &trials(), |_| None);
}
