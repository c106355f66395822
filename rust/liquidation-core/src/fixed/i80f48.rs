//! I80F48: a signed 128-bit integer with 48 fraction bits, as marginfi counts.
//!
//! A product rounds down (towards -∞), a quotient towards 0. Every operation is checked: `None` where the program would
//! find an overflow or a division by 0.

use lending_math::wide::{divide, multiply, Wide};

const FRACTION_BITS: u32 = 48;
const FRACTION_MASK: u128 = (1 << FRACTION_BITS) - 1;

/// A number with 48 fraction bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct I80F48(i128);

/// 10⁰ … 10²³: what prices and amounts are scaled by.
const POWERS: [I80F48; 24] = {
    let mut powers = [I80F48::ONE; 24];
    let (mut power, mut value) = (0, I80F48::ONE.0);
    while power < 24 {
        powers[power] = I80F48(value);
        power += 1;
        if power < 24 {
            value *= 10;
        }
    }
    powers
};

/// 10⁰ … 10¹⁹ as words.
const WHOLE_POWERS: [u64; 20] = {
    let mut powers = [1u64; 20];
    let mut power = 1;
    while power < 20 {
        powers[power] = powers[power - 1] * 10;
        power += 1;
    }
    powers
};

impl I80F48 {
    /// 0.
    pub const ZERO: I80F48 = I80F48(0);
    /// 1.
    pub const ONE: I80F48 = I80F48(1 << FRACTION_BITS);

    /// Returns the number of these bits.
    #[must_use]
    pub const fn from_bits(bits: i128) -> I80F48 {
        I80F48(bits)
    }

    /// Returns its bits.
    #[must_use]
    pub const fn bits(self) -> i128 {
        self.0
    }

    /// Returns a whole number.
    #[must_use]
    pub const fn whole(value: u64) -> I80F48 {
        I80F48((value as i128) << FRACTION_BITS)
    }

    /// Returns a whole number; one that does not fit keeps its lower 80 bits, as the program's conversion does.
    #[must_use]
    pub const fn wrapped(value: i128) -> I80F48 {
        I80F48(value << FRACTION_BITS)
    }

    /// Returns a whole number, `None` if it does not fit.
    #[must_use]
    pub fn from_i128(value: i128) -> Option<I80F48> {
        let bits = value << FRACTION_BITS;
        (bits >> FRACTION_BITS == value).then_some(I80F48(bits))
    }

    /// Returns `above/below` rounded to nearest: what a literal of the program's source compiles to.
    ///
    /// ```
    /// # use liquidation_core::fixed::i80f48::I80F48;
    /// assert_eq!(I80F48::literal(25, 1_000).bits(), 7_036_874_417_766); // 0.025 · 2⁴⁸ = …766.4
    /// ```
    #[must_use]
    pub const fn literal(above: u64, below: u64) -> I80F48 {
        let (above, below) = ((above as i128) << FRACTION_BITS, below as i128);
        I80F48((above + below / 2) / below)
    }

    /// Returns 10 to this power, `None` above 10²³.
    #[must_use]
    pub fn power_of_ten(power: u32) -> Option<I80F48> {
        POWERS.get(power as usize).copied()
    }

    /// Returns the sum.
    #[must_use]
    pub fn plus(self, other: I80F48) -> Option<I80F48> {
        self.0.checked_add(other.0).map(I80F48)
    }

    /// Returns the difference.
    #[must_use]
    pub fn minus(self, other: I80F48) -> Option<I80F48> {
        self.0.checked_sub(other.0).map(I80F48)
    }

    /// Returns the number with the other sign.
    #[must_use]
    pub fn negated(self) -> Option<I80F48> {
        self.0.checked_neg().map(I80F48)
    }

