//! Products above 128 bits, divided back into 128 bits.

use crate::Error;

/// A product of two u128: `high · 2¹²⁸ + low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wide {
    /// The upper half.
    pub high: u128,
    /// The lower half.
    pub low: u128,
}

const HALF: u128 = u64::MAX as u128;

/// Returns the whole product.
///
/// ```
/// # use lending_math::wide::{multiply, Wide};
/// assert_eq!(multiply(u128::MAX, 4), Wide { high: 3, low: u128::MAX - 3 });
/// ```
#[must_use]
pub fn multiply(a: u128, b: u128) -> Wide {
    let (a_high, a_low) = (a >> 64, a & HALF);
    let (b_high, b_low) = (b >> 64, b & HALF);
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 64); // at most (2⁶⁴−1)² + 2⁶⁴−1 < 2¹²⁸
    let other = a_low * b_high + (middle & HALF);
    Wide {
        high: a_high * b_high + (middle >> 64) + (other >> 64),
        low: (other << 64) | (low & HALF),
    }
}

/// Returns quotient and rest. `Overflow` where the quotient does not fit, or the divisor is 0.
pub fn divide(product: Wide, divisor: u128) -> Result<(u128, u128), Error> {
    if product.high >= divisor {
        return Err(Error::Overflow);
    }
    let (mut rest, mut low, mut quotient) = (product.high, product.low, 0u128);
    for _ in 0..128 {
        let carry = rest >> 127;
        rest = (rest << 1) | (low >> 127);
        low <<= 1;
        quotient <<= 1;
        if carry == 1 || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Ok((quotient, rest))
}

/// Returns `⌊a·b/divisor⌋`, exact also where `a·b` does not fit 128 bits.
///
/// ```
/// # use lending_math::wide::mul_div;
/// assert_eq!(mul_div(u128::MAX, 10_500, 10_501), Ok(u128::MAX / 10_501 * 10_500 + (u128::MAX % 10_501) * 10_500 / 10_501));
/// ```
pub fn mul_div(a: u128, b: u128, divisor: u128) -> Result<u128, Error> {
    match a.checked_mul(b) {
        Some(product) => product.checked_div(divisor).ok_or(Error::Overflow),
        None => divide(multiply(a, b), divisor).map(|(quotient, _)| quotient),
    }
}

/// Returns `⌈a·b/divisor⌉`, exact also where `a·b` does not fit 128 bits.
pub fn mul_div_up(a: u128, b: u128, divisor: u128) -> Result<u128, Error> {
    match a.checked_mul(b) {
        Some(product) => div_up(product, divisor),
        None => match divide(multiply(a, b), divisor)? {
            (quotient, 0) => Ok(quotient),
            (quotient, _) => quotient.checked_add(1).ok_or(Error::Overflow),
        },
    }
}

/// Returns `⌈a/divisor⌉`.
pub fn div_up(a: u128, divisor: u128) -> Result<u128, Error> {
    let quotient = a.checked_div(divisor).ok_or(Error::Overflow)?;
    Ok(quotient + u128::from(quotient * divisor != a))
}

/// Returns the number as an amount of tokens or shares; `Overflow` above u64.
pub fn amount(value: u128) -> Result<u64, Error> {
    u64::try_from(value).map_err(|_| Error::Overflow)
}
