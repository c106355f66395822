//! marginfi in a generic book against the program's own rule: what is liquidatable is never screened as healthy.

#![allow(clippy::unwrap_used)]

mod marginfi_trials;

use std::sync::LazyLock;

use lending_math::Pubkey;
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::fixed::i80f48::I80F48;
use liquidation_core::protocols::adapter::{named, Account};
use liquidation_core::protocols::marginfi::assessment::{assess, verdict, Assessed};
use liquidation_core::protocols::marginfi::bank::Bank;
use liquidation_core::protocols::marginfi::emode::fallen;
use liquidation_core::protocols::marginfi::health::emode;
use liquidation_core::protocols::marginfi::legs::{gate, legs, Class, Gate, Leg};
use liquidation_core::protocols::marginfi::programs::PYTH_RECEIVER;
use liquidation_core::protocols::marginfi::slots::{laid, Scales};
use liquidation_core::protocols::marginfi::version::Version;
use liquidation_core::protocols::marginfi::world::World;
use marginfi_trials::{read, Trial};
use proptest::prelude::*;

/// All trials of both versions.
fn trials() -> &'static [Trial] {
    static TRIALS: LazyLock<Vec<Trial>> = LazyLock::new(|| {
        let mut all = read("0.1.1").unwrap().1;
        all.extend(read("0.1.9").unwrap().1);
        all
    });
    &TRIALS
}

fn version(trial: &Trial) -> Version {
    Version::named(trial.request.version.as_deref()).unwrap()
}

/// One account in a generic book of its banks.
struct Screen {
    book: GenericBook,
    scales: Scales,
    prices: Vec<i64>,
    legs: Vec<Leg>,
}

impl Screen {
    fn open(world: &World, assessed: &Assessed) -> Option<Screen> {
        let banks = &assessed.banks.0;
        let scales = Scales::of(banks, world);
        let assets = scales.assets(banks, world.version);
        let mut book = GenericBook::new(assets, Kernel::best()).unwrap();
        let granted = emode(&assessed.account, &assessed.banks);
        let legs = legs(&assessed.account, |key| assessed.banks.held(key), &granted).ok()?;
        let place = |leg: &Leg| Some(banks.iter().position(|bank| bank.key == leg.bank)? as u16);
        let (slots, amounts) = laid(&legs, place)?;
        let offsets = [0, slots.len() as u32];
        book.set_positions(&[7], &offsets, &slots, &amounts)
            .unwrap();
        let prices = scales.first();
        Some(Screen {
            book,
            scales,
            prices,
            legs,
        })
    }

    /// Moves the book to the banks' prices and returns whether the account is to be looked at.
    fn looks_at(&mut self, world: &World, banks: &[Bank], cut: I80F48) -> bool {
        self.scales.reprice(banks, world, &mut self.prices);
        let mut prices = self.prices.clone();
        for own in prices.iter_mut().skip(2).step_by(3) {
            let less = I80F48::from_i128((*own).into()).unwrap().times(cut);
            *own = less.unwrap().to_i128() as i64;
        }
        self.book.tick(&prices, 1, 1).unwrap();
        self.book.liquidatable() == [7]
    }
}

/// Returns the exact verdict and the screen's, `None` where the program cannot judge.
fn both(trial: &Trial) -> Option<(bool, bool)> {
    let accounts = trial.accounts();
    let world = World::new(&accounts, trial.clock, version(trial));
    let assessed = assess(&world, &trial.request.position).ok()?;
    let exact = verdict(&assessed) == "unhealthy";
    let mut screen = Screen::open(&world, &assessed)?;
    let seen = screen.looks_at(&world, &assessed.banks.0, I80F48::ONE);
    Some((exact, seen))
}

