//! Scope: one account with a table of 512 prices, multiplied along a chain of up to four of them.
//!
//! An entry is `value / 10^exponent` at a Unix time. A chain's price is the product of its entries, its time the oldest of theirs.

use crate::fixed::fraction::{Fraction, Overflow, BITS};
use crate::fixed::u256::U256;

/// First bytes of the table.
const DISCRIMINATOR: [u8; 8] = [0x59, 0x80, 0x76, 0xdd, 0x06, 0x48, 0xb4, 0x92];
/// Length of the table.
pub const LENGTH: usize = 28_712;
/// Entries in the table.
pub const ENTRIES: u16 = 512;
const FIRST: usize = 40;
const SIZE: usize = 56;

/// The indices of a price's factors; the first at or above [`ENTRIES`] ends it.
pub type Chain = [u16; 4];

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Digits.
    pub value: u64,
    /// Decimal places.
    pub exponent: u64,
    /// Seconds since 1970.
    pub time: u64,
}

/// A table of prices, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Prices<'a>(&'a [u8]);

/// Why a chain has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpriced {
    /// The product of the values does not fit: the reader goes on without this price.
    TooLarge,
    /// The reader panics: the exponents or the price are out of its range.
    Panic,
}

/// How a reader multiplies a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// In 128 bits, the exponents' sum at most 30.
    Narrow,
    /// In 256 bits, both sides cut to 18 decimal places before a step whose exponents' sum is above 36.
    Wide,
}

impl<'a> Prices<'a> {
    /// Returns the table; `None` for bytes that are none.
    #[must_use]
    pub fn decode(data: &'a [u8]) -> Option<Prices<'a>> {
        (data.len() == LENGTH && data.starts_with(&DISCRIMINATOR)).then_some(Prices(data))
    }

    /// Returns an entry; `None` past the end.
    #[must_use]
    pub fn entry(&self, index: u16) -> Option<Entry> {
        let start = FIRST + SIZE * usize::from(index);
        let bytes = self
            .0
            .get(start..start + SIZE)
            .filter(|_| index < ENTRIES)?;
        let number = |at: usize| {
            let word = bytes.get(at..at + 8).and_then(|word| word.try_into().ok());
            word.map(u64::from_le_bytes)
        };
        Some(Entry {
            value: number(0)?,
            exponent: number(8)?,
            time: number(24)?,
        })
    }

    /// Returns a chain's entries up to its end.
    pub fn along(&self, chain: Chain) -> impl Iterator<Item = Entry> + '_ {
        chain.into_iter().map_while(|index| self.entry(index))
    }

    /// Returns the oldest time along a chain; `None` for an empty one.
    #[must_use]
    pub fn time(&self, chain: Chain) -> Option<u64> {
        self.along(chain).map(|entry| entry.time).min()
    }

    /// Returns a chain's price, rounded down.
    pub fn price(&self, chain: Chain, product: Product) -> Result<Fraction, Unpriced> {
        match product {
            Product::Narrow => narrow(self.along(chain)),
            Product::Wide => wide(self.along(chain)),
        }
    }
}

fn narrow(entries: impl Iterator<Item = Entry>) -> Result<Fraction, Unpriced> {
    let (mut value, mut exponent) = (1u128, 0u64);
    for entry in entries {
        value = value
            .checked_mul(u128::from(entry.value))
            .ok_or(Unpriced::TooLarge)?;
        exponent = exponent.saturating_add(entry.exponent);
    }
    scaled(U256::from(value), exponent, 30)
}

fn wide(entries: impl Iterator<Item = Entry>) -> Result<Fraction, Unpriced> {
    let (mut value, mut exponent) = (U256::from(1), 0u64);
    for entry in entries {
        let mut factor = (U256::from(u128::from(entry.value)), entry.exponent);
        if exponent.saturating_add(factor.1) > 36 {
            (value, exponent) = cut(value, exponent)?;
            factor = cut(factor.0, factor.1)?;
        }
        let narrow = factor.0.narrow().ok_or(Unpriced::TooLarge)?;
        value = value.times(narrow).ok_or(Unpriced::TooLarge)?;
        exponent = exponent.saturating_add(factor.1);
    }
    scaled(value, exponent, 76)
}

/// Cuts a number to 18 decimal places, rounding down.
fn cut(value: U256, exponent: u64) -> Result<(U256, u64), Unpriced> {
    match exponent.checked_sub(18) {
        None | Some(0) => Ok((value, exponent)),
        Some(drop) => Ok((divided(value, drop)?, 18)),
    }
}

