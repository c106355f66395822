//! Reading and writing little-endian fields; a field outside the bytes is `InvalidAccount`.

use crate::{Error, Pubkey};

/// Returns the `N` bytes at `offset`.
pub fn get<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], Error> {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or(Error::InvalidAccount)
}

/// Writes the bytes at `offset`.
pub fn put(bytes: &mut [u8], offset: usize, value: &[u8]) -> Result<(), Error> {
    let end = offset
        .checked_add(value.len())
        .ok_or(Error::InvalidAccount)?;
    bytes
        .get_mut(offset..end)
        .ok_or(Error::InvalidAccount)?
        .copy_from_slice(value);
    Ok(())
}

/// Returns the u8 at `offset`.
pub fn get_u8(bytes: &[u8], offset: usize) -> Result<u8, Error> {
    bytes.get(offset).copied().ok_or(Error::InvalidAccount)
}

/// Returns the u16 at `offset`.
pub fn get_u16(bytes: &[u8], offset: usize) -> Result<u16, Error> {
    get(bytes, offset).map(u16::from_le_bytes)
}

/// Returns the u32 at `offset`.
pub fn get_u32(bytes: &[u8], offset: usize) -> Result<u32, Error> {
    get(bytes, offset).map(u32::from_le_bytes)
}

/// Returns the u64 at `offset`.
pub fn get_u64(bytes: &[u8], offset: usize) -> Result<u64, Error> {
    get(bytes, offset).map(u64::from_le_bytes)
}

/// Returns the address at `offset`.
pub fn get_key(bytes: &[u8], offset: usize) -> Result<Pubkey, Error> {
    get(bytes, offset)
}
