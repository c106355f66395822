//! What one smallest unit of a mint is worth, and whether the oracle may be believed.

use crate::state::{Config, Oracle, Reserve};
use crate::Error;

/// Returns atto-USD per smallest unit: `price · 10^(exponent − decimals + 18)`.
///
/// `InvalidConfig` unless that power is between 0 and 18, so that the result is an integer.
///
/// ```
/// # use lending_math::price::unit;
/// assert_eq!(unit(15_000, -2, 9), Ok(150_000_000_000)); // 150 USD a SOL: 150e18 / 1e9
/// ```
pub fn unit(price: u64, exponent: i32, decimals: u8) -> Result<u128, Error> {
    Ok(u128::from(price) * 10u128.pow(power(exponent, decimals)?)) // < 2⁶⁴ · 10¹⁸ < 2¹²⁸
}

/// Returns `exponent − decimals + 18`, which a reserve's configuration keeps between 0 and 18.
pub fn power(exponent: i32, decimals: u8) -> Result<u32, Error> {
    let power = i64::from(exponent) - i64::from(decimals) + 18;
    u32::try_from(power)
        .ok()
        .filter(|power| *power <= 18)
        .ok_or(Error::InvalidConfig)
}

/// Refuses a price that is missing, too old or too uncertain, in this order.
///
/// An oracle slot above `now` counts as age 0.
pub fn check(oracle: &Oracle, config: &Config, now: u64) -> Result<(), Error> {
    let age = now.saturating_sub(oracle.slot);
    if oracle.price == 0 || age > config.max_oracle_age_slots {
        return Err(Error::StalePrice);
    }
    let allowed = u128::from(oracle.price) * u128::from(config.max_confidence_bps);
    if u128::from(oracle.confidence) * 10_000 > allowed {
        return Err(Error::UncertainPrice);
    }
    Ok(())
}

/// Returns the checked unit price of a reserve's mint.
pub fn unit_of(oracle: &Oracle, reserve: &Reserve, now: u64) -> Result<u128, Error> {
    check(oracle, &reserve.config, now)?;
    unit(oracle.price, oracle.exponent, reserve.decimals)
}
