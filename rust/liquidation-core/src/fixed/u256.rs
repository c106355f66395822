//! Unsigned integers of 256 bits: products of two `u128`, and Kamino's borrow indices.

use std::cmp::Ordering;

/// 256 bits, least significant limb first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct U256([u64; 4]);

impl U256 {
    /// Nothing.
    pub const ZERO: U256 = U256([0; 4]);

    /// Returns the number that 32 little-endian bytes spell.
    #[must_use]
    pub fn from_le_bytes(bytes: &[u8; 32]) -> U256 {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            *limb = u64::from_le_bytes(word);
        }
        U256(limbs)
    }

    /// Returns its 32 little-endian bytes.
    #[must_use]
    pub fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// Returns a·b, which always fits.
    ///
    /// ```
    /// # use liquidation_core::fixed::u256::U256;
    /// let square = U256::product(u128::MAX, u128::MAX);
    /// assert_eq!(square.over(u128::MAX), Some(U256::from(u128::MAX)));
    /// assert_eq!(square.narrow(), None);
    /// ```
    #[must_use]
    pub fn product(a: u128, b: u128) -> U256 {
        let (a1, a0) = (a >> 64, a & LOW);
        let (b1, b0) = (b >> 64, b & LOW);
        let low = a0 * b0;
        let middle = a1 * b0 + (low >> 64);
        let (middle, carry) = middle.overflowing_add(a0 * b1);
        let high = a1 * b1 + (middle >> 64) + (u128::from(carry) << 64);
        let low = (low & LOW) | (middle << 64);
        U256([
            low as u64,
            (low >> 64) as u64,
            high as u64,
            (high >> 64) as u64,
        ])
    }

    /// Returns self·factor, `None` where it does not fit.
    #[must_use]
    pub fn times(self, factor: u128) -> Option<U256> {
        let low = U256::product(self.low(), factor);
        let high = U256::product(self.high(), factor);
        (high.high() == 0).then_some(())?;
        let top = low.high().checked_add(high.low())?;
        Some(U256::joined(low.low(), top))
    }

    /// Returns the sum, `None` where it does not fit.
    #[must_use]
    pub fn plus(self, other: U256) -> Option<U256> {
        let (low, carry) = self.low().overflowing_add(other.low());
        let high = self
            .high()
            .checked_add(other.high())?
            .checked_add(u128::from(carry))?;
        Some(U256::joined(low, high))
    }

    /// Returns self / divisor rounded down, `None` for a divisor of 0.
    #[must_use]
    pub fn over(self, divisor: u128) -> Option<U256> {
        self.divided(U256::from(divisor))
    }

    /// Returns self / divisor rounded down, `None` for a divisor of 0.
    #[must_use]
    pub fn divided(self, divisor: U256) -> Option<U256> {
        if self.high() == 0 && divisor.high() == 0 {
            return self.low().checked_div(divisor.low()).map(U256::from);
        }
        match divisor.narrow() {
            Some(0) => None,
            Some(small) if small <= LOW => Some(self.by_limb(small)),
            Some(wide) => Some(self.by_two_limbs(wide)),
            None => Some(self.by_bits(divisor)),
        }
    }

    /// Returns self / 2^bits rounded down; `bits` < 128.
    #[must_use]
    pub fn shifted_down(self, bits: u32) -> U256 {
        let (low, high) = (self.low(), self.high());
        if bits == 0 {
            return self;
        }
        U256::joined((low >> bits) | (high << (128 - bits)), high >> bits)
    }

    /// Returns self · 2^bits, `None` where it does not fit; `bits` < 128.
    #[must_use]
    pub fn shifted_up(self, bits: u32) -> Option<U256> {
        self.times(1 << bits)
    }

    /// Returns it as a `u128`, `None` where it does not fit.
    #[must_use]
    pub fn narrow(self) -> Option<u128> {
        (self.high() == 0).then(|| self.low())
    }

    fn low(self) -> u128 {
        u128::from(self.0[0]) | (u128::from(self.0[1]) << 64)
    }

    fn high(self) -> u128 {
        u128::from(self.0[2]) | (u128::from(self.0[3]) << 64)
    }

    fn joined(low: u128, high: u128) -> U256 {
        U256([
            low as u64,
            (low >> 64) as u64,
            high as u64,
            (high >> 64) as u64,
        ])
    }

    fn by_limb(self, divisor: u128) -> U256 {
        let (mut quotient, mut rest) = (self.0, 0u128);
        for limb in quotient.iter_mut().rev() {
            let part = (rest << 64) | u128::from(*limb);
            *limb = (part / divisor) as u64;
            rest = part % divisor;
        }
        U256(quotient)
    }

    /// Schoolbook division by a divisor of two limbs, highest bit first moved to the top (Knuth, 4.3.1 D).
    fn by_two_limbs(self, divisor: u128) -> U256 {
        let shift = divisor.leading_zeros(); // 0..=63
        let divisor = divisor << shift;
        let carried = |limb: u64, below: u64| {
            ((u128::from(limb) << 64 | u128::from(below)) << shift >> 64) as u64
        };
        let [n0, n1, n2, n3] = self.0;
        let mut rest = u128::from(carried(0, n3)) << 64 | u128::from(carried(n3, n2));
        let mut quotient = [0; 3];
        let limbs = [carried(n2, n1), carried(n1, n0), carried(n0, 0)];
        for (place, limb) in quotient.iter_mut().zip(limbs) {
            (*place, rest) = step(rest, limb, divisor);
        }
        let [q2, q1, q0] = quotient;
        U256([q0, q1, q2, 0])
    }

    /// Division bit by bit: no amount of the protocols gets here, only bytes that no program wrote.
    fn by_bits(self, divisor: U256) -> U256 {
        let (mut quotient, mut rest) = (0u128, U256::from(self.high()));
        for bit in (0..128).rev() {
            let doubled = rest
                .shifted_up(1)
                .and_then(|twice| twice.plus(U256::from((self.low() >> bit) & 1)));
            let overflowed = doubled.is_none();
            let value = doubled.unwrap_or_else(|| rest.wrapping_double((self.low() >> bit) & 1));
            quotient <<= 1;
            rest = value;
            if overflowed || value >= divisor {
                rest = value.wrapping_less(divisor);
                quotient |= 1;
            }
        }
        U256::from(quotient)
    }

    fn wrapping_double(self, bit: u128) -> U256 {
        let (low, high) = (self.low(), self.high());
        U256::joined((low << 1) | bit, (high << 1) | (low >> 127))
    }

    fn wrapping_less(self, other: U256) -> U256 {
        let (low, borrow) = self.low().overflowing_sub(other.low());
        let high = self
            .high()
            .wrapping_sub(other.high())
            .wrapping_sub(u128::from(borrow));
        U256::joined(low, high)
    }
}