#[test]
fn the_screen_misses_nobody_whom_the_program_liquidated() {
    let (mut liquidated, mut extra, mut judged) = (0, 0, 0);
    for trial in trials() {
        let Some((exact, screened)) = both(trial) else {
            continue;
        };
        assert!(screened || !exact, "missed");
        if trial.error == 0 {
            // Of other banks, and at a receivership's start of all, the program takes the share values as they lie.
            let banks = trial.before.iter().filter(|(.., data)| data.len() == 1_864);
            let is_received = trial.request.instruction.as_deref() == Some("v2");
            assert!(
                screened || is_received || banks.count() > 2,
                "missed one that the program itself liquidated: {:?}",
                trial.request
            );
            liquidated += 1;
        }
        judged += 1;
        extra += usize::from(screened && !exact);
    }
    assert!(
        liquidated > 700 && judged > 1_700,
        "{liquidated} of {judged}"
    );
    assert!(
        extra * 20 < judged,
        "{extra} extra of {judged}: the screen says yes to too many"
    );
}

#[test]
fn whom_nobody_can_liquidate_is_gated_by_the_accounts_flags() {
    let mut gated = 0;
    for trial in trials() {
        let accounts = trial.accounts();
        let world = World::new(&accounts, trial.clock, version(trial));
        let Ok(account) = world.margin_account(&trial.request.position) else {
            continue;
        };
        if gate(&account) == Gate::Blocked {
            gated += 1;
            assert!(trial.error != 0, "liquidated while in use");
        }
    }
    assert!(gated > 10, "{gated}");
}

#[test]
fn a_group_kept_in_step_suspects_whom_health_calls_liquidatable_and_nobody_else() {
    let (mut suspected, mut cleared) = (0, 0);
    let adapter = named("marginfi").unwrap();
    for trial in trials() {
        let (accounts, position) = (trial.accounts(), trial.request.position);
        let world = World::new(&accounts, trial.clock, version(trial));
        let Ok(account) = world.margin_account(&position) else {
            continue;
        };
        let Ok(health) = adapter.health(&accounts, trial.clock, &position) else {
            continue; // an old curve in a newer state: other accounts are asked for
        };
        let group = account.group();
        let is_foreign = |(.., data): &(Pubkey, Pubkey, Vec<u8>)| {
            data.len() == 1_864 && data.get(41..73) != Some(&group)
        };
        if trial.before.iter().any(is_foreign) {
            continue; // no account has a balance in another group's bank
        }
        let mut screen = adapter.screen(&group).unwrap();
        for round in 0..2 {
            // Prices are taken once a bank has named them.
            for (key, account) in &accounts {
                screen.take(key, account, round).unwrap();
            }
        }
        let suspects = screen.suspects(trial.clock).unwrap();
        let is_suspect = suspects.contains(&position);
        assert!(
            is_suspect || !health.liquidatable,
            "missed: {health:?} {:?}",
            trial.request.version
        );
        suspected += usize::from(is_suspect);
        cleared += usize::from(!is_suspect);
        let (key, account) = accounts.get_key_value(&position).unwrap();
        screen
            .take(
                key,
                &Account {
                    data: &[],
                    ..*account
                },
                9,
            )
            .unwrap();
        assert!(!screen.suspects(trial.clock).unwrap().contains(&position));
    }
    assert!(suspected > 800 && cleared > 500, "{suspected}, {cleared}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Debts set to within a hair of the line, where a wrong rounding would show.
    #[test]
    fn the_screen_misses_nobody_at_the_line(number in 0usize..2_400, hair in -3i128..=3, wide: bool) {
        let mut trial = trials()[number].clone();
        let Some(shift) = debt_to_the_line(&trial) else { return Ok(()) };
        let step = if wide { 1 << 48 } else { 1 };
        let position = trial.request.position;
        let Some(account) = account_of(&mut trial, &position) else { return Ok(()) };
        add_debt(account, shift + hair * step);
        if let Some((exact, screened)) = both(&trial) {
            prop_assert!(screened || !exact);
        }
    }

    /// Prices that move after the book was opened.
    #[test]
    fn the_screen_misses_nobody_while_prices_move(number in 0usize..2_400, steps in prop::collection::vec(500u32..2_000, 1..6)) {
        let trial = &trials()[number];
        let accounts = trial.accounts();
        let world = World::new(&accounts, trial.clock, version(trial));
        let Ok(assessed) = assess(&world, &trial.request.position) else { return Ok(()) };
        let Some(mut screen) = Screen::open(&world, &assessed) else { return Ok(()) };
        let mut moved = trial.clone();
        for (number, step) in steps.into_iter().enumerate() {
            move_price(&mut moved, number, step);
            let accounts = moved.accounts();
            let world = World::new(&accounts, trial.clock, version(trial));
            let Ok(assessed) = assess(&world, &trial.request.position) else { return Ok(()) };
            let screened = screen.looks_at(&world, &assessed.banks.0, I80F48::ONE);
            prop_assert!(screened || verdict(&assessed) != "unhealthy");
        }
    }

    /// E-mode weights that fall while the account's legs are still the old ones.
    #[test]
    fn the_screen_misses_nobody_while_emode_shrinks(number in 1_200usize..2_400, part in 0u8..=100) {
        let trial = &trials()[number];
        let accounts = trial.accounts();
        let world = World::new(&accounts, trial.clock, version(trial));
        let Ok(before) = assess(&world, &trial.request.position) else { return Ok(()) };
        let Some(mut screen) = Screen::open(&world, &before) else { return Ok(()) };
        if !screen.legs.iter().any(|leg| leg.class == Class::OwnWeight) { return Ok(()) }
        let mut shrunk = trial.clone();
        for (.., data) in &mut shrunk.before {
            if data.len() == 1_864 { shrink(data, part) }
        }
        let accounts = shrunk.accounts();
        let world = World::new(&accounts, trial.clock, version(trial));
        let Ok(after) = assess(&world, &trial.request.position) else { return Ok(()) };
        let parts = before.banks.0.iter().zip(&after.banks.0).map(|(before, after)| fallen(before, after));
        let cut = parts.fold(I80F48::ONE, I80F48::min);
        let screened = screen.looks_at(&world, &after.banks.0, cut);
        prop_assert!(screened || verdict(&after) != "unhealthy");
    }
}

fn account_of<'t>(trial: &'t mut Trial, address: &Pubkey) -> Option<&'t mut Vec<u8>> {
    let found = trial.before.iter_mut().find(|(key, ..)| key == address);
    found.map(|(.., data)| data)
}

