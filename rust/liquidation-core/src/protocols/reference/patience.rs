//! How long a verdict holds if no account changes: what spares a tick from judging everybody.
//!
//! Only two things happen by time alone: debts grow, and prices become too old. The bound is one-sided: a verdict may
//! be looked at again too early, never too late.
//!
//! With `Y = 10⁴·SLOTS_PER_YEAR`, a debt of `s` shares that weighs `w` now weighs less than
//! `w·(1 + r·Δ/Y) + (s/WAD + 1)·u + 1` after `Δ` slots: the projected index grows by at most `index·r·Δ/Y + 1`, and both
//! roundings up add less than one token, which weighs `u ≤ debt_grain`.

use lending_math::health::Health;
use lending_math::state::Side;
use lending_math::wide::mul_div;
use lending_math::{BPS, SLOTS_PER_YEAR, WAD};

use super::health::{Judgement, LegAt, Verdict};
use super::pricing::Standing;
use crate::book::timers::NEVER;

const YEAR: u64 = BPS * SLOTS_PER_YEAR;
const WHOLE: u64 = WAD as u64;

/// Figures above these are looked at in every slot, so that doubling them below cannot overflow.
const LARGE_TOKENS_WAD: u128 = WAD << 62;
const LARGE: u128 = 1 << 100;

/// Returns the first slot at which whether the position needs an act may be otherwise than at `now`.
#[must_use]
pub fn next_look<'a, L>(legs: L, judgement: &Judgement, now: u64) -> u64
where
    L: Iterator<Item = LegAt<'a>> + Clone,
{
    match (judgement.verdict, judgement.health) {
        (Verdict::Liquidatable, Some(health)) => {
            let grown = now.saturating_add(undoubled_slots(legs.clone(), &health));
            grown.min(first_refusal(legs)).saturating_add(1)
        }
        (Verdict::Healthy, Some(health)) if health.weighted_debt > 0 => {
            let covered = covered_slots(legs.clone(), &health).min(undoubled_slots(legs, &health));
            now.saturating_add(covered).saturating_add(1)
        }
        _ => NEVER,
    }
}

/// Returns the last slot at which every price is fresh.
fn first_refusal<'a>(legs: impl Iterator<Item = LegAt<'a>>) -> u64 {
    legs.map(|leg| match leg.reserve {
        Standing::Priced(priced) => priced.fresh_until,
        _ => NEVER,
    })
    .min()
    .unwrap_or(NEVER)
}

/// Returns for how many slots no figure can double, 0 where one is large already.
fn undoubled_slots<'a>(legs: impl Iterator<Item = LegAt<'a>>, health: &Health) -> u64 {
    let mut slots = if health.weighted_debt < LARGE {
        NEVER
    } else {
        0
    };
    for (shares, priced) in legs.filter_map(debt) {
        let is_small = u128::from(shares)
            .checked_mul(priced.index)
            .is_some_and(|tokens_wad| tokens_wad < LARGE_TOKENS_WAD && priced.index < LARGE);
        if !is_small {
            return 0;
        }
        let rate = u64::from(priced.config.interest_rate_bps);
        slots = slots.min(YEAR.checked_div(rate).unwrap_or(NEVER));
    }
    slots
}

/// Returns for how many slots the weighted debt cannot grow above the weighted collateral.
fn covered_slots<'a>(legs: impl Iterator<Item = LegAt<'a>>, health: &Health) -> u64 {
    let (mut slack, mut rate) = (0u128, 0u32);
    for (shares, priced) in legs.filter_map(debt) {
        let tokens = u128::from(shares / WHOLE) + 2;
        let grown = priced
            .debt_grain
            .checked_mul(tokens)
            .and_then(|grain| grain.checked_add(1));
        let Some(sum) = grown.and_then(|grown| slack.checked_add(grown)) else {
            return 0;
        };
        slack = sum;
        rate = rate.max(priced.config.interest_rate_bps);
    }
    if rate == 0 {
        return NEVER;
    }
    let margin = health
        .weighted_collateral
        .saturating_sub(health.weighted_debt)
        .saturating_sub(slack);
    match health.weighted_debt.checked_mul(u128::from(rate)) {
        Some(growth) => mul_div(margin, u128::from(YEAR), growth).map_or(NEVER, saturate), // above 128 bits: a long time
        None => 0,
    }
}

fn debt<'a>(leg: LegAt<'a>) -> Option<(u64, &'a super::pricing::Priced)> {
    match leg.reserve {
        Standing::Priced(priced) if leg.side == Side::Debt => Some((leg.amount, priced)),
        _ => None,
    }
}

fn saturate(slots: u128) -> u64 {
    u64::try_from(slots).unwrap_or(NEVER)
}
