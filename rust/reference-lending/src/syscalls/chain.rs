//! The runtime's own calls.

use core::mem::MaybeUninit;

use lending_math::{Error, Pubkey};

use super::{Meta, Seed};
use crate::input::{Account, Parts};

/// Most accounts of a call of another program.
const MAX_CALLED: usize = 3;

#[repr(C)]
struct Instruction {
    program: *const Pubkey,
    accounts: *const Meta,
    accounts_len: u64,
    data: *const u8,
    data_len: u64,
}

extern "C" {
    fn abort() -> !;
    fn sol_log_(text: *const u8, len: u64);
    fn sol_log_data(fields: *const u8, len: u64);
    fn sol_set_return_data(data: *const u8, len: u64);
    fn sol_get_clock_sysvar(clock: *mut u8) -> u64;
    fn sol_get_rent_sysvar(rent: *mut u8) -> u64;
    fn sol_try_find_program_address(
        seeds: *const u8,
        len: u64,
        program: *const u8,
        address: *mut u8,
        bump: *mut u8,
    ) -> u64;
    fn sol_invoke_signed_c(
        instruction: *const u8,
        accounts: *const u8,
        accounts_len: u64,
        signers: *const u8,
        signers_len: u64,
    ) -> u64;
}

/// Ends the transaction.
pub fn abort_transaction() -> ! {
    // SAFETY: never returns
    unsafe { abort() }
}

/// Writes a line to the log.
pub fn log(text: &str) {
    // SAFETY: pointer and length of one string
    unsafe { sol_log_(text.as_ptr(), text.len() as u64) }
}

/// Sets the instruction's return data.
pub fn return_data(data: &[u8]) {
    // SAFETY: pointer and length of one slice
    unsafe { sol_set_return_data(data.as_ptr(), data.len() as u64) }
}

/// Writes bytes to the log.
pub fn log_data(data: &[u8]) {
    let fields = [Seed::new(data)];
    // SAFETY: an array of one pointer and length
    unsafe { sol_log_data(fields.as_ptr().cast(), 1) }
}

/// Returns the current slot.
pub fn slot() -> Result<u64, Error> {
    let mut clock = [0u64; 5]; // slot, epoch start, epoch, leader schedule epoch, unix time
                               // SAFETY: 40 aligned bytes to write to
    match unsafe { sol_get_clock_sysvar(clock.as_mut_ptr().cast()) } {
        0 => Ok(clock[0]),
        _ => Err(Error::InvalidAccount),
    }
}

/// Returns lamports per byte and the bits of the f64 that they are multiplied with for exemption.
pub fn rent() -> Result<(u64, u64), Error> {
    let mut rent = [0u64; 3]; // lamports per byte and year, exemption threshold (f64), burn percent
                              // SAFETY: 24 aligned bytes to write to, 17 are used
    match unsafe { sol_get_rent_sysvar(rent.as_mut_ptr().cast()) } {
        0 => Ok((rent[0], rent[1])),
        _ => Err(Error::InvalidAccount),
    }
}

/// Returns the address of these seeds, and its bump.
pub fn find_address(program: &Pubkey, seeds: &[Seed]) -> Result<(Pubkey, u8), Error> {
    let (mut address, mut bump) = ([0; 32], 0);
    // SAFETY: an array of pointers and lengths, and places for the results
    let status = unsafe {
        sol_try_find_program_address(
            seeds.as_ptr().cast(),
            seeds.len() as u64,
            program.as_ptr(),
            address.as_mut_ptr(),
            &mut bump,
        )
    };
    if status == 0 {
        Ok((address, bump))
    } else {
        Err(Error::InvalidAddress)
    }
}

/// Calls another program, signing for the address of `seeds` unless there are none.
#[inline(never)]
pub fn invoke(
    program: &Pubkey,
    metas: &[Meta],
    accounts: &[Account<'_>],
    data: &[u8],
    seeds: &[Seed],
) -> Result<(), Error> {
    let mut parts: [MaybeUninit<Parts>; MAX_CALLED] = [const { MaybeUninit::uninit() }; MAX_CALLED];
    for (place, account) in accounts.iter().enumerate() {
        parts
            .get_mut(place)
            .ok_or(Error::InvalidAccount)?
            .write(account.parts());
    }
    let instruction = Instruction {
        program,
        accounts: metas.as_ptr(),
        accounts_len: metas.len() as u64,
        data: data.as_ptr(),
        data_len: data.len() as u64,
    };
    let signer = [Seed {
        address: seeds.as_ptr().cast(),
        len: seeds.len() as u64,
    }];
    // SAFETY: pointers and lengths of arrays that live until the call returns; the first `accounts.len()` parts are written
    let status = unsafe {
        sol_invoke_signed_c(
            (&raw const instruction).cast(),
            parts.as_mut_ptr().cast(),
            accounts.len() as u64,
            signer.as_ptr().cast(),
            u64::from(!seeds.is_empty()),
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(Error::InvalidAccount)
    }
}
