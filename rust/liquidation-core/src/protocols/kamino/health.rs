//! A position's health: unhealthy loan to value against loan to value, everything refreshed.

use lending_math::Pubkey;

use crate::fixed::fraction::Fraction;
use crate::protocols::adapter::{Accounts, Clock, Health, Unanswered, Wide};
use crate::protocols::kamino::liquidate::usable;
use crate::protocols::kamino::predict::{freshen, load};
use crate::protocols::kamino::reason::{first, Ratios, Reason};
use crate::protocols::kamino::refresh::Held;
use crate::protocols::kamino::stop::{Stop, OBLIGATION_HEALTHY};
use crate::protocols::kamino::version::Version;

/// Returns the position's health under the newest rules.
pub fn health(accounts: &Accounts, clock: Clock, position: &Pubkey) -> Result<Health, Unanswered> {
    let mut held = load(accounts, clock, position, &[], Version::NEWEST)?;
    let judged = freshen(&mut held, accounts, clock).and_then(|()| judge(&held, clock));
    Ok(judged.unwrap_or_else(|stop| Health {
        numerator: wide(Fraction::ZERO),
        denominator: wide(Fraction::ZERO),
        liquidatable: false,
        reason: refusal(stop),
    }))
}

/// Judges a refreshed position over every pair of its legs.
pub fn judge(held: &Held, clock: Clock) -> Result<Health, Stop> {
    let position = &held.position;
    let still = |reason: &str| Health {
        numerator: wide(Fraction::ZERO),
        denominator: wide(Fraction::ZERO),
        liquidatable: false,
        reason: reason.to_owned(),
    };
    if position.debt == Fraction::ZERO {
        return Ok(still("no debt"));
    }
    if position.deposited == Fraction::ZERO {
        return Ok(still("no collateral"));
    }
    let ratios = Ratios::of(position)?;
    let reason = any_reason(held, &ratios, clock)?;
    let priced = usable(position.price_status);
    Ok(Health {
        numerator: wide(ratios.unhealthy_ltv),
        denominator: wide(ratios.ltv),
        liquidatable: priced && reason.is_some(),
        reason: match reason {
            _ if !priced => "stale oracle".to_owned(),
            Some(reason) => reason.name().to_owned(),
            None => "healthy".to_owned(),
        },
    })
}

/// Returns the first reason that holds for any pair of legs.
fn any_reason(held: &Held, ratios: &Ratios, clock: Clock) -> Result<Option<Reason>, Stop> {
    for borrow in held.position.borrows.iter().filter(|it| it.active()) {
        for deposit in held.position.deposits.iter().filter(|it| it.active()) {
            let (collateral, debt) = (
                held.reserve(&deposit.reserve)?,
                held.reserve(&borrow.reserve)?,
            );
            match first(held, ratios, collateral, debt, borrow, clock) {
                Ok(reason) => return Ok(Some(reason)),
                Err(OBLIGATION_HEALTHY) => {}
                Err(stop) => return Err(stop),
            }
        }
    }
    Ok(None)
}

/// Names why a refresh failed.
pub fn refusal(stop: Stop) -> String {
    match stop {
        Stop::Custom(code) => format!("error {code}"),
        Stop::Panic => "error -1".to_owned(),
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
