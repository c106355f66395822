//! Mutates marginfi's accounts and asks every question of them: nothing may panic, whatever the bytes.
//!
//! `cargo run --release -p liquidation-core --example fuzz_marginfi -- --iterations 10000000 --seed 1`. Each iteration changes up
//! to eight places of one account of a recorded trial, decodes it as every kind of account, and asks what it would do under one of the two versions,
//! by the classic liquidation or a receivership.
//! Every 64th asks for the health, the best plan and the explanation as well.

#[path = "../tests/marginfi_trials/mod.rs"]
mod marginfi_trials;

use std::time::Instant;

use lending_math::Pubkey;
use liquidation_core::oracles::pyth::PriceUpdate;
use liquidation_core::oracles::switchboard::PullFeed;
use liquidation_core::protocols::adapter::{named, Account, Accounts, Adapter, Clock, Policy};
use liquidation_core::protocols::marginfi::bytes::Fields;
use liquidation_core::protocols::marginfi::emode::Emode;
use liquidation_core::protocols::marginfi::feed;
use liquidation_core::protocols::marginfi::group::Group;
use liquidation_core::protocols::marginfi::programs::{MARGINFI, PYTH_RECEIVER};
use liquidation_core::protocols::marginfi::version::Version;
use liquidation_core::protocols::marginfi::world::World;
use marginfi_trials::{read, Trial};

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut iterations, mut seed) = (10_000_000u64, 1u64);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        match name.as_str() {
            "--iterations" => iterations = value.parse()?,
            _ => seed = value.parse()?,
        }
    }
    let mut cases = read("0.1.1")?.1;
    cases.extend(read("0.1.9")?.1);
    let adapter = named("marginfi").ok_or("marginfi is not known")?;
    let (mut random, started) = (Random(seed | 1), Instant::now());
    let mut answered = 0u64;
    for iteration in 0..iterations {
        let number = random.below(cases.len());
        let Some(case) = cases.get_mut(number) else {
            continue;
        };
        let victim = random.below(case.before.len());
        let Some(account) = case.before.get_mut(victim) else {
            continue;
        };
        let kept = account.2.clone();
        mutate(&mut account.2, &mut random);
        let bytes = &account.2;
        answered += u64::from(decode(bytes, iteration % 2 == 0));
        answered += u64::from(ask(adapter, case, &mut random, iteration % 64 == 0));
        if let Some(account) = case.before.get_mut(victim) {
            account.2 = kept;
        }
        if iteration % 1_000_000 == 999_999 {
            println!(
                "{} iterations, {:.0} s",
                iteration + 1,
                started.elapsed().as_secs_f64()
            );
        }
    }
    println!("{iterations} iterations from seed {seed}, {answered} answers, no panic");
    Ok(())
}

/// Reads the bytes as every kind of account, and does with it what needs no other account.
fn decode(bytes: &[u8], is_old: bool) -> bool {
    const KEY: Pubkey = [7; 32];
    let version = if is_old {
        Version::V0_1_1
    } else {
        Version::V0_1_9
    };
    let account = |owner| {
        let data = bytes;
        let lamports = 1;
        Accounts::from([(
            KEY,
            Account {
                owner,
                lamports,
                data,
            },
        )])
    };
    let clock = Clock {
        slot: 320_000_000,
        unix_timestamp: 1_740_000_000,
    };
    let (own, priced) = (account(MARGINFI), account(PYTH_RECEIVER));
    let world = World::new(&own, clock, version);
    let mut answered = PriceUpdate::decode(bytes).is_some() || PullFeed::decode(bytes).is_some();
    let group = world.group(&KEY);
    let mut bank = world.bank(&KEY);
    if let Ok(bank) = &mut bank {
        let group = Group(Fields::of(bytes));
        answered |= bank.accrue(clock.unix_timestamp, &group, version).is_ok();
        answered |= bank.note_rates(clock.unix_timestamp, &group).is_ok();
        answered |= feed::load(bank, &world).is_ok() || feed::fixed(bank).is_ok();
        answered |= Emode::of(std::iter::once(&*bank)) == Emode::default();
    }
    if let Ok(mut account) = world.margin_account(&KEY) {
        account.sort();
        answered |= account.sync(clock.unix_timestamp, true).is_ok();
    }
    answered |= World::new(&priced, clock, version).account(&KEY).is_some();
    answered | group.is_ok_and(|group| group.is_paused(clock.unix_timestamp))
}

/// Changes up to eight places: a byte, a number at its end of the range, or the length.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len());
        match random.below(16) {
            0 => bytes.truncate(at),
            1 => bytes.extend([0; 40]),
            2..=5 => {
                let at = at & !7;
                let fill = [0, 0xff, 0x7f, 0x80][random.below(4)];
                let width = [8, 16][random.below(2)];
                if let Some(field) = bytes.get_mut(at..at + width) {
                    field.fill(if fill == 0xff || fill == 0 {
                        fill
                    } else {
                        fill ^ 0x7f ^ 0x80
                    });
                    if let Some(last) = field.last_mut() {
                        *last = fill;
                    }
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
        }
    }
}

fn ask(adapter: &dyn Adapter, case: &mut Trial, random: &mut Random, everything: bool) -> bool {
    let version = ["0.1.1", "0.1.9"][random.below(2)];
    case.request.version = Some(version.to_owned());
    case.request.instruction = Some(["v1", "v2"][random.below(2)].to_owned());
    let accounts = case.accounts();
    let mut answered = adapter
        .predict(&accounts, case.clock, &case.request)
        .is_ok();
    if everything {
        let position = &case.request.position;
        answered |= adapter.health(&accounts, case.clock, position).is_ok();
        answered |= adapter.explain(&accounts, case.clock, position).is_ok();
        let policy = Policy {
            position: Some(*position),
            liquidator: case.request.liquidator,
            balances: Default::default(),
            min_profit: 0,
            costs: 0,
            instruction: case.request.instruction.clone(),
            version: Some(version.to_owned()),
        };
        answered |= adapter.best_plan(&accounts, case.clock, &policy).is_ok();
    }
    answered
}
