//! Save's numbers: [`Decimal`] is an unsigned 192-bit and [`Rate`] an unsigned 128-bit count of 10⁻¹⁸.
//!
//! Every operation rounds down and fails where the program's would: a product has to fit the type's width *before* it is
//! divided. Division goes through reciprocals (Möller and Granlund, "Improved division by invariant integers"), because
//! the screen's confirmations live on it.

mod limbs;

pub use limbs::Reciprocal;
use limbs::{add, divide, fits, multiply, shift_right, sub, Limbs};

/// 1.0.
pub const WAD: u64 = 1_000_000_000_000_000_000;
const HALF_WAD: u64 = WAD / 2;
const PERCENT: u64 = WAD / 100;
const BY_WAD: Reciprocal = Reciprocal::of(WAD);

/// A result that does not fit, a negative one, or a division by zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

type Checked<T> = Result<T, Overflow>;

/// A large number in 10⁻¹⁸, below 2¹⁹².
///
/// ```
/// # use liquidation_core::fixed::wad::{Decimal, Overflow};
/// let third = Decimal::ONE.try_div(Decimal::whole(3))?;
/// assert_eq!(third.to_scaled(), Some(333_333_333_333_333_333)); // floor
/// assert_eq!(third.times(3)?.ceil(), Ok(1));
/// assert_eq!(Decimal::whole(u128::MAX).try_mul(Decimal::ONE), Err(Overflow)); // 2¹⁸⁸ · 10¹⁸ does not fit 192 bits
/// # Ok::<(), Overflow>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal(Limbs);

impl Decimal {
    /// 0.
    pub const ZERO: Decimal = Decimal([0; 3]);
    /// 1.0.
    pub const ONE: Decimal = Decimal([WAD, 0, 0]);

    /// Returns a whole number; no u128 overflows.
    #[must_use]
    pub fn whole(value: u128) -> Decimal {
        let value = [value as u64, (value >> 64) as u64, 0];
        Decimal(multiply(value, [WAD, 0, 0]).unwrap_or([u64::MAX; 3]))
    }

    /// Returns `percent`/100.
    #[must_use]
    pub const fn percent(percent: u8) -> Decimal {
        let scaled = percent as u128 * PERCENT as u128;
        Decimal([scaled as u64, (scaled >> 64) as u64, 0])
    }

    /// Returns `bps`/10,000.
    #[must_use]
    pub const fn bps(bps: u64) -> Decimal {
        Decimal::scaled(bps as u128 * (WAD / 10_000) as u128)
    }

    /// Returns `value`·10⁻¹⁸.
    #[must_use]
    pub const fn scaled(value: u128) -> Decimal {
        Decimal([value as u64, (value >> 64) as u64, 0])
    }

    /// Returns the count of 10⁻¹⁸; `None` where accounts, which store 128 bits, cannot hold it.
    #[must_use]
    pub const fn to_scaled(self) -> Option<u128> {
        match self.0 {
            [low, high, 0] => Some((high as u128) << 64 | low as u128),
            _ => None,
        }
    }

    /// Returns the count of 10⁻¹⁸, little-endian.
    #[must_use]
    pub fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// Returns whether it is 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == [0; 3]
    }

    /// Returns the sum.
    #[inline]
    pub fn try_add(self, other: Decimal) -> Checked<Decimal> {
        add(self.0, other.0).map(Decimal).ok_or(Overflow)
    }

    /// Returns the difference; an error below zero.
    #[inline]
    pub fn try_sub(self, other: Decimal) -> Checked<Decimal> {
        sub(self.0, other.0).map(Decimal).ok_or(Overflow)
    }

    /// Returns the difference, 0 below zero.
    #[must_use]
    pub fn saturating_sub(self, other: Decimal) -> Decimal {
        self.try_sub(other).unwrap_or(Decimal::ZERO)
    }

    /// Returns ⌊self·other⌋.
    #[inline]
    pub fn try_mul(self, other: Decimal) -> Checked<Decimal> {
        let product = multiply(self.0, other.0).ok_or(Overflow)?;
        Ok(Decimal(BY_WAD.divide(product)))
    }

    /// Returns ⌊self/other⌋.
    #[inline]
    pub fn try_div(self, other: Decimal) -> Checked<Decimal> {
        let scaled = multiply(self.0, [WAD, 0, 0]).ok_or(Overflow)?;
        divide(scaled, other.0).map(Decimal).ok_or(Overflow)
    }

    /// Returns ⌊self/divisor⌋ where `by` is the reciprocal of the divisor's count of 10⁻¹⁸.
    #[inline]
    pub fn div_by(self, by: &Reciprocal) -> Checked<Decimal> {
        let scaled = multiply(self.0, [WAD, 0, 0]).ok_or(Overflow)?;
        Ok(Decimal(by.divide(scaled)))
    }

    /// Returns ⌊self/(10^digits)⌋, failing where the division by such a [`Decimal`] would; `by` is 10^digits' reciprocal.
    #[inline]
    pub fn div_digits(self, by: &Reciprocal) -> Checked<Decimal> {
        if !fits(self.0, [WAD, 0, 0]) {
            return Err(Overflow);
        }
        Ok(Decimal(by.divide(self.0)))
    }

    /// Returns ⌊⌊self·other⌋/10^digits⌋ in one division; unlike [`Decimal::div_digits`] it asks only the product to fit.
    #[inline]
    pub fn mul_over(self, other: Decimal, unit: &Unit) -> Checked<Decimal> {
        let product = multiply(self.0, other.0).ok_or(Overflow)?;
        Ok(Decimal(unit.fives.divide(shift_right(product, unit.twos))))
    }

    /// Returns ⌊self·factor/divisor⌋ of whole numbers, the divisor given as its reciprocal.
    #[inline]
    pub fn times_over(self, factor: u64, divisor: &Reciprocal) -> Checked<Decimal> {
        let product = multiply(self.0, [factor, 0, 0]).ok_or(Overflow)?;
        Ok(Decimal(divisor.divide(product)))
    }

    /// Returns self times a whole number.
    pub fn times(self, factor: u64) -> Checked<Decimal> {
        multiply(self.0, [factor, 0, 0])
            .map(Decimal)
            .ok_or(Overflow)
    }

    /// Returns ⌊self/divisor⌋ of a whole number.
    pub fn over(self, divisor: u64) -> Checked<Decimal> {
        divide(self.0, [divisor, 0, 0]).map(Decimal).ok_or(Overflow)
    }

    /// Returns the whole part; an error above u64.
    pub fn floor(self) -> Checked<u64> {
        match BY_WAD.divide(self.0) {
            [whole, 0, 0] => Ok(whole),
            _ => Err(Overflow),
        }
    }

    /// Returns the next whole number; an error above u64.
    pub fn ceil(self) -> Checked<u64> {
        self.try_add(Decimal([WAD - 1, 0, 0]))?.floor()
    }

    /// Returns the nearest whole number, halves up; an error above u64.
    pub fn round(self) -> Checked<u64> {
        self.try_add(Decimal([HALF_WAD, 0, 0]))?.floor()
    }
}