    /// Returns `⌊a·b⌋` to 48 fraction bits.
    ///
    /// ```
    /// # use liquidation_core::fixed::i80f48::I80F48;
    /// let tiny = I80F48::from_bits(1);
    /// assert_eq!(tiny.times(tiny), Some(I80F48::ZERO));
    /// assert_eq!(tiny.times(I80F48::from_bits(-1)), Some(I80F48::from_bits(-1))); // down, not towards 0
    /// ```
    #[must_use]
    pub fn times(self, other: I80F48) -> Option<I80F48> {
        if let Some(product) = self.0.checked_mul(other.0) {
            return Some(I80F48(product >> FRACTION_BITS));
        }
        let Wide { high, low } = multiply(self.0.unsigned_abs(), other.0.unsigned_abs());
        if high >> FRACTION_BITS != 0 {
            return None;
        }
        let magnitude = (high << (128 - FRACTION_BITS)) | (low >> FRACTION_BITS);
        if (self.0 < 0) == (other.0 < 0) {
            return i128::try_from(magnitude).ok().map(I80F48);
        }
        let up = magnitude.checked_add(u128::from(low & FRACTION_MASK != 0))?;
        0i128.checked_sub_unsigned(up).map(I80F48)
    }

    /// Returns `a/b` to 48 fraction bits, rounded towards 0.
    ///
    /// ```
    /// # use liquidation_core::fixed::i80f48::I80F48;
    /// let third = I80F48::ONE.over(I80F48::whole(3)).unwrap();
    /// assert_eq!(third.bits(), (1 << 48) / 3);
    /// assert_eq!(I80F48::ONE.over(I80F48::ZERO), None);
    /// ```
    #[must_use]
    pub fn over(self, other: I80F48) -> Option<I80F48> {
        let (above, below) = (self.0.unsigned_abs(), other.0.unsigned_abs());
        if below == 0 {
            return None;
        }
        let high = above >> (128 - FRACTION_BITS);
        let low = above << FRACTION_BITS;
        let magnitude = match (high, u64::try_from(below)) {
            (0, Ok(below)) => by_word(low, below),
            (0, Err(_)) => low / below,
            _ => divide(Wide { high, low }, below).ok()?.0,
        };
        if (self.0 < 0) == (other.0 < 0) {
            i128::try_from(magnitude).ok().map(I80F48)
        } else {
            0i128.checked_sub_unsigned(magnitude).map(I80F48)
        }
    }

    /// Returns `a/10^power` to 48 fraction bits, rounded towards 0: what dividing by [`I80F48::power_of_ten`] gives, sooner.
    #[must_use]
    pub fn over_power_of_ten(self, power: u32) -> Option<I80F48> {
        let Some(divisor) = WHOLE_POWERS.get(power as usize) else {
            return self.over(I80F48::power_of_ten(power)?);
        };
        let magnitude = by_word(self.0.unsigned_abs(), *divisor) as i128; // at most 2¹²⁷, and that only by 1
        Some(I80F48(if self.0 < 0 {
            magnitude.wrapping_neg()
        } else {
            magnitude
        }))
    }

    /// Returns the part above the point as a u64, `None` if it is not one.
    #[must_use]
    pub fn to_u64(self) -> Option<u64> {
        u64::try_from(self.0 >> FRACTION_BITS).ok()
    }

    /// Returns the whole part, rounded down.
    #[must_use]
    pub const fn to_i128(self) -> i128 {
        self.0 >> FRACTION_BITS
    }

    /// Returns what is behind the point, at least 0.
    #[must_use]
    pub const fn fraction(self) -> I80F48 {
        I80F48(self.0 & FRACTION_MASK as i128)
    }

    /// Returns the number without its sign, `None` for the smallest of all.
    #[must_use]
    pub fn magnitude(self) -> Option<I80F48> {
        self.0.checked_abs().map(I80F48)
    }
}

/// Divides by a divisor of one word without the routine for two.
fn by_word(value: u128, divisor: u64) -> u128 {
    match u64::try_from(value) {
        Ok(value) => u128::from(value / divisor),
        Err(_) => value / u128::from(divisor),
    }
}

#[cfg(test)]
mod tests {
    use super::I80F48;
    use proptest::prelude::*;

