//! An instruction's arguments, in the order of their bytes.

use lending_math::state::{Config, CONFIG_LEN};
use lending_math::{Error, Pubkey};

/// The arguments not read yet.
pub struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    /// Returns the arguments in these bytes, of which there must be exactly `len`.
    pub fn new(bytes: &'a [u8], len: usize) -> Result<Arguments<'a>, Error> {
        if bytes.len() == len {
            Ok(Arguments(bytes))
        } else {
            Err(Error::InvalidInstruction)
        }
    }

    /// Reads a u8.
    pub fn u8(&mut self) -> Result<u8, Error> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// Reads an i32.
    pub fn i32(&mut self) -> Result<i32, Error> {
        self.take().map(i32::from_le_bytes)
    }

    /// Reads a u64.
    pub fn u64(&mut self) -> Result<u64, Error> {
        self.take().map(u64::from_le_bytes)
    }

    /// Reads an address.
    pub fn key(&mut self) -> Result<Pubkey, Error> {
        self.take()
    }

    /// Reads a reserve's configuration, which must be able to work.
    pub fn config(&mut self) -> Result<Config, Error> {
        let config = Config::decode(&self.take::<CONFIG_LEN>()?)?;
        lending_math::config::validate(&config)?;
        Ok(config)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(Error::InvalidInstruction)?;
        self.0 = rest;
        Ok(*taken)
    }
}

/// Returns the only argument, an amount; 0 is `AmountTooSmall`.
pub fn amount(bytes: &[u8]) -> Result<u64, Error> {
    match Arguments::new(bytes, 8)?.u64()? {
        0 => Err(Error::AmountTooSmall),
        amount => Ok(amount),
    }
}
