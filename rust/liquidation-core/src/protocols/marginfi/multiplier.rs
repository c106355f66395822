//! Prices of deposits in another protocol: the token's price times what one unit of the deposit is worth in tokens.

use super::bank::Bank;
use super::bytes::Fields;
use super::feed::{fixed, primary, Feed, Loaded, Quote};
use super::programs;
use super::refusal::{math, Integration, Outcome, Refusal};
use super::world::World;
use crate::fixed::i80f48::I80F48;

/// Precision of Drift's interest index.
const DRIFT_PRECISION: u128 = 10_000_000_000;
/// Precision of Jupiter Lend's exchange price.
const JUPITER_PRECISION: u128 = 1_000_000_000_000;

/// What one unit of a deposit is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rate {
    /// As a fixed-point quotient; prices are multiplied and rounded down.
    Number(I80F48),
    /// As numerator and denominator; prices are multiplied first.
    Fraction(u128, u128),
    /// A reserve without deposits.
    Empty,
}

/// Reads a bank's oracle and the account of the other protocol.
pub fn load(bank: &Bank, world: &World) -> Outcome<Loaded> {
    let (integration, is_fixed) = match bank.oracle_setup() {
        6 | 7 => (Integration::Kamino, false),
        9 | 10 => (Integration::Drift, false),
        11 | 12 => (Integration::Save, false),
        13 => (Integration::Kamino, true),
        14 => (Integration::Drift, true),
        15 | 16 => (Integration::Jupiter, false),
        _ => (Integration::Jupiter, true),
    };
    let rate = rate(integration, bank, world)?;
    let raw = if is_fixed {
        Feed::Fixed(fixed(bank)?)
    } else {
        primary_after(rate, bank, world)?
    };
    let (feed, factor) = match rate {
        Rate::Empty => (raw, I80F48::ONE),
        Rate::Number(factor) => (math(times(raw, factor))?, factor),
        Rate::Fraction(above, below) => {
            let factor = I80F48::wrapped(above as i128).over(I80F48::wrapped(below as i128));
            let factor = math(factor)?;
            (math(over(raw, above, below, factor, integration))?, factor)
        }
    };
    Ok(Loaded {
        feed,
        raw: Some((raw, factor)),
    })
}

fn primary_after(rate: Rate, bank: &Bank, world: &World) -> Outcome<Feed> {
    if rate == Rate::Empty {
        return Err(Refusal::Math);
    }
    primary(bank, world)
}

/// Reads what one unit is worth from the other protocol's account, that must have been refreshed now.
fn rate(integration: Integration, bank: &Bank, world: &World) -> Outcome<Rate> {
    let invalid = Refusal::IntegrationInvalid(integration);
    let account = world.account(&bank.oracle_key(1)).ok_or(invalid)?;
    let (owner, head, length) = match integration {
        Integration::Kamino => (programs::KAMINO, &KAMINO_RESERVE[..], 8_624),
        Integration::Drift => (programs::DRIFT, &DRIFT_MARKET[..], 776),
        Integration::Save => (programs::SAVE, &SAVE_RESERVE[..], 619),
        Integration::Jupiter => (programs::JUPITER_EARN, &JUPITER_LENDING[..], 196),
    };
    if account.owner != owner || !account.data.starts_with(head) {
        return Err(invalid);
    }
    if account.data.len() < length {
        return Err(Refusal::Panic);
    }
    let fields = Fields::of(account.data);
    let (slot, now) = (world.clock.slot, world.clock.unix_timestamp);
    let is_stale = match integration {
        Integration::Kamino => fields.u64(16) < slot,
        Integration::Save => fields.u64(1) < slot,
        Integration::Drift => fields.i64(568) < now,
        Integration::Jupiter => fields.i64(123) < now,
    };
    if is_stale {
        return Err(Refusal::IntegrationStale(integration));
    }
    match integration {
        Integration::Kamino => kamino(&fields),
        Integration::Save => save(&fields),
        Integration::Drift => Ok(Rate::Fraction(fields.u128(464), DRIFT_PRECISION)),
        Integration::Jupiter => {
            let price = u128::from(fields.u64(115));
            Ok(Rate::Fraction(price, JUPITER_PRECISION))
        }
    }
}

const KAMINO_RESERVE: [u8; 8] = [43, 242, 204, 202, 26, 247, 59, 127];
const DRIFT_MARKET: [u8; 8] = [100, 177, 8, 107, 168, 65, 65, 39];
const SAVE_RESERVE: [u8; 1] = [1];
const JUPITER_LENDING: [u8; 8] = [135, 199, 82, 16, 249, 131, 182, 241];

