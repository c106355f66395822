//! Where there is no runtime: what only observes does nothing, what the program needs is refused.

use lending_math::{Error, Pubkey};

use super::{Meta, Seed};
use crate::input::Account;

/// Writes nothing: there is no log.
pub fn log(_: &str) {}

/// Sets nothing: nobody reads it.
pub fn return_data(_: &[u8]) {}

/// Writes nothing: there is no log.
pub fn log_data(_: &[u8]) {}

/// Refuses: there is no slot.
pub fn slot() -> Result<u64, Error> {
    Err(Error::InvalidAccount)
}

/// Refuses: there is no rent.
pub fn rent() -> Result<(u64, u64), Error> {
    Err(Error::InvalidAccount)
}

/// Refuses: addresses are not derived here.
pub fn find_address(_: &Pubkey, _: &[Seed]) -> Result<(Pubkey, u8), Error> {
    Err(Error::InvalidAddress)
}

/// Refuses: there is no other program.
pub fn invoke(
    _: &Pubkey,
    _: &[Meta],
    _: &[Account<'_>],
    _: &[u8],
    _: &[Seed],
) -> Result<(), Error> {
    Err(Error::InvalidAccount)
}
