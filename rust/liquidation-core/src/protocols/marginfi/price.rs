//! From what an oracle says to the price that counts: its confidence taken off for assets and added for debt.

use super::bank::Requirement;
use super::feed::{Feed, Quote};
use super::refusal::{math, Outcome, Refusal};
use super::version::Version;
use crate::fixed::i80f48::I80F48;

/// Factor of Pyth's confidence.
const PYTH_MULTIPLE: I80F48 = I80F48::literal(212, 100);
/// Factor of Switchboard's standard deviation.
const SWITCHBOARD_MULTIPLE: I80F48 = I80F48::literal(196, 100);
/// The most confidence that counts, of the price.
const MOST: I80F48 = I80F48::literal(5, 100);
/// The most uncertainty that is accepted where a bank does not say, of 2³²−1.
const DEFAULT_MAX_CONFIDENCE: I80F48 = I80F48::whole(429_496_730);
const U32_MAX: I80F48 = I80F48::whole(u32::MAX as u64);

/// Which way uncertainty counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// For assets.
    Low,
    /// For debt.
    High,
}

/// A price and what is taken off or added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Quote units for one token.
    pub price: I80F48,
    /// Its uncertainty, capped.
    pub confidence: I80F48,
}

impl Priced {
    /// Returns the price with its bias.
    pub fn biased(self, bias: Bias) -> Outcome<I80F48> {
        math(match bias {
            Bias::Low => self.price.minus(self.confidence),
            Bias::High => self.price.plus(self.confidence),
        })
    }
}

/// Returns whether the moving average counts.
#[must_use]
pub fn uses_average(requirement: Requirement) -> bool {
    requirement != Requirement::Maintenance
}

impl Feed {
    /// Returns the price for a requirement. `max_confidence` is the bank's, of 2³²−1; the old program knows no such limit.
    pub fn priced(
        &self,
        requirement: Requirement,
        max_confidence: u32,
        version: Version,
    ) -> Outcome<Priced> {
        let (price, confidence) = match *self {
            Feed::Fixed(price) => {
                let confidence = I80F48::ZERO;
                return Ok(Priced { price, confidence });
            }
            Feed::Noted { spot, average } => {
                return Ok(if uses_average(requirement) {
                    average
                } else {
                    spot
                });
            }
            Feed::Pyth {
                spot,
                average,
                exponent,
            } => {
                let quote = if uses_average(requirement) {
                    average
                } else {
                    spot
                };
                pyth(quote, exponent)?
            }
            Feed::Switchboard { value, deviation } => pulled(value, deviation, version)?,
        };
        if !version.is_old() {
            check_confidence(price, confidence, max_confidence)?;
        }
        let most = math(price.times(MOST))?;
        if most < I80F48::ZERO || confidence < I80F48::ZERO {
            return Err(Refusal::Panic);
        }
        let confidence = confidence.min(most);
        Ok(Priced { price, confidence })
    }
}

fn pyth(quote: Quote, exponent: i32) -> Outcome<(I80F48, I80F48)> {
    let power = I80F48::power_of_ten(exponent.unsigned_abs()).ok_or(Refusal::Panic)?;
    let scaled = |value: I80F48| match exponent {
        0 => Some(value),
        ..0 => value.over(power),
        _ => value.times(power),
    };
    let price = math(scaled(I80F48::wrapped(i128::from(quote.price))))?;
    let confidence = math(scaled(I80F48::whole(quote.confidence)))?;
    Ok((price, math(confidence.times(PYTH_MULTIPLE))?))
}

/// The old program does not scale the deviation down, so that its cap always counts.
fn pulled(value: i128, deviation: i128, version: Version) -> Outcome<(I80F48, I80F48)> {
    const SCALE: I80F48 = I80F48::whole(10u64.pow(18));
    let deviation = I80F48::wrapped(deviation);
    if version.is_old() {
        let confidence = math(deviation.times(SWITCHBOARD_MULTIPLE))?;
        return Ok((math(I80F48::wrapped(value).over(SCALE))?, confidence));
    }
    let scaled = math(deviation.over(SCALE))?;
    let confidence = math(scaled.times(SWITCHBOARD_MULTIPLE))?;
    Ok((math(I80F48::wrapped(value).over(SCALE))?, confidence))
}

fn check_confidence(price: I80F48, confidence: I80F48, max_confidence: u32) -> Outcome<()> {
    let most = match max_confidence {
        0 => DEFAULT_MAX_CONFIDENCE,
        most => I80F48::whole(u64::from(most)),
    };
    let most = math(price.times(most).and_then(|product| product.over(U32_MAX)))?;
    if confidence > most {
        return Err(Refusal::Confidence);
    }
    Ok(())
}

/// Returns amount · weight · price / 10^decimals, rounding down at each product and towards 0 at the quotient.
pub fn value(
    amount: I80F48,
    price: I80F48,
    decimals: u8,
    weight: Option<I80F48>,
) -> Outcome<I80F48> {
    if amount == I80F48::ZERO {
        return Ok(I80F48::ZERO);
    }
    let power = u32::from(decimals);
    if I80F48::power_of_ten(power).is_none() {
        return Err(Refusal::Panic);
    }
    let weighted = match weight {
        Some(weight) => amount.times(weight).ok_or(Refusal::Panic)?,
        None => amount,
    };
    math(
        weighted
            .times(price)
            .and_then(|value| value.over_power_of_ten(power)),
    )
}

/// Returns value · 10^decimals / price.
pub fn amount(value: I80F48, price: I80F48, decimals: u8) -> Outcome<I80F48> {
    let power = I80F48::power_of_ten(u32::from(decimals)).ok_or(Refusal::Panic)?;
    math(value.times(power).and_then(|value| value.over(price)))
}
