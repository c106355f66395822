//! SPL Token: what its accounts say, and the two calls that this program makes.

use lending_math::bytes::{get_key, get_u64, get_u8};
use lending_math::{Error, Pubkey};

use crate::input::Account;
use crate::load;
use crate::syscalls::{invoke, Meta, Seed};

/// SPL Token's address.
pub static PROGRAM: Pubkey = [
    6, 221, 246, 225, 215, 101, 161, 147, 217, 203, 225, 70, 206, 235, 121, 172, 28, 180, 133, 237,
    95, 91, 55, 145, 58, 140, 245, 133, 126, 255, 0, 169,
];

/// The mint of wrapped SOL.
pub static SOL_MINT: Pubkey = [
    6, 155, 136, 87, 254, 171, 129, 132, 251, 104, 127, 99, 70, 24, 192, 53, 218, 196, 57, 220, 26,
    235, 59, 85, 152, 160, 240, 0, 0, 0, 0, 1,
];

/// Length of a token account.
pub const ACCOUNT_LEN: usize = 165;

const MINT_LEN: usize = 82;
const TRANSFER: u8 = 3;
const INITIALIZE_ACCOUNT_3: u8 = 18;

/// Demands SPL Token itself.
pub fn program(account: &Account<'_>) -> Result<(), Error> {
    load::at(account, &PROGRAM, Error::InvalidAccount)
}

/// Demands a token account of a mint.
#[inline(never)]
pub fn check(account: &Account<'_>, mint: &Pubkey) -> Result<(), Error> {
    if account.owner() != PROGRAM {
        return Err(Error::InvalidOwner);
    }
    account.read(|bytes| {
        if bytes.len() != ACCOUNT_LEN {
            return Err(Error::InvalidAccount);
        }
        if get_key(bytes, 0)? == *mint {
            Ok(())
        } else {
            Err(Error::InvalidMint)
        }
    })
}

/// Returns the balance of a token account that was checked.
pub fn balance(account: &Account<'_>) -> Result<u64, Error> {
    account.read(|bytes| get_u64(bytes, 64))
}

/// Returns the decimals of a mint; anything else is `InvalidMint`.
pub fn decimals(mint: &Account<'_>) -> Result<u8, Error> {
    if mint.owner() != PROGRAM {
        return Err(Error::InvalidMint);
    }
    mint.read(|bytes| match (bytes.len(), get_u8(bytes, 45)) {
        (MINT_LEN, Ok(1)) => get_u8(bytes, 44),
        _ => Err(Error::InvalidMint),
    })
}

/// Moves tokens; `seeds` are those of the authority's address, or none if it has signed itself.
#[inline(never)]
pub fn transfer(
    from: &Account<'_>,
    to: &Account<'_>,
    authority: &Account<'_>,
    amount: u64,
    seeds: &[Seed],
) -> Result<(), Error> {
    let mut data = [TRANSFER; 9];
    lending_math::bytes::put(&mut data, 1, &amount.to_le_bytes())?;
    let metas = [
        Meta::writable(from, false),
        Meta::writable(to, false),
        Meta::readonly(authority, true),
    ];
    invoke(&PROGRAM, &metas, &[*from, *to, *authority], &data, seeds)
}

/// Makes a token account of an account that has been created for it.
#[inline(never)]
pub fn initialize(account: &Account<'_>, mint: &Account<'_>, owner: &Pubkey) -> Result<(), Error> {
    let mut data = [INITIALIZE_ACCOUNT_3; 33];
    lending_math::bytes::put(&mut data, 1, owner)?;
    let metas = [Meta::writable(account, false), Meta::readonly(mint, false)];
    invoke(&PROGRAM, &metas, &[*account, *mint], &data, &[])
}
