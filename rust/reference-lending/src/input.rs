//! The bytes that the runtime hands over: accounts, instruction data, program id.

use core::marker::PhantomData;
use core::slice;

use lending_math::{Error, Pubkey};

/// Most accounts of one instruction: 14 of a liquidation, 12 of its other pairs, and some to spare.
pub const MAX_ACCOUNTS: usize = 32;

const SPARE: usize = 10_240; // the runtime leaves this much behind an account's data
const DATA: usize = 88;

/// An account of the instruction. Two of them may be one and the same: the runtime then shares its bytes.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    bytes: *mut u8,
    #[cfg_attr(not(target_os = "solana"), allow(dead_code))]
    // only calls of other programs need it
    original_len: usize,
    lifetime: PhantomData<&'a ()>,
}

impl<'a> Account<'a> {
    /// Returns the address.
    #[must_use]
    pub fn key(&self) -> &'a Pubkey {
        // SAFETY: 32 bytes that the runtime wrote, which nobody changes
        unsafe { &*self.bytes.add(8).cast::<Pubkey>() }
    }

    /// Returns the program that owns the account, as of now: creating an account changes it.
    #[must_use]
    pub fn owner(&self) -> Pubkey {
        // SAFETY: 32 bytes that the runtime wrote
        unsafe { *self.bytes.add(40).cast::<Pubkey>() }
    }

    /// Returns whether the transaction is signed by this account's key.
    #[must_use]
    pub fn is_signer(&self) -> bool {
        // SAFETY: a flag that the runtime wrote
        unsafe { *self.bytes.add(1) != 0 }
    }

    /// Returns whether the instruction may change this account.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        // SAFETY: a flag that the runtime wrote
        unsafe { *self.bytes.add(2) != 0 }
    }

    /// Returns the lamports, as of now.
    #[must_use]
    pub fn lamports(&self) -> u64 {
        // SAFETY: 8 aligned bytes that the runtime wrote
        unsafe { self.bytes.add(72).cast::<u64>().read() }
    }

    /// Returns the length of the data, as of now.
    #[must_use]
    pub fn len(&self) -> usize {
        // SAFETY: 8 aligned bytes that the runtime wrote
        unsafe { self.bytes.add(80).cast::<usize>().read() }
    }

    /// Returns whether the account has no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows the data to `look`.
    pub fn read<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        // SAFETY: the data as the runtime wrote it; `look` keeps nothing and runs nothing that changes accounts
        look(unsafe { slice::from_raw_parts(self.bytes.add(DATA), self.len()) })
    }

    /// Lets `change` change the data; an account that is not writable is `InvalidAccount`.
    pub fn write<T>(&self, change: impl FnOnce(&mut [u8]) -> Result<T, Error>) -> Result<T, Error> {
        if !self.is_writable() {
            return Err(Error::InvalidAccount);
        }
        // SAFETY: as in `read`; no other reference to any account's data lives while `change` runs
        change(unsafe { slice::from_raw_parts_mut(self.bytes.add(DATA), self.len()) })
    }

    /// Closes the account: its lamports go to `to`, its data is gone, and it is nobody's.
    pub fn close(&self, to: &Account<'_>) -> Result<(), Error> {
        if !to.is_writable() || to.key() == self.key() {
            return Err(Error::InvalidAccount);
        }
        let sum = to
            .lamports()
            .checked_add(self.lamports())
            .ok_or(Error::Overflow)?;
        self.write(|data| {
            data.fill(0);
            Ok(())
        })?;
        // SAFETY: fields that the runtime wrote and reads back; it checks what was done to them
        unsafe {
            to.bytes.add(72).cast::<u64>().write(sum);
            self.bytes.add(72).cast::<u64>().write(0);
            self.bytes.add(80).cast::<u64>().write(0);
            self.bytes.add(40).cast::<Pubkey>().write([0; 32]);
        }
        Ok(())
    }

    /// Returns the parts that a call of another program needs.
    #[cfg(target_os = "solana")]
    pub(crate) fn parts(&self) -> Parts {
        // SAFETY: all within what the runtime wrote for this account
        unsafe {
            let end = DATA + self.original_len + SPARE;
            Parts {
                key: self.bytes.add(8).cast::<Pubkey>(),
                lamports: self.bytes.add(72).cast::<u64>(),
                data_len: self.len() as u64,
                data: self.bytes.add(DATA),
                owner: self.bytes.add(40).cast::<Pubkey>(),
                rent_epoch: self.bytes.add(end + padding(end)).cast::<u64>().read(),
                is_signer: self.is_signer(),
                is_writable: self.is_writable(),
                executable: *self.bytes.add(3) != 0,
            }
        }
    }
}