    #[test]
    fn literals_are_the_programs_constants() {
        assert_eq!(I80F48::literal(212, 100).bits(), 596_726_950_626_591); // 2.12, whose next digit is .7
        assert_eq!(I80F48::literal(5, 100).bits(), 14_073_748_835_533);
        assert_eq!(I80F48::literal(1, 10_000).bits(), 28_147_497_671);
        assert_eq!(
            I80F48::power_of_ten(23).map(I80F48::to_i128),
            Some(10i128.pow(23))
        );
        assert_eq!(I80F48::power_of_ten(24), None);
    }

    #[test]
    fn the_ends_of_the_range_are_refused() {
        let most = I80F48::from_bits(i128::MAX);
        let least = I80F48::from_bits(i128::MIN);
        assert_eq!(most.times(I80F48::ONE), Some(most));
        assert_eq!(least.times(I80F48::ONE), Some(least));
        assert_eq!(most.times(I80F48::whole(2)), None);
        assert_eq!(least.over(I80F48::ONE), Some(least));
        assert_eq!(least.over(I80F48::from_bits(-(1 << 48))), None);
        assert_eq!(most.over(I80F48::from_bits(1)), None);
        assert_eq!(least.magnitude(), None);
        assert_eq!(least.negated(), None);
    }

    /// A slow witness: 128 bits by schoolbook in base 2³², signs apart.
    fn product_shifted(a: i128, b: i128) -> Option<i128> {
        let digits = |value: u128| [0, 32, 64, 96].map(|shift| ((value >> shift) as u32) as u128);
        let (a_digits, b_digits) = (digits(a.unsigned_abs()), digits(b.unsigned_abs()));
        let mut sum = [0u128; 9];
        for (i, x) in a_digits.iter().enumerate() {
            for (j, y) in b_digits.iter().enumerate() {
                let part = x * y;
                sum[i + j] += part & 0xffff_ffff;
                sum[i + j + 1] += part >> 32;
            }
        }
        for i in 0..8 {
            sum[i + 1] += sum[i] >> 32;
            sum[i] &= 0xffff_ffff;
        }
        let halves = |i: usize| (sum[i] >> 16) | ((sum[i + 1] & 0xffff) << 16);
        let shifted: Vec<u128> = (1..8).map(halves).collect();
        if shifted[4..].iter().any(|digit| *digit != 0) {
            return None;
        }
        let magnitude = (0..4).fold(0u128, |all, i| all | shifted[i] << (32 * i));
        let rest = sum[0] != 0 || sum[1] & 0xffff != 0;
        if (a < 0) == (b < 0) {
            i128::try_from(magnitude).ok()
        } else {
            0i128.checked_sub_unsigned(magnitude.checked_add(u128::from(rest))?)
        }
    }

    proptest! {
        #[test]
        fn a_product_is_the_shifted_long_product(a: i128, b: i128, cut in 0u32..127) {
            let b = b >> cut;
            let got = I80F48::from_bits(a).times(I80F48::from_bits(b)).map(I80F48::bits);
            prop_assert_eq!(got, product_shifted(a, b));
        }

        #[test]
        fn dividing_by_a_power_of_ten_is_dividing(a: i128, power in 0u32..24) {
            let a = I80F48::from_bits(a);
            let slow = I80F48::power_of_ten(power).and_then(|ten| a.over(ten));
            prop_assert_eq!(a.over_power_of_ten(power), slow);
        }

        #[test]
        fn a_quotient_times_its_divisor_is_the_dividend(a: i128, b: i128, cut in 0u32..127) {
            let b = b >> cut;
            if let Some(q) = I80F48::from_bits(a).over(I80F48::from_bits(b)) {
                // |a|·2⁴⁸ = |q|·|b| + rest with rest < |b|
                use lending_math::wide::{multiply, Wide};
                let product = multiply(q.bits().unsigned_abs(), b.unsigned_abs());
                let above = multiply(a.unsigned_abs(), 1 << 48);
                let borrow = u128::from(above.low < product.low);
                let rest = Wide { high: above.high - product.high - borrow, low: above.low.wrapping_sub(product.low) };
                prop_assert!(rest.high == 0 && rest.low < b.unsigned_abs());
            }
        }
    }
}
