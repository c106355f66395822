//! Fields of an account's bytes, read where they lie. A field outside reads as 0: lengths are checked when an account is taken.

use std::borrow::Cow;

use lending_math::Pubkey;

use crate::fixed::i80f48::I80F48;

/// An account's bytes, borrowed until the first write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields<'a>(pub Cow<'a, [u8]>);

impl<'a> Fields<'a> {
    /// Takes the bytes.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Fields<'a> {
        Fields(Cow::Borrowed(bytes))
    }

    /// Returns the `N` bytes at an offset.
    #[inline]
    #[must_use]
    pub fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0
            .get(at..)
            .and_then(|rest| rest.first_chunk::<N>())
            .copied()
            .unwrap_or([0; N])
    }

    /// Returns the byte at an offset.
    #[inline]
    #[must_use]
    pub fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// Returns the u16 at an offset.
    #[inline]
    #[must_use]
    pub fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    /// Returns the u32 at an offset.
    #[inline]
    #[must_use]
    pub fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    /// Returns the i32 at an offset.
    #[inline]
    #[must_use]
    pub fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes(self.array(at))
    }

    /// Returns the u64 at an offset.
    #[inline]
    #[must_use]
    pub fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    /// Returns the i64 at an offset.
    #[inline]
    #[must_use]
    pub fn i64(&self, at: usize) -> i64 {
        i64::from_le_bytes(self.array(at))
    }

    /// Returns the u128 at an offset.
    #[must_use]
    pub fn u128(&self, at: usize) -> u128 {
        u128::from_le_bytes(self.array(at))
    }

    /// Returns the fixed-point number at an offset.
    #[inline]
    #[must_use]
    pub fn number(&self, at: usize) -> I80F48 {
        I80F48::from_bits(i128::from_le_bytes(self.array(at)))
    }

    /// Returns the address at an offset.
    #[inline]
    #[must_use]
    pub fn key(&self, at: usize) -> Pubkey {
        self.array(at)
    }

    /// Returns whether the address at an offset is this one, without copying it.
    #[inline]
    #[must_use]
    pub fn is_key(&self, at: usize, key: &Pubkey) -> bool {
        self.0.get(at..).is_some_and(|rest| rest.starts_with(key))
    }

    /// Writes bytes at an offset; outside the account nothing is written.
    pub fn put(&mut self, at: usize, value: &[u8]) {
        let field = self.0.to_mut().get_mut(at..);
        if let Some(field) = field.and_then(|rest| rest.get_mut(..value.len())) {
            field.copy_from_slice(value);
        }
    }

    /// Writes a fixed-point number at an offset.
    pub fn put_number(&mut self, at: usize, value: I80F48) {
        self.put(at, &value.bits().to_le_bytes());
    }
}
