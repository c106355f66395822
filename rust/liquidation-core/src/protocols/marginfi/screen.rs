//! Whether the book's screen looks at one account, asked from raw accounts: what the conformance kit holds it to.

use lending_math::Pubkey;

use super::assessment::{assess, version_of, Assessed};
use super::health::emode;
use super::legs::{gate, legs, Gate, Leg};
use super::slots::{laid, Scales};
use super::world::World;
use crate::book::generic::kernels::Kernel;
use crate::book::generic::GenericBook;
use crate::protocols::adapter::{Accounts, Clock, Unanswered};
use crate::CoreError;

/// Returns whether a book of this account alone would have it looked at. `None`: the program could not say its health, or flags
/// keep it from being liquidated; the next version of an account is the next chance.
pub fn screened(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Option<bool>, Unanswered> {
    let world = World::new(accounts, clock, version_of(accounts, clock, position));
    world.demand(&[*position], &[])?;
    let Ok(assessed) = assess(&world, position) else {
        return Ok(None);
    };
    if gate(&assessed.account) == Gate::Blocked {
        return Ok(None);
    }
    match slots_of(&assessed) {
        Some((slots, amounts)) => Ok(Some(looked_at(&world, &assessed, &slots, &amounts)?)),
        None => Ok(Some(true)), // too large for the book: asked about at every tick
    }
}

fn slots_of(assessed: &Assessed) -> Option<(Vec<u16>, Vec<u64>)> {
    let (account, banks) = (&assessed.account, &assessed.banks);
    let legs = legs(account, |key| banks.held(key), &emode(account, banks)).ok()?;
    let place = |leg: &Leg| banks.0.iter().position(|bank| bank.key == leg.bank);
    laid(&legs, |leg| u16::try_from(place(leg)?).ok())
}

fn looked_at(
    world: &World,
    assessed: &Assessed,
    slots: &[u16],
    amounts: &[u64],
) -> Result<bool, CoreError> {
    let banks = &assessed.banks.0;
    let scales = Scales::of(banks, world);
    let assets = scales.assets(banks, world.version);
    let mut book = GenericBook::new(assets, Kernel::best())?;
    let mut prices = scales.first();
    scales.reprice(banks, world, &mut prices);
    book.tick(&prices, 1, 1)?;
    book.set_positions(&[0], &[0, slots.len() as u32], slots, amounts)?;
    Ok(!book.liquidatable().is_empty())
}