/// 10^(18 + digits), ready to divide by: 2^(18 + digits) by shifting, 5^(18 + digits) by its reciprocal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    twos: u32,
    fives: Reciprocal,
}

impl Unit {
    /// Returns the unit of a token with so many digits; `None` above 9, where 5^(18 + digits) leaves 64 bits.
    #[must_use]
    pub fn of(digits: u8) -> Option<Unit> {
        let twos = 18 + u32::from(digits);
        let fives = 5u64.checked_pow(twos).map(Reciprocal::of)?;
        Some(Unit { twos, fives })
    }
}

impl Ord for Decimal {
    #[inline]
    fn cmp(&self, other: &Decimal) -> std::cmp::Ordering {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        (c, b, a).cmp(&(z, y, x))
    }
}

impl PartialOrd for Decimal {
    #[inline]
    fn partial_cmp(&self, other: &Decimal) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Decimal {
        Decimal::scaled(u128::from(value) * u128::from(WAD))
    }
}

impl From<Rate> for Decimal {
    fn from(rate: Rate) -> Decimal {
        Decimal::scaled(rate.0)
    }
}

/// A small number in 10⁻¹⁸, below 2¹²⁸; products have to fit 128 bits too.
///
/// ```
/// # use liquidation_core::fixed::wad::{Overflow, Rate};
/// assert_eq!(Rate::percent(50).try_mul(Rate::percent(50)), Ok(Rate::percent(25)));
/// assert_eq!(Rate::percent(200).pow(7), Ok(Rate::percent(100).times(128)?));
/// assert_eq!(Rate::percent(2_000).pow(16), Err(Overflow)); // 20¹⁶ · 10³⁶ does not fit 128 bits
/// # Ok::<(), Overflow>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(pub u128);

impl Rate {
    /// 0.
    pub const ZERO: Rate = Rate(0);
    /// 1.0.
    pub const ONE: Rate = Rate(WAD as u128);

    /// Returns `percent`/100.
    #[must_use]
    pub const fn percent(percent: u64) -> Rate {
        Rate(percent as u128 * PERCENT as u128)
    }

    /// Returns a decimal as a rate; an error above 128 bits.
    pub fn of(value: Decimal) -> Checked<Rate> {
        value.to_scaled().map(Rate).ok_or(Overflow)
    }

    /// Returns the sum.
    pub fn try_add(self, other: Rate) -> Checked<Rate> {
        self.0.checked_add(other.0).map(Rate).ok_or(Overflow)
    }

    /// Returns the difference; an error below zero.
    pub fn try_sub(self, other: Rate) -> Checked<Rate> {
        self.0.checked_sub(other.0).map(Rate).ok_or(Overflow)
    }

    /// Returns ⌊self·other⌋.
    #[inline]
    pub fn try_mul(self, other: Rate) -> Checked<Rate> {
        let product = self.0.checked_mul(other.0).ok_or(Overflow)?;
        Ok(Rate(BY_WAD.divide_u128(product)))
    }

    /// Returns ⌊self/other⌋.
    pub fn try_div(self, other: Rate) -> Checked<Rate> {
        let scaled = self.0.checked_mul(u128::from(WAD)).ok_or(Overflow)?;
        scaled.checked_div(other.0).map(Rate).ok_or(Overflow)
    }

    /// Returns self times a whole number.
    pub fn times(self, factor: u64) -> Checked<Rate> {
        self.0
            .checked_mul(u128::from(factor))
            .map(Rate)
            .ok_or(Overflow)
    }

    /// Returns ⌊self/divisor⌋ of a whole number.
    pub fn over(self, divisor: u64) -> Checked<Rate> {
        self.0
            .checked_div(u128::from(divisor))
            .map(Rate)
            .ok_or(Overflow)
    }

    /// Returns self to a whole power, by squaring as the program does: once more than needed, so that it overflows when the
    /// program's does.
    pub fn pow(self, mut exponent: u64) -> Checked<Rate> {
        let mut base = self;
        let mut power = if exponent % 2 == 1 { base } else { Rate::ONE };
        while exponent > 0 {
            exponent /= 2;
            base = base.try_mul(base)?;
            if exponent % 2 == 1 {
                power = power.try_mul(base)?;
            }
        }
        Ok(power)
    }
}

#[cfg(test)]
mod tests;
