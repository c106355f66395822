//! Turning the seized collateral tokens into the token, as far as the reserve has it, and the protocol's part of the bonus.

use crate::fixed::fraction::{Fraction, Overflow};
use crate::protocols::kamino::exchange::Exchange;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::{Stop, MATH_OVERFLOW};
use crate::protocols::kamino::version::Version;

/// What the liquidator gets for the seized collateral tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redeemed {
    /// Collateral tokens that were turned.
    pub shares: u64,
    /// Tokens for them, before the fee.
    pub tokens: u64,
    /// The protocol's part.
    pub fee: u64,
}

/// Redeems up to `shares` in a reserve that is fresh.
pub fn redeem(
    reserve: &mut Reserve,
    shares: u64,
    bonus: Fraction,
    fee_percent: u64,
    version: Version,
) -> Result<Redeemed, Stop> {
    let shares = shares.min(redeemable(reserve, version)?);
    if shares == 0 {
        return Ok(Redeemed::default());
    }
    let tokens = Exchange::of(reserve, version)?.tokens(shares)?.floor()?;
    reserve.shares = reserve.shares.checked_sub(shares).ok_or(MATH_OVERFLOW)?;
    reserve.available = reserve.available.checked_sub(tokens).ok_or(MATH_OVERFLOW)?;
    let whole = Fraction::whole(tokens);
    let gain = whole.minus(whole.per(Fraction::ONE.plus(bonus)?)?)?;
    let fee = gain.by(Fraction::percent(fee_percent))?.ceil()?.max(1);
    Ok(Redeemed {
        shares,
        tokens,
        fee,
    })
}

/// Returns the most collateral tokens that the reserve's available tokens pay for.
fn redeemable(reserve: &Reserve, version: Version) -> Result<u64, Overflow> {
    let exchange = Exchange::of(reserve, version)?;
    let exact = exchange.shares(reserve.available)?;
    if version.redeems_up() {
        let up = exact.ceil()?;
        if exchange.tokens(up)?.floor()? <= reserve.available {
            return Ok(up);
        }
    }
    exact.floor()
}
