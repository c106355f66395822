//! Times what Save costs per position: bytes to a verdict, and the exact verdict alone, on recorded accounts.
//!
//! `cargo run --release -p liquidation-core --example bench_save`. Medians of 31 rounds over all recorded positions with a
//! fast verdict, legs tripled to about five a position, everything hot in the cache. More than the goals of 1 µs from bytes to
//! a verdict and 0.2 µs for a verdict means that arithmetic left the fast path.
#![allow(clippy::unwrap_used)]

#[path = "../tests/save/recorded.rs"]
#[allow(dead_code)]
mod recorded;

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use liquidation_core::protocols::adapter::named;
use liquidation_core::protocols::save::confirm::{confirm, Position, Rates};
use liquidation_core::protocols::save::obligation::Obligation;
use liquidation_core::protocols::save::reserve::Reserve;
use liquidation_core::protocols::save::screen::{Quantities, Slots};

const ROUNDS: usize = 31;

/// An obligation's bytes and its refreshed reserves.
struct Case {
    bytes: Vec<u8>,
    places: HashMap<[u8; 32], u16>,
    rates: Vec<Rates>,
    table: Vec<Slots>,
    position: Position,
}

fn case(trial: &recorded::Trial) -> Option<Case> {
    trial.expected.error.is_none().then_some(())?;
    let mut obligation = Obligation::decode(trial.accounts[&trial.request.position].data).ok()?;
    let mut places = HashMap::new();
    let mut rates = Vec::new();
    for address in obligation.reserves() {
        let written = trial
            .expected
            .accounts_after
            .get(address)
            .map(Vec::as_slice);
        let data = written.unwrap_or(trial.accounts[address].data);
        if !places.contains_key(address) {
            places.insert(*address, rates.len() as u16);
            rates.push(Rates::of(&Reserve::decode(data).ok()?)?);
        }
    }
    for _ in obligation.deposits.len()..3 {
        obligation.deposits.push(*obligation.deposits.first()?);
    }
    for _ in obligation.borrows.len()..2 {
        obligation.borrows.push(*obligation.borrows.first()?);
    }
    let mut bytes = trial.accounts[&trial.request.position].data.to_vec();
    obligation.encode(&mut bytes).ok()?;
    let position = Position::read(&bytes, |key| places.get(key).copied()).ok()??;
    confirm(&position, &rates)?;
    let table = rates.iter().map(Slots::of).collect();
    Some(Case {
        bytes,
        places,
        rates,
        table,
        position,
    })
}

/// Prints the median time of one call.
fn time<T>(what: &str, cases: &[Case], mut call: impl FnMut(&Case) -> T) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for case in cases {
                black_box(call(black_box(case)));
            }
            start.elapsed().as_secs_f64() * 1e9 / cases.len() as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{what:44} {:8.0} ns", rounds[ROUNDS / 2]);
}

fn main() {
    let unpacked = recorded::unpack();
    let trials = recorded::trials(&unpacked);
    let cases: Vec<_> = trials.iter().filter_map(case).collect();
    let legs: usize = cases.iter().map(|case| case.position.legs.len()).sum();
    println!(
        "{} positions, {:.1} legs each",
        cases.len(),
        legs as f64 / cases.len() as f64
    );
    time("exact verdict", &cases, |case| {
        confirm(&case.position, &case.rates)
    });
    time("bytes decoded", &cases, |case| {
        Position::read(&case.bytes, |key| case.places.get(key).copied())
    });
    time("bytes decoded, screened, exact verdict", &cases, |case| {
        let position = Position::read(&case.bytes, |key| case.places.get(key).copied());
        let position = position.ok().flatten()?;
        let screened = Quantities::of(&position, &case.rates).may_be_liquidatable(&case.table);
        Some((screened, confirm(&position, &case.rates)))
    });
    let save = named("save").unwrap();
    let landed: Vec<_> = trials
        .iter()
        .filter(|trial| trial.expected.error.is_none())
        .collect();
    let start = Instant::now();
    for trial in &landed {
        black_box(
            save.predict(&trial.accounts, trial.clock, &trial.request)
                .unwrap(),
        );
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / landed.len() as f64;
    println!(
        "{:44} {each:8.1} µs",
        "whole prediction, reserves and oracles too"
    );
}
