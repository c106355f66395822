//! Whether the program would liquidate an account now, every bank brought to now.

use super::account::{flag, MarginAccount, EMPTY};
use super::bank::{Bank, Requirement};
use super::health::{check_loads, totals, Banks, Totals};
use super::refusal::{Outcome, Refusal};
use super::version::Version;
use super::world::World;
use crate::fixed::i80f48::I80F48;
use crate::protocols::adapter::{Accounts, Clock, Health, Unanswered, Wide};

use lending_math::Pubkey;

/// Flags under which nobody can liquidate.
pub const BLOCKED: u64 = flag::IN_FLASHLOAN | flag::IN_RECEIVERSHIP;

/// An account and its banks at one time.
pub struct Assessed<'a> {
    /// The account.
    pub account: MarginAccount<'a>,
    /// Its banks, brought to now.
    pub banks: Banks<'a>,
    /// Its maintenance values.
    pub totals: Totals,
}

/// Returns the version that an account's banks are written for.
#[must_use]
pub fn version_of(accounts: &Accounts, clock: Clock, position: &Pubkey) -> Version {
    let world = World::new(accounts, clock, Version::V0_1_9);
    let Ok(account) = world.margin_account(position) else {
        return Version::V0_1_9;
    };
    let banks = account
        .balances()
        .filter_map(|it| world.bank(&it.bank).ok());
    version_for(&banks.collect::<Vec<_>>())
}

/// Returns the version that banks are written for: 0.1.1 where some have the old curve and none the new one.
#[must_use]
pub fn version_for(banks: &[Bank]) -> Version {
    let is_new = |bank: &Bank| bank.fields.byte(544) != 0;
    let is_old = |bank: &Bank| bank.fields.number(368) != I80F48::ZERO;
    if banks.iter().any(is_old) && !banks.iter().any(is_new) {
        Version::V0_1_1
    } else {
        Version::V0_1_9
    }
}

/// Returns the account with its maintenance values, or why the program could not say them.
pub fn assess<'a>(world: &World<'a>, position: &Pubkey) -> Outcome<Assessed<'a>> {
    let mut account = world.margin_account(position)?;
    if !world.version.is_old() {
        account.sort();
    }
    let group = world.group(&account.group())?;
    group.check_length()?;
    let mut banks = Banks(Vec::new());
    banks.take(&account, world)?;
    for bank in &mut banks.0 {
        bank.accrue(world.clock.unix_timestamp, &group, world.version)?;
    }
    if world.version.is_old() {
        check_loads(&account, &banks, world)?;
    }
    let totals = totals(&account, &banks, world, Requirement::Maintenance)?;
    Ok(Assessed {
        account,
        banks,
        totals,
    })
}

/// Returns the health of an account.
pub fn health(accounts: &Accounts, clock: Clock, position: &Pubkey) -> Result<Health, Unanswered> {
    let world = World::new(accounts, clock, version_of(accounts, clock, position));
    world.demand(&[*position], &[])?;
    Ok(match assess(&world, position) {
        Ok(assessed) => told(&assessed),
        Err(refusal) => Health {
            numerator: wide(I80F48::ZERO),
            denominator: wide(I80F48::ZERO),
            liquidatable: false,
            reason: refusal.name(world.version),
        },
    })
}

fn told(assessed: &Assessed) -> Health {
    let reason = verdict(assessed);
    Health {
        numerator: wide(assessed.totals.assets),
        denominator: wide(assessed.totals.liabilities),
        liquidatable: reason == "unhealthy",
        reason: reason.to_owned(),
    }
}

/// Returns "unhealthy", or why nobody can liquidate.
#[must_use]
pub fn verdict(assessed: &Assessed) -> &'static str {
    let account = &assessed.account;
    if !account.balances().any(|it| it.liability_shares >= EMPTY) {
        return "no debt";
    }
    match assessed.totals.health() {
        Ok(health) if health > I80F48::ZERO => "healthy",
        Err(_) => "error 6062",
        Ok(_) if account.has_flag(BLOCKED) => "account is in use",
        Ok(_) if !account.balances().any(|it| it.asset_shares >= EMPTY) => "no collateral",
        Ok(_) => "unhealthy",
    }
}

/// Returns a number's bits; nothing here is below 0.
#[must_use]
pub fn wide(number: I80F48) -> Wide {
    let mut wide = [0; 32];
    let bits = number.bits().max(0).to_le_bytes();
    wide.iter_mut().zip(bits).for_each(|(to, from)| *to = from);
    wide
}

/// Returns why nothing can be planned for an account that is not to be liquidated.
#[must_use]
pub fn refusal(outcome: Outcome<&Assessed>, version: Version) -> Option<String> {
    match outcome {
        Err(Refusal::Panic) => Some("error -1".to_owned()),
        Err(refusal) => Some(refusal.name(version)),
        Ok(assessed) => match verdict(assessed) {
            "unhealthy" => None,
            reason => Some(reason.to_owned()),
        },
    }
}