/// value · 2^60 / 10^exponent.
pub(crate) fn scaled(value: U256, exponent: u64, most: u64) -> Result<Fraction, Unpriced> {
    if exponent > most {
        return Err(Unpriced::Panic);
    }
    let shifted = value.shifted_up(BITS).ok_or(Unpriced::Panic)?;
    let price = divided(shifted, exponent)?;
    price.narrow().map(Fraction).ok_or(Unpriced::Panic)
}

/// value / 10^exponent; dividing twice rounds down as dividing once does.
fn divided(value: U256, exponent: u64) -> Result<U256, Unpriced> {
    let first = exponent.min(38);
    let rest = exponent - first;
    let by = |places: u64| {
        u32::try_from(places)
            .ok()
            .and_then(|places| 10u128.checked_pow(places))
    };
    let part = by(first).and_then(|divisor| value.over(divisor));
    let whole = part.and_then(|part| part.over(by(rest)?));
    whole.ok_or(Unpriced::Panic)
}

/// Returns 10^exponent as programs of this family know it: up to 30 decimal places.
pub fn ten_to(exponent: u64) -> Result<u128, Overflow> {
    match u32::try_from(exponent) {
        Ok(places @ 0..=30) => Ok(10u128.pow(places)),
        _ => Err(Overflow),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Chain, Prices, Product, Unpriced, DISCRIMINATOR, LENGTH};

    fn table(entries: &[(u64, u64, u64)]) -> Vec<u8> {
        let mut data = vec![0; LENGTH];
        data[..8].copy_from_slice(&DISCRIMINATOR);
        for (index, (value, exponent, time)) in entries.iter().enumerate() {
            for (offset, number) in [(0, value), (8, exponent), (24, time)] {
                let at = 40 + 56 * index + offset;
                data[at..at + 8].copy_from_slice(&number.to_le_bytes());
            }
        }
        data
    }

    fn priced(
        entries: &[(u64, u64, u64)],
        chain: Chain,
        product: Product,
    ) -> Result<u128, Unpriced> {
        let data = table(entries);
        Prices::decode(&data)
            .unwrap()
            .price(chain, product)
            .map(|price| price.0)
    }

    const SINGLE: Chain = [0, 65535, 65535, 65535];

    /// What the deployed program of 1.7 answered for these entries.
    #[test]
    fn prices_are_the_programs() {
        let two = [(150_000_001, 8, 5), (1_250_000_000_000_000_003, 18, 3)];
        let chain = [0, 1, 65535, 65535];
        assert_eq!(
            priced(&two, chain, Product::Narrow),
            Ok(2_161_727_835_549_356_892)
        );
        assert_eq!(
            priced(&[(u64::MAX, 0, 0)], SINGLE, Product::Narrow),
            Ok(u128::from(u64::MAX) << 60)
        );
        assert_eq!(
            priced(&[(1_000_000_000_000_007, 30, 0)], SINGLE, Product::Narrow),
            Ok(1152)
        );
        assert_eq!(
            priced(&[(7, 31, 0)], SINGLE, Product::Narrow),
            Err(Unpriced::Panic)
        );
        let large = [((1 << 63) + 1, 10, 0); 3];
        assert_eq!(
            priced(&large, [0, 1, 2, 600], Product::Narrow),
            Err(Unpriced::TooLarge)
        );
    }

    #[test]
    fn the_wide_product_cuts_to_eighteen_places_above_thirty_six() {
        let entries = [
            (3_000_000_000_000_000_001, 18, 0),
            (2_000_000_000_000_000_007, 19, 0),
        ];
        let expected = (3_000_000_000_000_000_001u128 * 200_000_000_000_000_000) >> 1; // 0.2…
        let price = priced(&entries, [0, 1, 65535, 65535], Product::Wide).unwrap();
        let reference = crate::fixed::u256::U256::product(expected * 2, 1 << 60);
        assert_eq!(
            Some(price),
            reference.over(10u128.pow(36)).unwrap().narrow()
        );
    }

    #[test]
    fn a_chain_ends_at_the_first_unused_place_and_is_as_old_as_its_oldest() {
        let data = table(&[(1, 0, 9), (1, 0, 4), (1, 0, 1)]);
        let prices = Prices::decode(&data).unwrap();
        assert_eq!(prices.time([0, 1, 512, 2]), Some(4));
        assert_eq!(prices.time([600, 1, 2, 0]), None);
        assert_eq!(prices.entry(511).map(|entry| entry.time), Some(0));
        assert_eq!(prices.entry(512), None);
        assert!(Prices::decode(&data[1..]).is_none());
    }
}
