//! The price that a refresh takes for a reserve, and the bits that say what may be done with it.

use lending_math::Pubkey;

use crate::fixed::fraction::{Fraction, Overflow};
use crate::oracles::scope::{ten_to, Chain};
use crate::protocols::adapter::{Accounts, Clock};
use crate::protocols::kamino::market::Market;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::sample::{candidates, Source};
use crate::protocols::kamino::stop::{
    Stop, INVALID_ORACLE_CONFIG, INVALID_TWAP_CONFIG, PRICE_NOT_VALID,
};
use crate::protocols::kamino::version::Version;

/// A price was there.
pub const LOADED: u8 = 1;
/// It was not too old.
pub const YOUNG: u8 = 2;
/// It was close to its average.
pub const NEAR_AVERAGE: u8 = 4;
/// Its average was not too old.
pub const AVERAGE_YOUNG: u8 = 8;
/// It was plausible.
pub const PLAUSIBLE: u8 = 16;
/// It may be used.
pub const USABLE: u8 = 32;
/// What a liquidation asks of both reserves and of the position.
pub const LIQUIDATION: u8 = LOADED | YOUNG | USABLE;

const NO_KEY: Pubkey = [0; 32];
const UNUSED: Chain = [65_535; 4];

/// Takes a new price where the saved one is old enough, and sets the status bits.
pub fn refresh(
    reserve: &mut Reserve,
    market: &Market,
    accounts: &Accounts,
    clock: Clock,
    version: Version,
) -> Result<(), Stop> {
    let now = u64::try_from(clock.unix_timestamp).map_err(|_| Stop::Panic)?;
    let taken = if reads_oracle(reserve, market, clock) {
        configured(reserve)?;
        newest(reserve, accounts, version, clock)?
    } else {
        None
    };
    match taken {
        Some((price, time, bits)) => {
            (reserve.price, reserve.price_time, reserve.price_status) = (price, time, bits);
        }
        None => keep(reserve, now),
    }
    Ok(())
}

/// Goes on with the saved price: at `max_age` or more it loses every bit.
pub fn keep(reserve: &mut Reserve, now: u64) {
    if now.saturating_sub(reserve.price_time) >= reserve.max_age_seconds() {
        reserve.price_status = 0;
    }
}

/// Returns whether a refresh at `clock` looks at the oracles: the saved price has reached its share of the maximal age.
#[must_use]
pub fn reads_oracle(reserve: &Reserve, market: &Market, clock: Clock) -> bool {
    let now = u64::try_from(clock.unix_timestamp).unwrap_or(0);
    let age = u128::from(now.saturating_sub(reserve.price_time));
    age >= u128::from(reserve.max_age_seconds()) * u128::from(market.refresh_trigger_percent())
        / 100
}

/// Returns the accounts that a reserve's price comes from.
#[must_use]
pub fn feeds(reserve: &Reserve) -> Vec<Pubkey> {
    let all = [
        reserve.pyth_feed(),
        reserve.switchboard_feed(),
        reserve.switchboard_twap(),
        reserve.scope_feed(),
    ];
    all.into_iter().filter(|key| *key != NO_KEY).collect()
}

/// Refuses a reserve without a usable oracle, or whose average is asked for and not to be had.
fn configured(reserve: &Reserve) -> Result<(), Stop> {
    let scope = reserve.scope_feed() != NO_KEY;
    let switchboard = reserve.switchboard_feed() != NO_KEY;
    let unset = |average| matches!(reserve.scope_chain(average), UNUSED | [0, 0, 0, 0]);
    if (scope && unset(false)) || !(scope || switchboard || reserve.pyth_feed() != NO_KEY) {
        return Err(INVALID_ORACLE_CONFIG);
    }
    let no_average =
        (scope && unset(true)) || (switchboard && reserve.switchboard_twap() == NO_KEY);
    if reserve.max_twap_divergence_bps() > 0 && no_average {
        return Err(INVALID_TWAP_CONFIG);
    }
    Ok(())
}

/// Returns price, time and bits of the most recent oracle; `None` where its price cannot be worked out.
fn newest(
    reserve: &Reserve,
    accounts: &Accounts,
    version: Version,
    clock: Clock,
) -> Result<Option<(Fraction, u64, u8)>, Stop> {
    let now = u64::try_from(clock.unix_timestamp).map_err(|_| Stop::Panic)?;
    let (time, source) = most_recent(reserve, accounts, version, clock)?.ok_or(PRICE_NOT_VALID)?;
    let Some(price) = source.price(reserve, version)? else {
        return Ok(None);
    };
    let mut bits = LOADED;
    if now.saturating_sub(time) <= reserve.max_age_seconds() {
        bits |= YOUNG;
    }
    bits |= average_bits(reserve, &source, price, version, now)?;
    if plausible(reserve, price)? {
        bits |= PLAUSIBLE;
    }
    if reserve.price_blocked() == 0 {
        bits |= USABLE;
    }
    Ok(Some((price, time, bits)))
}

/// Returns the oracle with the latest time; of equal ones Pyth before Switchboard before Scope.
pub fn most_recent<'a>(
    reserve: &Reserve,
    accounts: &Accounts<'a>,
    version: Version,
    clock: Clock,
) -> Result<Option<(u64, Source<'a>)>, Stop> {
    let mut best: Option<(u64, Source)> = None;
    for (time, source) in candidates(reserve, accounts, version, clock)? {
        if best.as_ref().is_none_or(|(newest, _)| time > *newest) {
            best = Some((time, source));
        }
    }
    Ok(best)
}

/// |price − average| · 10,000 < price · bps, and the average's age; both hold where no distance is set.
fn average_bits(
    reserve: &Reserve,
    source: &Source,
    price: Fraction,
    version: Version,
    now: u64,
) -> Result<u8, Stop> {
    let bps = reserve.max_twap_divergence_bps();
    if bps == 0 {
        return Ok(NEAR_AVERAGE | AVERAGE_YOUNG);
    }
    let Some((average, time)) = source.average(reserve, version)? else {
        return Ok(0);
    };
    let mut bits = 0;
    if let Some(average) = average {
        let apart = Fraction(price.0.abs_diff(average.0));
        if apart.times(10_000)? < price.times(u128::from(bps))? {
            bits |= NEAR_AVERAGE;
        }
    }
    if now.saturating_sub(time) <= reserve.max_twap_age_seconds() {
        bits |= AVERAGE_YOUNG;
    }
    Ok(bits)
}

/// lower ≤ price ≤ upper, each only where set.
fn plausible(reserve: &Reserve, price: Fraction) -> Result<bool, Overflow> {
    let bound = |value: u64| Fraction::whole(value).over(ten_to(reserve.heuristic_exponent())?);
    let (lower, upper) = (reserve.heuristic_lower(), reserve.heuristic_upper());
    Ok((lower == 0 || bound(lower)? <= price) && (upper == 0 || price <= bound(upper)?))
}