/// An account in the form of `sol_invoke_signed_c`.
#[cfg(target_os = "solana")]
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    key: *const Pubkey,
    lamports: *mut u64,
    data_len: u64,
    data: *mut u8,
    owner: *const Pubkey,
    rent_epoch: u64,
    is_signer: bool,
    is_writable: bool,
    executable: bool,
}

/// One instruction to execute.
pub struct Call<'a> {
    /// This program's address.
    pub program: &'a Pubkey,
    /// The accounts, in the instruction's order.
    pub accounts: &'a [Account<'a>],
    /// The instruction's data.
    pub data: &'a [u8],
}

impl<'a> Call<'a> {
    /// Returns exactly `N` accounts.
    pub fn exactly<const N: usize>(&self) -> Result<&'a [Account<'a>; N], Error> {
        self.accounts.try_into().map_err(|_| Error::InvalidAccount)
    }

    /// Returns the first `N` accounts and the others.
    pub fn first<const N: usize>(
        &self,
    ) -> Result<(&'a [Account<'a>; N], &'a [Account<'a>]), Error> {
        self.accounts
            .split_first_chunk::<N>()
            .ok_or(Error::InvalidAccount)
    }
}

/// Reads the runtime's bytes and hands them to `execute`.
///
/// # Safety
/// `bytes` is the runtime's serialization (aligned, loader v2 and later) of accounts, data and program id.
pub unsafe fn with_call(
    bytes: *mut u8,
    execute: fn(&Call<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    // SAFETY: offsets follow the serialization, whose lengths the runtime wrote
    unsafe {
        let count = bytes.cast::<usize>().read();
        if count > MAX_ACCOUNTS {
            return Err(Error::InvalidAccount);
        }
        let mut accounts = [Account {
            bytes,
            original_len: 0,
            lifetime: PhantomData,
        }; MAX_ACCOUNTS];
        let mut at = bytes.add(8);
        for place in 0..count {
            let account;
            (account, at) = next_account(at, accounts.get(..place).unwrap_or(&[]))?;
            *accounts.get_mut(place).ok_or(Error::InvalidAccount)? = account;
        }
        let len = at.cast::<usize>().read();
        let call = Call {
            program: &*at.add(8 + len).cast::<Pubkey>(),
            accounts: accounts.get(..count).ok_or(Error::InvalidAccount)?,
            data: slice::from_raw_parts(at.add(8), len),
        };
        execute(&call)
    }
}

/// Reads one account, or which earlier one it is again; returns it and where the next begins.
///
/// # Safety
/// `at` is where the runtime serialized an account.
unsafe fn next_account<'a>(
    at: *mut u8,
    earlier: &[Account<'a>],
) -> Result<(Account<'a>, *mut u8), Error> {
    // SAFETY: the caller's promise
    unsafe {
        let same_as = *at;
        if same_as != u8::MAX {
            let account = earlier
                .get(usize::from(same_as))
                .copied()
                .ok_or(Error::InvalidAccount)?;
            return Ok((account, at.add(8)));
        }
        let original_len = at.add(80).cast::<usize>().read();
        let end = DATA + original_len + SPARE;
        let account = Account {
            bytes: at,
            original_len,
            lifetime: PhantomData,
        };
        Ok((account, at.add(end + padding(end) + 8)))
    }
}

/// Bytes from `end` to the next multiple of 8.
fn padding(end: usize) -> usize {
    end.wrapping_neg() & 7
}