const LOW: u128 = u64::MAX as u128;

/// Returns quotient and rest of (rest · 2⁶⁴ + limb) / divisor, where rest < divisor and divisor's highest bit is set.
fn step(rest: u128, limb: u64, divisor: u128) -> (u64, u128) {
    let (high, low) = (divisor >> 64, divisor & LOW);
    let mut guess = (rest / high).min(LOW);
    loop {
        let below = guess * low;
        let above = guess * high + (below >> 64);
        if (above, below & LOW) <= (rest, u128::from(limb)) {
            let (limb, borrow) = limb.overflowing_sub(below as u64);
            let rest = rest - above - u128::from(borrow);
            return (guess as u64, (rest << 64) | u128::from(limb));
        }
        guess -= 1; // at most twice
    }
}

impl From<u128> for U256 {
    fn from(value: u128) -> U256 {
        U256::joined(value, 0)
    }
}

impl PartialOrd for U256 {
    fn partial_cmp(&self, other: &U256) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for U256 {
    fn cmp(&self, other: &U256) -> Ordering {
        (self.high(), self.low()).cmp(&(other.high(), other.low()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::U256;
    use crate::book::generic::wide::Wide;

    fn wide(value: U256) -> Wide {
        let limb = |bits: u32| Wide::from(value.shifted_down(bits).low() & u128::from(u64::MAX));
        let mut sum = Wide::from(value.high() >> 64);
        for part in [
            Wide::from(value.high() & u128::from(u64::MAX)),
            limb(64),
            limb(0),
        ] {
            sum = sum.times(1 << 32).times(1 << 32).plus(&part);
        }
        sum
    }

    fn any() -> impl Strategy<Value = U256> {
        let limb = || prop_oneof![any_limb(), Just(0), Just(u64::MAX), Just(1 << 63)];
        (limb(), limb(), limb(), limb()).prop_map(|(a, b, c, d)| U256([a, b, c, d]))
    }

    fn any_limb() -> impl Strategy<Value = u64> {
        proptest::num::u64::ANY
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_quotient_is_the_one_of_a_wider_integer(a in any(), b in any(), drop in 0u32..128) {
            let b = b.shifted_down(drop).shifted_down(drop);
            let expected = wide(a).quotient(&wide(b)).0;
            match a.divided(b) {
                Some(quotient) => prop_assert_eq!(wide(quotient), expected),
                None => prop_assert_eq!(b, U256::ZERO),
            }
        }

        #[test]
        fn a_product_fits_or_is_none(a in any(), b in proptest::num::u128::ANY) {
            let expected = wide(a).product(&Wide::from(b));
            match a.times(b) {
                Some(product) => prop_assert_eq!(wide(product), expected),
                None => prop_assert!(expected > wide(U256([u64::MAX; 4]))),
            }
        }
    }

    #[test]
    fn bytes_come_back() {
        let bytes: [u8; 32] = std::array::from_fn(|place| place as u8 * 7);
        assert_eq!(U256::from_le_bytes(&bytes).to_le_bytes(), bytes);
    }
}
