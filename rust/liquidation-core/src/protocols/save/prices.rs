//! Which oracle a reserve's price is taken from: the main one, the second when the main one fails, and the extra one.

use lending_math::Pubkey;

use super::fault::{Outcome, ABORTED, INVALID_ACCOUNT_INPUT, INVALID_ORACLE, MATH_OVERFLOW};
use super::reserve::Reserve;
use super::switchboard::{aggregator_price, feed_price, AGGREGATOR_PROGRAM, FEED_PROGRAM};
use crate::fixed::wad::Decimal;
use crate::oracles::pyth::{LegacyPrice, Price, PriceUpdate, Verification, LEGACY, RECEIVER};
use crate::protocols::adapter::{Account, Accounts, Clock};

/// `nu11111111111111111111111111111111111111111`: the address that stands for no oracle.
pub const NO_ORACLE: Pubkey = [
    11, 193, 238, 216, 208, 116, 241, 195, 55, 212, 76, 22, 75, 202, 40, 216, 76, 206, 27, 169,
    138, 64, 177, 28, 19, 90, 156, 0, 0, 0, 0, 0,
];
/// A confidence above 1/10 of the price is too wide.
const CONFIDENCE_RATIO: u64 = 10;
const STALE_AFTER_SLOTS: u64 = 240;
const STALE_AFTER_SECONDS: u64 = 120;

/// What the oracles say of one reserve, not scaled yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whether the second oracle was used.
    pub second: bool,
    /// The oracle's spot price.
    pub spot: Decimal,
    /// Its smoothed price, where it has one.
    pub smoothed: Option<Decimal>,
}

/// Returns the price of the first of the reserve's two oracles that gives one; a panic in the first reader ends it.
pub fn reading(reserve: &Reserve, accounts: &Accounts, clock: Clock) -> Outcome<Reading> {
    for (second, oracle) in [
        (false, &reserve.main_oracle),
        (true, &reserve.second_oracle),
    ] {
        match price(oracle, accounts, clock) {
            Ok((spot, smoothed)) => {
                return Ok(Reading {
                    second,
                    spot,
                    smoothed,
                })
            }
            Err(ABORTED) => return Err(ABORTED),
            Err(_) => {}
        }
    }
    Err(INVALID_ORACLE)
}

/// Brings the reserve's prices up to date, as the first half of its refresh does.
pub fn refresh_prices(reserve: &mut Reserve, accounts: &Accounts, clock: Clock) -> Outcome<()> {
    let reading = reading(reserve, accounts, clock)?;
    reserve.price = reading.spot.try_mul(reserve.price_scale())?;
    if let Some(smoothed) = reading.smoothed {
        reserve.smoothed_price = smoothed.try_mul(reserve.price_scale())?;
    }
    let extra = reserve.config.extra_oracle.as_ref();
    reserve.extra_price = extra
        .map(|oracle| unchecked_price(oracle, accounts, clock))
        .transpose()?;
    if reserve.main_oracle == NO_ORACLE {
        reserve.smoothed_price = reserve.price;
    }
    Ok(())
}

/// Returns an oracle's spot and smoothed price.
fn price(
    oracle: &Pubkey,
    accounts: &Accounts,
    clock: Clock,
) -> Outcome<(Decimal, Option<Decimal>)> {
    let account = accounts.get(oracle).ok_or(INVALID_ORACLE)?;
    if *oracle == NO_ORACLE {
        return Err(INVALID_ORACLE);
    }
    match account.owner {
        LEGACY => legacy_price(account, clock).map(|(spot, smoothed)| (spot, Some(smoothed))),
        RECEIVER => pull_price(account, clock).map(|(spot, smoothed)| (spot, Some(smoothed))),
        AGGREGATOR_PROGRAM => Ok((aggregator_price(account.data, clock.slot, true)?, None)),
        FEED_PROGRAM => Ok((feed_price(account.data, clock.slot)?, None)),
        _ => Err(INVALID_ORACLE),
    }
}

/// Returns the extra oracle's price, whose age and confidence do not matter (Switchboard on-demand's do).
fn unchecked_price(oracle: &Pubkey, accounts: &Accounts, clock: Clock) -> Outcome<Decimal> {
    let account = accounts.get(oracle).ok_or(INVALID_ORACLE)?;
    match account.owner {
        LEGACY => {
            let price = LegacyPrice::decode(account.data).ok_or(INVALID_ORACLE)?;
            decimal(price.whatever_age())
        }
        RECEIVER => {
            let update = PriceUpdate::decode(account.data).ok_or(INVALID_ACCOUNT_INPUT)?;
            decimal(update.price)
        }
        AGGREGATOR_PROGRAM => aggregator_price(account.data, clock.slot, false),
        FEED_PROGRAM => feed_price(account.data, clock.slot),
        _ => Err(INVALID_ORACLE),
    }
}

fn legacy_price(account: &Account, clock: Clock) -> Outcome<(Decimal, Decimal)> {
    let oracle = LegacyPrice::decode(account.data).ok_or(INVALID_ORACLE)?;
    let spot = oracle
        .no_older_than(STALE_AFTER_SLOTS, clock.slot)
        .ok_or(INVALID_ORACLE)?;
    Ok((confident(spot)?, decimal(oracle.average)?))
}

fn pull_price(account: &Account, clock: Clock) -> Outcome<(Decimal, Decimal)> {
    let oracle = PriceUpdate::decode(account.data).ok_or(INVALID_ORACLE)?;
    let fresh = oracle.no_older_than(STALE_AFTER_SECONDS, clock.unix_timestamp);
    if oracle.verification != Verification::Full || !fresh {
        return Err(INVALID_ORACLE);
    }
    Ok((confident(oracle.price)?, decimal(oracle.average)?))
}

fn confident(price: Price) -> Outcome<Decimal> {
    let mantissa = u64::try_from(price.mantissa).map_err(|_| INVALID_ORACLE)?;
    if price.confidence.saturating_mul(CONFIDENCE_RATIO) > mantissa {
        return Err(INVALID_ORACLE);
    }
    decimal(price)
}

/// Returns `mantissa · 10^exponent`, rounded down.
fn decimal(price: Price) -> Outcome<Decimal> {
    let mantissa = u64::try_from(price.mantissa).map_err(|_| INVALID_ORACLE)?;
    let unit = 10u64
        .checked_pow(price.exponent.unsigned_abs())
        .ok_or(MATH_OVERFLOW)?;
    let mantissa = Decimal::from(mantissa);
    Ok(if price.exponent >= 0 {
        mantissa.times(unit)?
    } else {
        mantissa.over(unit)?
    })
}
