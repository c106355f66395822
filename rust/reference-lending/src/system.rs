//! The system program: creating accounts at derived addresses.

use lending_math::bytes::put;
use lending_math::{Error, Pubkey};

use crate::input::Account;
use crate::load;
use crate::syscalls::{find_address, invoke, rent, Meta, Seed};

/// The system program's address.
pub static PROGRAM: Pubkey = [0; 32];

const CREATE_ACCOUNT: u8 = 0;
const ASSIGN: u8 = 1;
const TRANSFER: u8 = 2;
const ALLOCATE: u8 = 8;

/// Most seeds of an address, its bump included.
const MAX_SEEDS: usize = 5;

/// Demands the system program itself.
pub fn program(account: &Account<'_>) -> Result<(), Error> {
    load::at(account, &PROGRAM, Error::InvalidAccount)
}

/// What an account is created with.
pub struct New<'a> {
    /// Signs, and pays the rent.
    pub payer: &'a Account<'a>,
    /// The account to be created, at the address of `seeds`.
    pub account: &'a Account<'a>,
    /// The seeds, without the bump.
    pub seeds: &'a [Seed],
    /// Bytes of data.
    pub len: usize,
    /// The program that will own it.
    pub owner: &'a Pubkey,
}

impl New<'_> {
    /// Creates the account and returns its bump: `InvalidAddress` elsewhere than at its address, `AlreadyInitialized`
    /// where one is. Lamports that somebody sent to the address beforehand count towards the rent.
    #[inline(never)]
    pub fn create(&self, program: &Pubkey) -> Result<u8, Error> {
        load::writable(self.payer)?;
        load::writable(self.account)?;
        let (address, bump) = find_address(program, self.seeds)?;
        load::at(self.account, &address, Error::InvalidAddress)?;
        if self.account.owner() != PROGRAM || !self.account.is_empty() {
            return Err(Error::AlreadyInitialized);
        }
        let bump_bytes = [bump];
        let mut seeds = [Seed::new(&bump_bytes); MAX_SEEDS];
        seeds
            .get_mut(..self.seeds.len())
            .ok_or(Error::InvalidAddress)?
            .copy_from_slice(self.seeds);
        let signer = seeds
            .get(..=self.seeds.len())
            .ok_or(Error::InvalidAddress)?;
        let rent = exempt(self.len)?;
        if self.account.lamports() == 0 {
            self.create_empty(rent, signer)?;
        } else {
            self.create_funded(rent, signer)?;
        }
        Ok(bump)
    }

    fn create_empty(&self, rent: u64, signer: &[Seed]) -> Result<(), Error> {
        let mut data = [0; 52];
        put(&mut data, 0, &[CREATE_ACCOUNT])?;
        put(&mut data, 4, &rent.to_le_bytes())?;
        put(&mut data, 12, &(self.len as u64).to_le_bytes())?;
        put(&mut data, 20, self.owner)?;
        let metas = [
            Meta::writable(self.payer, true),
            Meta::writable(self.account, true),
        ];
        invoke(
            &PROGRAM,
            &metas,
            &[*self.payer, *self.account],
            &data,
            signer,
        )
    }

    fn create_funded(&self, rent: u64, signer: &[Seed]) -> Result<(), Error> {
        let missing = rent.saturating_sub(self.account.lamports());
        if missing > 0 {
            let mut data = [0; 12];
            put(&mut data, 0, &[TRANSFER])?;
            put(&mut data, 4, &missing.to_le_bytes())?;
            let metas = [
                Meta::writable(self.payer, true),
                Meta::writable(self.account, false),
            ];
            invoke(&PROGRAM, &metas, &[*self.payer, *self.account], &data, &[])?;
        }
        let metas = [Meta::writable(self.account, true)];
        let mut allocate = [0; 12];
        put(&mut allocate, 0, &[ALLOCATE])?;
        put(&mut allocate, 4, &(self.len as u64).to_le_bytes())?;
        invoke(&PROGRAM, &metas, &[*self.account], &allocate, signer)?;
        let mut assign = [0; 36];
        put(&mut assign, 0, &[ASSIGN])?;
        put(&mut assign, 4, self.owner)?;
        invoke(&PROGRAM, &metas, &[*self.account], &assign, signer)
    }
}

/// Returns the lamports with which an account of `len` bytes pays no rent.
///
/// The threshold is an f64 of whole years: 2.0, or 1.0 where the yearly rate has been folded into it.
fn exempt(len: usize) -> Result<u64, Error> {
    const OVERHEAD: u64 = 128;
    let (per_byte, threshold) = rent()?;
    let years = match threshold {
        0x3FF0_0000_0000_0000 => 1,
        0x4000_0000_0000_0000 => 2,
        _ => return Err(Error::InvalidAccount),
    };
    let bytes = OVERHEAD + len as u64;
    bytes
        .checked_mul(per_byte)
        .and_then(|lamports| lamports.checked_mul(years))
        .ok_or(Error::Overflow)
}
