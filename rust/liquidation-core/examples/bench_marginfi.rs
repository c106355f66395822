//! How long marginfi's arithmetic takes, on one thread: `cargo run --release -p liquidation-core --example bench_marginfi`.
//!
//! Accounts are the recorded trials', about three balances each. `decode` reads an account's bytes and finds its banks; `confirm` is the
//! exact verdict of a decoded account at prices that are there; `predict` is a whole liquidation with its accounts afterwards.
//! Medians of 31 rounds; a regression of `confirm` above 0.15 µs means that a confirmed tick costs more than its screen.

#[path = "../tests/marginfi_trials/mod.rs"]
mod marginfi_trials;

use std::hint::black_box;
use std::time::Instant;

use liquidation_core::protocols::adapter::{named, Adapter};
use liquidation_core::protocols::marginfi::confirm::{Banks, Decoded};
use liquidation_core::protocols::marginfi::version::Version;
use liquidation_core::protocols::marginfi::world::World;
use marginfi_trials::{read, Trial};

const ROUNDS: usize = 31;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (_, trials) = read("0.1.1")?;
    let trials: Vec<&Trial> = trials.iter().filter(|trial| trial.error == 0).collect();
    let given: Vec<_> = trials.iter().map(|trial| trial.accounts()).collect();
    let worlds = trials.iter().zip(&given);
    let worlds: Vec<World> = worlds
        .map(|(trial, given)| World::new(given, trial.clock, Version::V0_1_1))
        .collect();
    let mut cases = Vec::new();
    for (trial, world) in trials.iter().zip(&worlds) {
        let read = || {
            let account = world.margin_account(&trial.request.position)?;
            let group = world.group(&account.group())?;
            let keys: Vec<_> = account.balances().map(|it| it.bank).collect();
            let banks = Banks::at(world, &keys, &group)?;
            Ok::<_, liquidation_core::protocols::marginfi::version::Refusal>((account, banks))
        };
        cases.extend(read().ok());
    }
    let decoded: Vec<Decoded> = cases
        .iter()
        .filter_map(|(account, banks)| banks.decode(account, true).ok().flatten())
        .collect();
    let legs: usize = decoded.iter().map(|account| account.legs.len()).sum();
    let each = legs as f64 / decoded.len() as f64;
    println!("{} accounts, {each:.1} balances each", decoded.len());
    report("decode", cases.len(), || {
        for (account, banks) in &cases {
            black_box(banks.decode(black_box(account), true).ok());
        }
    });
    report("confirm", decoded.len(), || {
        for (account, (_, banks)) in decoded.iter().zip(&cases) {
            black_box(banks.confirm(black_box(account)).ok());
        }
    });
    report("decode and confirm", cases.len(), || {
        for (account, banks) in &cases {
            let decoded = banks.decode(black_box(account), true).ok().flatten();
            black_box(decoded.map(|account| banks.confirm(&account)));
        }
    });
    let adapter: &dyn Adapter = named("marginfi").ok_or("marginfi is not known")?;
    report("predict", trials.len(), || {
        for (trial, accounts) in trials.iter().zip(&given) {
            black_box(adapter.predict(accounts, trial.clock, &trial.request).ok());
        }
    });
    Ok(())
}

fn report(name: &str, count: usize, mut work: impl FnMut()) {
    let mut rounds = [0.0; ROUNDS];
    for round in &mut rounds {
        let started = Instant::now();
        work();
        *round = started.elapsed().as_secs_f64() * 1e6 / count as f64;
    }
    rounds.sort_by(f64::total_cmp);
    if let (Some(least), Some(median)) = (rounds.first(), rounds.get(ROUNDS / 2)) {
        println!("{name:<20} {median:8.3} µs (least {least:.3})");
    }
}