/// Returns by how many bits of shares the first debt must grow for health to be about 0.
fn debt_to_the_line(trial: &Trial) -> Option<i128> {
    let accounts = trial.accounts();
    let world = World::new(&accounts, trial.clock, version(trial));
    let assessed = assess(&world, &trial.request.position).ok()?;
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

/// Multiplies one of the Pyth prices by so many thousandths.
fn move_price(trial: &mut Trial, number: usize, thousandths: u32) {
    let prices = trial.before.iter_mut();
    let mut prices: Vec<_> = prices
        .filter(|(_, owner, data)| *owner == PYTH_RECEIVER && data.len() == 134 && data[40] == 1)
        .collect();
    let count = prices.len().max(1);
    if let Some((.., data)) = prices.get_mut(number % count) {
        let price = i64::from_le_bytes(data[73..81].try_into().unwrap());
        let moved = i128::from(price) * i128::from(thousandths) / 1_000;
        let moved = i64::try_from(moved).unwrap_or(price);
        data[73..81].copy_from_slice(&moved.to_le_bytes());
    }
}

/// Takes so many percent of every e-mode weight; at 0 the entries are gone.
fn shrink(bank: &mut [u8], percent: u8) {
    for entry in 0..10 {
        let at = 944 + 40 * entry;
        if percent == 0 {
            bank[at..at + 40].fill(0);
        }
        let weight = i128::from_le_bytes(bank[at + 24..at + 40].try_into().unwrap());
        let less = weight * i128::from(percent) / 100;
        bank[at + 24..at + 40].copy_from_slice(&less.to_le_bytes());
    }
}
