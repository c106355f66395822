//! Integers of three 64-bit limbs, lowest first: sums, products and quotients that fit, or nothing.

/// Below 2¹⁹².
pub type Limbs = [u64; 3];

const LOW: u128 = u64::MAX as u128;

/// Returns the sum.
#[inline]
pub fn add([a, b, c]: Limbs, [x, y, z]: Limbs) -> Option<Limbs> {
    let (low, carry) = a.overflowing_add(x);
    let middle = u128::from(b) + u128::from(y) + u128::from(carry);
    let high = u128::from(c) + u128::from(z) + (middle >> 64);
    (high <= LOW).then_some([low, middle as u64, high as u64])
}

/// Returns the difference, nothing below zero.
#[inline]
pub fn sub([a, b, c]: Limbs, [x, y, z]: Limbs) -> Option<Limbs> {
    let (low, borrow) = a.overflowing_sub(x);
    let (middle, first) = b.overflowing_sub(y);
    let (middle, second) = middle.overflowing_sub(u64::from(borrow));
    let high = c.checked_sub(z)?.checked_sub(u64::from(first | second))?;
    Some([low, middle, high])
}

/// Returns the product.
#[inline]
pub fn multiply([a, b, c]: Limbs, [x, y, z]: Limbs) -> Option<Limbs> {
    let product = |left: u64, right: u64| u128::from(left) * u128::from(right);
    // Limbs 3 and above have to be nothing: no two factors of a sum of indices above 2 may both be there.
    if (c != 0 && (y | z) != 0) || (z != 0 && b != 0) {
        return None;
    }
    let low = product(a, x);
    let (ay, bx) = (product(a, y), product(b, x));
    let middle = (low >> 64) + (ay & LOW) + (bx & LOW);
    let by = product(b, y);
    let (az, cx) = (product(a, z), product(c, x));
    let tops = (by >> 64) | (az >> 64) | (cx >> 64);
    let high = (middle >> 64) + (ay >> 64) + (bx >> 64) + (by & LOW) + (az & LOW) + (cx & LOW);
    (tops == 0 && high <= LOW).then_some([low as u64, middle as u64, high as u64])
}

/// Returns whether the product fits.
#[inline]
pub fn fits(a: Limbs, b: Limbs) -> bool {
    multiply(a, b).is_some()
}

/// A divisor below 2⁶⁴, ready to divide by often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reciprocal {
    /// The divisor, shifted so that its top bit is set.
    divisor: u64,
    /// ⌊(2¹²⁸ − 1)/divisor⌋ − 2⁶⁴.
    inverse: u64,
    shift: u32,
}

impl Reciprocal {
    /// Returns a divisor's reciprocal; of 0, that of 1.
    #[must_use]
    pub const fn of(divisor: u64) -> Reciprocal {
        let divisor = if divisor == 0 { 1 } else { divisor };
        let shift = divisor.leading_zeros();
        let divisor = divisor << shift;
        let inverse = (u128::MAX / divisor as u128) as u64;
        Reciprocal {
            divisor,
            inverse,
            shift,
        }
    }

    /// Returns quotient and rest of `high·2⁶⁴ + low`, where `high` is below the divisor.
    #[inline(always)]
    const fn step(&self, high: u64, low: u64) -> (u64, u64) {
        let estimate =
            (self.inverse as u128 * high as u128).wrapping_add((high as u128) << 64 | low as u128);
        let mut quotient = ((estimate >> 64) as u64).wrapping_add(1);
        let mut rest = low.wrapping_sub(quotient.wrapping_mul(self.divisor));
        if rest > estimate as u64 {
            quotient = quotient.wrapping_sub(1);
            rest = rest.wrapping_add(self.divisor);
        }
        if rest >= self.divisor {
            quotient = quotient.wrapping_add(1);
            rest -= self.divisor;
        }
        (quotient, rest)
    }