fn kamino(fields: &Fields) -> Outcome<Rate> {
    // 60 fraction bits cut down to 48.
    let number = |at| I80F48::from_bits((fields.u128(at) >> 12) as i128);
    let mut total = I80F48::whole(fields.u64(224)).plus(number(232));
    for fee in [344, 360, 376] {
        total = total.and_then(|total| total.minus(number(fee)));
    }
    let total = total.ok_or(Refusal::Panic)?;
    quotient(total, fields.u64(2_592), fields.u64(272) as u8)
}

fn save(fields: &Fields) -> Outcome<Rate> {
    let (borrowed, fees) = (wads(fields.u128(179))?, wads(fields.u128(373))?);
    let total = I80F48::whole(fields.u64(171)).plus(borrowed);
    let total = total.and_then(|total| total.minus(fees));
    quotient(
        total.ok_or(Refusal::Panic)?,
        fields.u64(259),
        fields.byte(74),
    )
}

/// Returns 18 decimals as 48 fraction bits, rounded down.
fn wads(value: u128) -> Outcome<I80F48> {
    const WAD: u128 = 1_000_000_000_000_000_000;
    let whole = math(i128::try_from(value / WAD).ok())?;
    let fraction = (((value % WAD) << 48) / WAD) as i128;
    let whole = math(I80F48::from_i128(whole))?;
    math(whole.plus(I80F48::from_bits(fraction)))
}

/// Returns liquidity / collateral, both first divided by 10^decimals.
fn quotient(liquidity: I80F48, collateral: u64, decimals: u8) -> Outcome<Rate> {
    let scale = math(I80F48::power_of_ten(u32::from(decimals)))?;
    let liquidity = math(liquidity.over(scale))?;
    let collateral = math(I80F48::whole(collateral).over(scale))?;
    if collateral <= I80F48::ZERO {
        return Ok(Rate::Empty);
    }
    liquidity
        .over(collateral)
        .map(Rate::Number)
        .ok_or(Refusal::Panic)
}

fn times(raw: Feed, factor: I80F48) -> Option<Feed> {
    let signed = |value: i64| {
        let product = I80F48::wrapped(i128::from(value)).times(factor)?;
        i64::try_from(product.to_i128()).ok()
    };
    let quote = |quote: Quote| {
        Some(Quote {
            price: signed(quote.price)?,
            confidence: I80F48::whole(quote.confidence).times(factor)?.to_u64()?,
        })
    };
    let wide = |value| I80F48::from_i128(value)?.times(factor).map(I80F48::to_i128);
    Some(match raw {
        Feed::Noted { .. } => return None,
        Feed::Fixed(price) => Feed::Fixed(price.times(factor)?),
        Feed::Pyth {
            spot,
            average,
            exponent,
        } => Feed::Pyth {
            spot: quote(spot)?,
            average: quote(average)?,
            exponent,
        },
        Feed::Switchboard { value, deviation } => Feed::Switchboard {
            value: wide(value)?,
            deviation: wide(deviation)?,
        },
    })
}

fn over(raw: Feed, above: u128, below: u128, factor: I80F48, of: Integration) -> Option<Feed> {
    let unsigned = |value: u128| value.checked_mul(above)?.checked_div(below);
    let quote = |quote: Quote| scaled(quote, above, below);
    let wide = |value: i128| i128::try_from(unsigned(u128::try_from(value).ok()?)?).ok();
    Some(match raw {
        Feed::Fixed(price) if of == Integration::Jupiter => {
            let product = price.times(I80F48::wrapped(above as i128))?;
            Feed::Fixed(product.over(I80F48::wrapped(below as i128))?)
        }
        Feed::Noted { .. } => return None,
        Feed::Fixed(price) => Feed::Fixed(price.times(factor)?),
        Feed::Pyth {
            spot,
            average,
            exponent,
        } => Feed::Pyth {
            spot: quote(spot)?,
            average: quote(average)?,
            exponent,
        },
        Feed::Switchboard { value, deviation } => Feed::Switchboard {
            value: wide(value)?,
            deviation: wide(deviation)?,
        },
    })
}

/// Returns price and confidence · above / below, rounded down; `None` for a price below 0.
pub fn scaled(quote: Quote, above: u128, below: u128) -> Option<Quote> {
    let unsigned = |value: u128| value.checked_mul(above)?.checked_div(below);
    let price = unsigned(u128::try_from(quote.price).ok()?)?;
    Some(Quote {
        price: i64::try_from(price).ok()?,
        confidence: u64::try_from(unsigned(u128::from(quote.confidence))?).ok()?,
    })
}
