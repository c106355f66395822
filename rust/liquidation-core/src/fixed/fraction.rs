//! Kamino's `Fraction`: an unsigned number with 68 whole and 60 fraction bits, stored as its 128 bits ("_sf").

use crate::fixed::u256::U256;

/// Fraction bits.
pub const BITS: u32 = 60;

/// A result that does not fit, or a division by zero: the program panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// A number in units of 2⁻⁶⁰.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fraction(pub u128);

impl Fraction {
    /// 0.
    pub const ZERO: Fraction = Fraction(0);
    /// 1.
    pub const ONE: Fraction = Fraction(1 << BITS);

    /// Returns a whole number.
    #[must_use]
    pub const fn whole(value: u64) -> Fraction {
        Fraction((value as u128) << BITS)
    }

    /// Returns p/100, rounded down.
    ///
    /// ```
    /// # use liquidation_core::fixed::fraction::Fraction;
    /// assert_eq!(Fraction::percent(50).by(Fraction::whole(3)), Ok(Fraction(3 << 59)));
    /// assert_eq!(Fraction::percent(1).0, (1 << 60) / 100);
    /// ```
    #[must_use]
    pub const fn percent(value: u64) -> Fraction {
        Fraction(((value as u128) << BITS) / 100)
    }

    /// Returns n/10,000, rounded down.
    #[must_use]
    pub const fn bps(value: u64) -> Fraction {
        Fraction(((value as u128) << BITS) / 10_000)
    }

    /// Returns the sum.
    pub fn plus(self, other: Fraction) -> Result<Fraction, Overflow> {
        self.0.checked_add(other.0).map(Fraction).ok_or(Overflow)
    }

    /// Returns the difference.
    pub fn minus(self, other: Fraction) -> Result<Fraction, Overflow> {
        self.0.checked_sub(other.0).map(Fraction).ok_or(Overflow)
    }

    /// Returns the difference, or 0.
    #[must_use]
    pub fn less(self, other: Fraction) -> Fraction {
        Fraction(self.0.saturating_sub(other.0))
    }

    /// Returns the product, rounded down.
    pub fn by(self, other: Fraction) -> Result<Fraction, Overflow> {
        narrow(Some(U256::product(self.0, other.0).shifted_down(BITS)))
    }

    /// Returns the quotient, rounded down.
    pub fn per(self, other: Fraction) -> Result<Fraction, Overflow> {
        narrow(U256::product(self.0, 1 << BITS).over(other.0))
    }

    /// Returns the product with a whole number, exactly.
    pub fn times(self, factor: u128) -> Result<Fraction, Overflow> {
        self.0.checked_mul(factor).map(Fraction).ok_or(Overflow)
    }

    /// Returns the quotient by a whole number, rounded down.
    pub fn over(self, divisor: u128) -> Result<Fraction, Overflow> {
        self.0.checked_div(divisor).map(Fraction).ok_or(Overflow)
    }

    /// Returns self·n/d with one rounding down at the end.
    pub fn ratio(self, n: U256, d: U256) -> Result<Fraction, Overflow> {
        narrow(n.times(self.0).and_then(|product| product.divided(d)))
    }

    /// Returns the whole part.
    pub fn floor(self) -> Result<u64, Overflow> {
        u64::try_from(self.0 >> BITS).map_err(|_| Overflow)
    }

    /// Returns the least whole number that is not below.
    pub fn ceil(self) -> Result<u64, Overflow> {
        let up = self.plus(Fraction(Fraction::ONE.0 - 1))?;
        up.floor()
    }

    /// Returns the nearest whole number, half up.
    pub fn round(self) -> Result<u64, Overflow> {
        self.plus(Fraction(Fraction::ONE.0 / 2))?.floor()
    }

    /// Returns it in 1/10,000, half up.
    pub fn to_bps(self) -> Result<u64, Overflow> {
        self.times(10_000)?.round()
    }

    /// Returns it in 1/100, half up.
    pub fn to_percent(self) -> Result<u64, Overflow> {
        self.times(100)?.round()
    }
}

fn narrow(value: Option<U256>) -> Result<Fraction, Overflow> {
    value.and_then(U256::narrow).map(Fraction).ok_or(Overflow)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Fraction, Overflow};

    #[test]
    fn products_and_quotients_round_down() {
        let third = Fraction::ONE.per(Fraction::whole(3)).unwrap();
        assert_eq!(third.0, (1 << 60) / 3);
        assert_eq!(third.times(3).unwrap(), Fraction((1 << 60) - 1));
        assert_eq!(third.by(third).unwrap().0, (third.0 * third.0) >> 60);
    }

    #[test]
    fn whole_numbers_round_as_they_say() {
        let half = Fraction(1 << 59);
        assert_eq!(
            (half.floor(), half.ceil(), half.round()),
            (Ok(0), Ok(1), Ok(1))
        );
        assert_eq!(Fraction::bps(12_345).to_bps(), Ok(12_345));
        assert_eq!(Fraction::percent(7).to_percent(), Ok(7));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(Fraction(u128::MAX).by(Fraction::whole(2)), Err(Overflow));
        assert_eq!(Fraction::ONE.per(Fraction::ZERO), Err(Overflow));
        assert_eq!(Fraction(u128::MAX).plus(Fraction(1)), Err(Overflow));
    }
}
