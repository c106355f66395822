//! Which parameters of a reserve can work together.

use crate::state::Config;
use crate::Error;

/// Highest bonus that a reserve may pay.
pub const MAX_BONUS_BPS: u16 = 5_000;
/// Highest borrow factor.
pub const MAX_BORROW_FACTOR_BPS: u32 = 100_000;
/// Highest interest, a year.
pub const MAX_INTEREST_RATE_BPS: u32 = 1_000_000;

/// Refuses a configuration that cannot work, with `InvalidConfig`.
///
/// The last rule, `threshold·(1 + max_bonus) < 1`, leaves collateral to a position that is liquidated at its threshold.
pub fn validate(config: &Config) -> Result<(), Error> {
    let collateral = config.ltv_bps < config.liquidation_threshold_bps
        && config.liquidation_threshold_bps <= 10_000;
    let debt = (10_000..=MAX_BORROW_FACTOR_BPS).contains(&config.borrow_factor_bps)
        && config.interest_rate_bps <= MAX_INTEREST_RATE_BPS;
    let bonus = config.min_bonus_bps <= config.max_bonus_bps
        && config.max_bonus_bps <= MAX_BONUS_BPS
        && config.protocol_fee_bps <= 10_000
        && u32::from(config.liquidation_threshold_bps) * (10_000 + u32::from(config.max_bonus_bps))
            < 100_000_000;
    let close = (1..=10_000).contains(&config.close_factor_bps);
    let oracle =
        config.max_oracle_age_slots > 0 && (1..=10_000).contains(&config.max_confidence_bps);
    if collateral && debt && bonus && close && oracle {
        Ok(())
    } else {
        Err(Error::InvalidConfig)
    }
}
