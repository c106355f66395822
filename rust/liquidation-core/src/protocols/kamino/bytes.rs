//! Numbers and keys inside an account's bytes. An offset past the end reads as zero: lengths are checked when an account is decoded.

use lending_math::Pubkey;

use crate::fixed::u256::U256;

fn array<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    let found = data.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
    found.unwrap_or([0; N])
}

pub(super) fn u8_at(data: &[u8], at: usize) -> u8 {
    data.get(at).copied().unwrap_or(0)
}

pub(super) fn u16_at(data: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(data, at))
}

pub(super) fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(data, at))
}

pub(super) fn u64_at(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(data, at))
}

pub(super) fn u128_at(data: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(array(data, at))
}

pub(super) fn i64_at(data: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(array(data, at))
}

pub(super) fn i128_at(data: &[u8], at: usize) -> i128 {
    i128::from_le_bytes(array(data, at))
}

pub(super) fn u256_at(data: &[u8], at: usize) -> U256 {
    U256::from_le_bytes(&array(data, at))
}

pub(super) fn key_at(data: &[u8], at: usize) -> Pubkey {
    array(data, at)
}

/// Writes bytes at an offset; nothing where they do not fit.
pub(super) fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = data.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
