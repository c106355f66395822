//! Division by the same 64-bit number again and again: its reciprocal once, two multiplications for each limb.

/// A divisor above 0 with the reciprocal of its normalised value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divisor {
    normal: u64,
    shift: u32,
    reciprocal: u64,
}

impl Divisor {
    /// Returns a divisor; 0 counts as 1.
    #[must_use]
    pub fn of(value: u64) -> Divisor {
        let value = value.max(1);
        let shift = value.leading_zeros();
        let normal = value << shift;
        // floor((2^128 − 1) / normal) − 2^64
        let reciprocal = (u128::MAX / u128::from(normal)) as u64;
        Divisor {
            normal,
            shift,
            reciprocal,
        }
    }

    /// Returns value / divisor, rounded down.
    #[must_use]
    #[inline]
    pub fn of_u128(&self, value: u128) -> u128 {
        let [low, high] = [value as u64, (value >> 64) as u64];
        let [first, second, third] = self.shifted([low, high, 0]);
        let (_, rest) = self.step(0, third);
        let (top, rest) = self.step(rest, second);
        let (bottom, _) = self.step(rest, first);
        u128::from(top) << 64 | u128::from(bottom)
    }

    /// Returns a · b / divisor, rounded down; `None` where it does not fit.
    #[must_use]
    #[inline]
    pub fn of_product(&self, a: u128, b: u64) -> Option<u128> {
        let low = u128::from(a as u64) * u128::from(b);
        let high = (a >> 64) * u128::from(b) + (low >> 64);
        let limbs = [low as u64, high as u64, (high >> 64) as u64];
        if limbs[2] >> (64 - self.shift).min(63) != 0 && self.shift > 0 {
            return None; // the quotient has more than 128 bits
        }
        let [first, second, third] = self.shifted(limbs);
        let (over, rest) = self.step(0, third);
        let (top, rest) = self.step(rest, second);
        let (bottom, _) = self.step(rest, first);
        (over == 0).then_some(u128::from(top) << 64 | u128::from(bottom))
    }

    #[inline]
    fn shifted(&self, [first, second, third]: [u64; 3]) -> [u64; 3] {
        if self.shift == 0 {
            return [first, second, third];
        }
        let carry = 64 - self.shift;
        [
            first << self.shift,
            second << self.shift | first >> carry,
            third << self.shift | second >> carry,
        ]
    }

    /// Returns quotient and rest of (rest · 2^64 + limb) / normal; `rest` < normal (Möller and Granlund, "Improved division by invariant
    /// integers").
    #[inline]
    fn step(&self, rest: u64, limb: u64) -> (u64, u64) {
        let estimate = u128::from(self.reciprocal) * u128::from(rest)
            + (u128::from(rest) << 64 | u128::from(limb));
        let mut quotient = ((estimate >> 64) as u64).wrapping_add(1);
        let mut left = limb.wrapping_sub(quotient.wrapping_mul(self.normal));
        if left > estimate as u64 {
            quotient = quotient.wrapping_sub(1);
            left = left.wrapping_add(self.normal);
        }
        if left >= self.normal {
            quotient = quotient.wrapping_add(1);
            left -= self.normal;
        }
        (quotient, left)
    }
}

#[cfg(test)]
mod tests {
    use super::Divisor;
    use crate::fixed::u256::U256;
    use proptest::prelude::*;

    fn any_width() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0u32..64).prop_map(|(value, shift)| (value >> shift).max(1))
    }

    proptest! {
        #[test]
        fn quotients_are_those_of_plain_division(a in any::<u128>(), drop in 0u32..128, b in any_width(), divisor in any_width()) {
            let a = a >> drop;
            let by = Divisor::of(divisor);
            prop_assert_eq!(by.of_u128(a), a / u128::from(divisor));
            let slow = U256::product(a, b.into()).over(divisor.into()).and_then(U256::narrow);
            prop_assert_eq!(by.of_product(a, b), slow);
        }
    }

    #[test]
    fn extremes_divide_exactly() {
        for divisor in [1, 2, 3, 10, 1 << 63, u64::MAX, u64::MAX - 1] {
            let by = Divisor::of(divisor);
            for a in [0, 1, u128::from(divisor), u128::MAX, u128::MAX - 1, 1 << 64] {
                assert_eq!(by.of_u128(a), a / u128::from(divisor));
                let slow = U256::product(a, u64::MAX.into())
                    .over(divisor.into())
                    .and_then(U256::narrow);
                assert_eq!(by.of_product(a, u64::MAX), slow);
            }
        }
    }
}
