//! Integers wide enough for any sum of the generic market's legs, without allocation.
//!
//! A leg is at most 2⁶⁴ (amount) · 2⁶³ (mantissa) · 2³² (weight) · 10¹⁴¹ (power) < 2⁶²⁸, and a side has 16 legs: 640 bits hold it.

use std::cmp::Ordering;

const LIMBS: usize = 10;

/// An unsigned integer of 640 bits, least significant limb first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wide([u64; LIMBS]);

impl Wide {
    /// Nothing.
    pub const ZERO: Wide = Wide([0; LIMBS]);

    /// Returns the sum; the callers' bounds leave no room for an overflow.
    #[must_use]
    pub fn plus(mut self, other: &Wide) -> Wide {
        let mut carry = 0u128;
        for (limb, add) in self.0.iter_mut().zip(other.0) {
            carry += u128::from(*limb) + u128::from(add);
            *limb = carry as u64;
            carry >>= 64;
        }
        self
    }

    /// Returns the product with one limb.
    #[must_use]
    pub fn times(mut self, factor: u64) -> Wide {
        let mut carry = 0u128;
        for limb in &mut self.0 {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u64;
            carry >>= 64;
        }
        self
    }

    /// Returns quotient, rounded down, and remainder; a divisor of 0 is taken for 1.
    #[must_use]
    pub fn divided(mut self, divisor: u64) -> (Wide, u64) {
        let divisor = u128::from(divisor.max(1));
        let mut rest = 0u128;
        for limb in self.0.iter_mut().rev() {
            let part = (rest << 64) | u128::from(*limb);
            *limb = (part / divisor) as u64;
            rest = part % divisor;
        }
        (self, rest as u64)
    }

    /// Returns the difference; the callers know that it is not negative.
    #[must_use]
    pub fn minus(mut self, other: &Wide) -> Wide {
        let mut borrow = false;
        for (limb, less) in self.0.iter_mut().zip(other.0) {
            let (part, under) = limb.overflowing_sub(less);
            let (part, again) = part.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (part, under || again);
        }
        self
    }

    /// Returns the product; the callers' bounds leave no room for an overflow.
    #[must_use]
    pub fn product(self, other: &Wide) -> Wide {
        let mut sum = Wide::ZERO;
        for (place, factor) in other
            .0
            .iter()
            .enumerate()
            .filter(|(_, factor)| **factor > 0)
        {
            let mut part = self.times(*factor).0;
            part.rotate_right(place);
            sum = sum.plus(&Wide(part));
        }
        sum
    }

    /// Returns quotient, rounded down, and remainder; a divisor of 0 gives (0, self).
    #[must_use]
    pub fn quotient(self, divisor: &Wide) -> (Wide, Wide) {
        if divisor.0[1..].iter().all(|limb| *limb == 0) && divisor.0[0] > 0 {
            let (quotient, rest) = self.divided(divisor.0[0]);
            return (quotient, Wide::from(u128::from(rest)));
        }
        let (mut quotient, mut rest) = (Wide::ZERO, self);
        if divisor.is_zero() || rest < *divisor {
            return (quotient, rest);
        }
        let mut shift = rest.bits() - divisor.bits();
        loop {
            let part = divisor.shifted(shift);
            if rest >= part {
                rest = rest.minus(&part);
                quotient.0[shift / 64] |= 1 << (shift % 64);
            }
            let Some(next) = shift.checked_sub(1) else {
                return (quotient, rest);
            };
            shift = next;
        }
    }

    fn bits(&self) -> usize {
        let top = self.0.iter().rposition(|limb| *limb != 0);
        top.map_or(0, |top| {
            top * 64 + 64 - self.0[top].leading_zeros() as usize
        })
    }

    fn shifted(&self, bits: usize) -> Wide {
        let mut limbs = [0; LIMBS];
        for (place, limb) in limbs.iter_mut().enumerate().skip(bits / 64) {
            let low = place - bits / 64;
            *limb = self.0[low] << (bits % 64);
            if !bits.is_multiple_of(64) && low > 0 {
                *limb |= self.0[low - 1] >> (64 - bits % 64);
            }
        }
        Wide(limbs)
    }

    /// Returns whether it is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Wide::ZERO
    }

    /// Returns the nearest float within two units in the last place, for display and for ordering lists.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let scale = 18_446_744_073_709_551_616.0; // 2^64
        self.0
            .iter()
            .rev()
            .fold(0.0, |sum, limb| sum * scale + *limb as f64)
    }

    /// Returns the 80 bytes, least significant first.
    #[must_use]
    pub fn to_le_bytes(self) -> [u8; LIMBS * 8] {
        let mut bytes = [0; LIMBS * 8];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }
}

impl From<u128> for Wide {
    fn from(value: u128) -> Wide {
        let mut limbs = [0; LIMBS];
        limbs[0] = value as u64;
        limbs[1] = (value >> 64) as u64;
        Wide(limbs)
    }
}

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Wide) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wide {
    fn cmp(&self, other: &Wide) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use super::Wide;

    #[test]
    fn carries_and_borrows_cross_the_limbs() {
        let top = Wide::from(u128::MAX);
        assert_eq!(
            top.plus(&Wide::from(1)).divided(1 << 63).0,
            Wide::from(1 << 65)
        );
        assert_eq!(top.times(10).divided(10), (top, 0));
        assert_eq!(
            top.times(u64::MAX).plus(&Wide::from(7)).divided(u64::MAX),
            (top, 7)
        );
    }

    #[test]
    fn a_quotient_and_its_rest_give_the_dividend_again() {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> (state % 60)
        };
        for _ in 0..2_000 {
            let divisor = Wide::from(u128::from(next()))
                .times(next())
                .times(next())
                .plus(&Wide::from(1));
            let dividend = Wide::from(u128::from(next()))
                .times(next())
                .times(next())
                .times(next())
                .times(next());
            let (quotient, rest) = dividend.quotient(&divisor);
            assert!(rest < divisor);
            assert_eq!(quotient.product(&divisor).plus(&rest), dividend);
            assert_eq!(
                dividend.minus(&rest).quotient(&divisor),
                (quotient, Wide::ZERO)
            );
        }
    }

    #[test]
    fn the_order_looks_at_the_highest_limb_first() {
        assert!(Wide::from(1 << 64) > Wide::from(u128::from(u64::MAX)));
        assert!(Wide::from(u128::MAX).times(2) > Wide::from(u128::MAX));
        assert_eq!(Wide::from(1 << 100).to_f64(), 2f64.powi(100));
    }
}
