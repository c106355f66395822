//! A position's health: unhealthy loan to value against loan to value, everything refreshed.

use lending_math::Pubkey;

use crate::fixed::fraction::Fraction;
use crate::protocols::adapter::{Accounts, Clock, Health, Unanswered, Wide};
use crate::protocols::kamino::pair::pairs;
use crate::protocols::kamino::predict::{freshen, load};
use crate::protocols::kamino::reason::{Ratios, Reason};
use crate::protocols::kamino::refresh::Held;
use crate::protocols::kamino::stop::{Stop, BORROWS_ZERO, DEPOSITS_ZERO, OBLIGATION_HEALTHY};
use crate::protocols::kamino::version::Version;

/// Returns the position's health under the newest rules.
pub fn health(accounts: &Accounts, clock: Clock, position: &Pubkey) -> Result<Health, Unanswered> {
    let mut held = load(accounts, clock, position, &[], Version::NEWEST)?;
    let judged = freshen(&mut held, accounts, clock).and_then(|()| judge(&held, clock));
    Ok(judged.unwrap_or_else(without))
}

/// Judges a refreshed position over every pair of its legs.
pub fn judge(held: &Held, clock: Clock) -> Result<Health, Stop> {
    let position = &held.position;
    if position.debt == Fraction::ZERO {
        return Ok(without(BORROWS_ZERO));
    }
    if position.deposited == Fraction::ZERO {
        return Ok(without(DEPOSITS_ZERO));
    }
    let ratios = Ratios::of(position)?;
    let verdict = verdict(held, clock);
    let unmet = |reason: &Reason| matches!(reason, Reason::Order { met: None, .. });
    Ok(Health {
        numerator: wide(ratios.unhealthy_ltv),
        denominator: wide(ratios.ltv),
        liquidatable: verdict.as_ref().is_ok_and(|reason| !unmet(reason)),
        reason: match verdict {
            Ok(reason) => reason.name().to_owned(),
            Err(stop) => stop.reason(),
        },
    })
}

/// Returns why any pair of legs may be liquidated, otherwise why the first one may not.
fn verdict(held: &Held, clock: Clock) -> Result<Reason, Stop> {
    let mut refused = Err(OBLIGATION_HEALTHY);
    for (place, pair) in pairs(held, clock).iter().enumerate() {
        match pair.reason() {
            Ok(reason) => return Ok(reason),
            Err(stop) if place == 0 || refused == Err(OBLIGATION_HEALTHY) => refused = Err(stop),
            Err(_) => {}
        }
    }
    refused
}

/// Returns a health without ratios.
fn without(stop: Stop) -> Health {
    Health {
        numerator: wide(Fraction::ZERO),
        denominator: wide(Fraction::ZERO),
        liquidatable: false,
        reason: stop.reason(),
    }
}

/// Returns a fraction's bits as a wide number.
#[must_use]
pub fn wide(value: Fraction) -> Wide {
    let mut bytes = [0; 32];
    let (low, _) = bytes.split_at_mut(16);
    low.copy_from_slice(&value.0.to_le_bytes());
    bytes
}
