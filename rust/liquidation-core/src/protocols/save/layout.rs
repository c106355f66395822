//! Reading and writing the program's packed accounts, field after field, without ever panicking.

use super::fault::{Outcome, BROKEN};
use crate::fixed::wad::Decimal;

/// Bytes that are read from the front.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Returns the next bytes.
    #[inline]
    pub fn bytes<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(BROKEN)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Leaves bytes out.
    #[inline]
    pub fn skip(&mut self, count: usize) -> Outcome<()> {
        self.0 = self.0.get(count..).ok_or(BROKEN)?;
        Ok(())
    }

    /// Returns the next byte.
    #[inline]
    pub fn u8(&mut self) -> Outcome<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    /// Returns the next byte as a truth value; the program refuses all but 0 and 1.
    #[inline]
    pub fn bool(&mut self) -> Outcome<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BROKEN),
        }
    }

    /// Returns the next 8 bytes' number.
    #[inline]
    pub fn u64(&mut self) -> Outcome<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// Returns the next 16 bytes' number of 10⁻¹⁸.
    #[inline]
    pub fn decimal(&mut self) -> Outcome<Decimal> {
        self.bytes()
            .map(|bytes| Decimal::scaled(u128::from_le_bytes(bytes)))
    }
}

/// Bytes that are written from the front.
pub struct Writer<'a>(pub &'a mut [u8]);

impl Writer<'_> {
    /// Writes the next bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> Outcome<()> {
        let whole = std::mem::take(&mut self.0);
        let (head, rest) = whole.split_at_mut_checked(bytes.len()).ok_or(BROKEN)?;
        head.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }

    /// Leaves bytes as they are.
    pub fn skip(&mut self, count: usize) -> Outcome<()> {
        let whole = std::mem::take(&mut self.0);
        let (_, rest) = whole.split_at_mut_checked(count).ok_or(BROKEN)?;
        self.0 = rest;
        Ok(())
    }

    /// Writes a number.
    pub fn u64(&mut self, value: u64) -> Outcome<()> {
        self.bytes(&value.to_le_bytes())
    }

    /// Writes a truth value.
    pub fn bool(&mut self, value: bool) -> Outcome<()> {
        self.bytes(&[u8::from(value)])
    }

    /// Writes a decimal; the program panics where 128 bits cannot hold it.
    pub fn decimal(&mut self, value: Decimal) -> Outcome<()> {
        let scaled = value.to_scaled().ok_or(BROKEN)?;
        self.bytes(&scaled.to_le_bytes())
    }
}