    /// Returns ⌊number/divisor⌋.
    #[inline]
    #[must_use]
    pub const fn divide(&self, [a, b, c]: Limbs) -> Limbs {
        let upper = (c as u128) << 64 | b as u128;
        let lower = ((b as u128) << 64 | a as u128) << self.shift;
        let (high, rest) = if c < self.divisor >> self.shift {
            (0, ((upper << self.shift) >> 64) as u64) // no digit there: one step less
        } else {
            let top = (c as u128) << self.shift;
            self.step((top >> 64) as u64, ((upper << self.shift) >> 64) as u64)
        };
        let (middle, rest) = self.step(rest, (lower >> 64) as u64);
        let (low, _) = self.step(rest, a << self.shift);
        [low, middle, high]
    }

    /// Returns ⌊number/divisor⌋.
    #[inline]
    #[must_use]
    pub const fn divide_u128(&self, number: u128) -> u128 {
        let [low, middle, _] = self.divide([number as u64, (number >> 64) as u64, 0]);
        (middle as u128) << 64 | low as u128
    }
}

/// Returns ⌊number/divisor⌋, nothing for a divisor of 0.
#[inline]
pub fn divide(number: Limbs, divisor: Limbs) -> Option<Limbs> {
    match divisor {
        [0, 0, 0] => None,
        [divisor, 0, 0] if number[2] == 0 => {
            let narrow = u128::from(number[1]) << 64 | u128::from(number[0]);
            let quotient = narrow / u128::from(divisor);
            Some([quotient as u64, (quotient >> 64) as u64, 0])
        }
        [divisor, 0, 0] => Some(Reciprocal::of(divisor).divide(number)),
        [_, _, 0] => Some(divide_by_two(number, divisor)),
        _ => Some([divide_by_three(number, divisor), 0, 0]),
    }
}

/// Knuth's algorithm D for a divisor of two limbs: two digits of quotient.
fn divide_by_two([a, b, c]: Limbs, [x, y, _]: Limbs) -> Limbs {
    let shift = y.leading_zeros();
    let divisor = (u128::from(y) << 64 | u128::from(x)) << shift;
    let (top, low) = (Reciprocal::of((divisor >> 64) as u64), divisor as u64);
    // Four limbs of the shifted number.
    let wide = u128::from(c) << shift;
    let high = u128::from(b) << shift;
    let (n3, n2) = ((wide >> 64) as u64, wide as u64 | (high >> 64) as u64);
    let end = u128::from(a) << shift;
    let (n1, n0) = (high as u64 | (end >> 64) as u64, end as u64);
    let (upper, rest) = digit(
        &top,
        low,
        divisor,
        (u128::from(n3) << 64) | u128::from(n2),
        n1,
    );
    let (lower, _) = digit(&top, low, divisor, rest, n0);
    [lower, upper, 0]
}

/// Returns one digit and the rest of `high·2⁶⁴ + next` by a normalised divisor above `high`.
#[inline]
fn digit(top: &Reciprocal, low: u64, divisor: u128, high: u128, next: u64) -> (u64, u128) {
    let (first, second) = ((high >> 64) as u64, high as u64);
    let (mut quotient, mut rest) = if first >= top.divisor {
        (u64::MAX, u128::from(second) + u128::from(top.divisor))
    } else {
        let (quotient, rest) = top.step(first, second);
        (quotient, u128::from(rest))
    };
    while rest <= LOW && u128::from(quotient) * u128::from(low) > (rest << 64 | u128::from(next)) {
        quotient -= 1;
        rest += u128::from(top.divisor);
    }
    let taken = u128::from(quotient).wrapping_mul(divisor);
    (
        quotient,
        (high << 64 | u128::from(next)).wrapping_sub(taken),
    )
}

/// A divisor of three limbs leaves one digit: found bit by bit, which is slow and rare.
fn divide_by_three(mut number: Limbs, divisor: Limbs) -> u64 {
    let shift = divisor[2].leading_zeros();
    let mut digit = 0;
    for bit in (0..=shift).rev() {
        let step = multiply(divisor, [1 << bit, 0, 0]);
        if let Some(rest) = step.and_then(|step| sub(number, step)) {
            number = rest;
            digit |= 1 << bit;
        }
    }
    digit
}

/// Returns the number without its lowest bits, fewer than 64.
#[inline]
pub const fn shift_right([a, b, c]: Limbs, bits: u32) -> Limbs {
    let low = ((b as u128) << 64 | a as u128) >> bits;
    let high = ((c as u128) << 64 | b as u128) >> bits;
    [low as u64, high as u64, c >> bits]
}
