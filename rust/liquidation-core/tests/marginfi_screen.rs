//! The book's legs against the program's own rule: what is liquidatable is never screened as healthy.

#![allow(clippy::unwrap_used)]

mod marginfi_trials;

use std::collections::HashMap;
use std::sync::LazyLock;

use lending_math::Pubkey;
use liquidation_core::book::generic::rule::{is_liquidatable, power, Factors};
use liquidation_core::fixed::i80f48::I80F48;
use liquidation_core::protocols::adapter::{Accounts, Clock};
use liquidation_core::protocols::marginfi::assessment::{assess, verdict, Assessed};
use liquidation_core::protocols::marginfi::health::emode;
use liquidation_core::protocols::marginfi::legs::{exponent_for, legs, mantissa, Class, DUST};
use liquidation_core::protocols::marginfi::version::{Outcome, Refusal, Version};
use liquidation_core::protocols::marginfi::world::World;
use marginfi_trials::{read, Trial};
use proptest::prelude::*;

const CLASSES: [Class; 3] = [Class::Collateral, Class::OwnWeight, Class::Debt];

fn trials() -> &'static [Trial] {
    static TRIALS: LazyLock<Vec<Trial>> = LazyLock::new(|| read("0.1.1").unwrap().1);
    &TRIALS
}

/// Judges an account by legs and slot prices alone.
fn screened(world: &World, assessed: &Assessed) -> Outcome<bool> {
    let banks = &assessed.banks;
    let mut slots: HashMap<(Pubkey, Class), (usize, i64)> = HashMap::new();
    let mut powers = vec![power(9, 0)]; // the quote itself, for the dust
    let legs = legs(
        &assessed.account,
        |key| banks.held(key),
        &emode(&assessed.account, banks),
    )?;
    for leg in &legs {
        let bank = banks.held(&leg.bank).ok_or(Refusal::Panic)?;
        for class in CLASSES {
            let exponent = exponent_for(I80F48::whole(1));
            let price = mantissa(bank, world, class, exponent)?;
            slots.insert((leg.bank, class), (powers.len(), price));
            powers.push(power(bank.decimals(world.version), exponent));
        }
    }
    let mut factors = Factors::new(&powers);
    let priced = |factors: &Factors, asset: usize, price: i64| {
        [0, 1].map(|side| {
            factors
                .of((2 * asset + side) as u16)
                .at(price.unsigned_abs(), 10_000)
        })
    };
    factors.set(0, priced(&factors, 0, 1));
    for (asset, price) in slots.values() {
        factors.set(*asset, priced(&factors, *asset, *price));
    }
    let mut all = vec![(1u16, DUST)];
    for leg in &legs {
        let (asset, _) = slots[&(leg.bank, leg.class)];
        all.push((
            (2 * asset + usize::from(leg.class == Class::Debt)) as u16,
            leg.quantity,
        ));
    }
    Ok(is_liquidatable(&factors, all.into_iter()))
}

/// Returns the exact verdict and the screen's, `None` where the program cannot judge.
fn both(accounts: &Accounts, clock: Clock, position: &Pubkey) -> Option<(bool, bool)> {
    let world = World::new(accounts, clock, Version::V0_1_1);
    let assessed = assess(&world, position).ok()?;
    let exact = verdict(&assessed) == "unhealthy";
    Some((exact, screened(&world, &assessed).ok()?))
}

#[test]
fn the_screen_misses_nobody_whom_the_program_liquidated() {
    let trials = trials();
    let (mut liquidated, mut extra, mut judged) = (0, 0, 0);
    for trial in trials {
        let Some((exact, screened)) = both(&trial.accounts(), trial.clock, &trial.request.position)
        else {
            continue;
        };
        assert!(screened || !exact, "missed");
        if trial.error == 0 {
            // Of other banks the program takes the share values as they lie, and all are brought to now here.
            let banks = trial.before.iter().filter(|(.., data)| data.len() == 1_864);
            assert!(
                screened || banks.count() > 2,
                "missed one that the program itself liquidated"
            );
            liquidated += 1;
        }
        judged += 1;
        extra += usize::from(screened && !exact);
    }
    assert!(liquidated > 300 && judged > 800, "{liquidated} of {judged}");
    assert!(
        extra * 20 < judged,
        "{extra} extra of {judged}: the screen says yes to too many"
    );
}

proptest! {
    /// Debts set to within a hair of the line, where a wrong rounding would show.
    #[test]
    fn the_screen_misses_nobody_at_the_line(number in 0usize..1_200, hair in -3i128..=3, wide: bool) {
        let mut trial = trials()[number].clone();
        let trial = &mut trial;
        let position = trial.request.position;
        let Some(shift) = debt_to_the_line(trial, &position) else { return Ok(()) };
        let step = if wide { 1 << 48 } else { 1 };
        let Some(account) = trial.before.iter_mut().find(|(key, ..)| *key == position) else { return Ok(()) };
        add_debt(&mut account.2, shift + hair * step);
        if let Some((exact, screened)) = both(&trial.accounts(), trial.clock, &position) {
            prop_assert!(screened || !exact);
        }
    }
}

/// Returns by how many bits of shares the first debt must grow for health to be about 0.
fn debt_to_the_line(trial: &Trial, position: &Pubkey) -> Option<i128> {
    let accounts = trial.accounts();
    let world = World::new(&accounts, trial.clock, Version::V0_1_1);
    let assessed = assess(&world, position).ok()?;
    let debt = assessed
        .account
        .balances()
        .find(|it| it.liability_shares >= I80F48::ONE)?;
    let health = assessed.totals.health().ok()?;
    let owed = assessed.totals.liabilities.bits();
    let part = I80F48::from_bits(health.bits()).over(I80F48::from_bits(owed.max(1)))?;
    debt.liability_shares.times(part).map(I80F48::bits)
}

fn add_debt(account: &mut [u8], bits: i128) {
    for slot in 0..16 {
        let at = 72 + 104 * slot + 56;
        let shares = i128::from_le_bytes(account[at..at + 16].try_into().unwrap());
        if shares >= 1 << 48 {
            account[at..at + 16].copy_from_slice(&shares.saturating_add(bits).to_le_bytes());
            return;
        }
    }
}
