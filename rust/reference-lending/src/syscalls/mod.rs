//! What the program asks of the runtime. Elsewhere than on chain every call is refused.

use lending_math::Pubkey;

use crate::input::Account;

#[cfg(target_os = "solana")]
mod chain;
#[cfg(not(target_os = "solana"))]
mod elsewhere;

#[cfg(target_os = "solana")]
pub use chain::{abort_transaction, find_address, invoke, log, log_data, rent, return_data, slot};
#[cfg(not(target_os = "solana"))]
pub use elsewhere::{find_address, invoke, log, log_data, rent, return_data, slot};

/// Bytes of an address's seeds, as the runtime reads them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Seed {
    address: *const u8,
    len: u64,
}

impl Seed {
    /// Returns the seed of these bytes, which have to outlive it.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Seed {
        Seed {
            address: bytes.as_ptr(),
            len: bytes.len() as u64,
        }
    }
}

/// An account of a called instruction, as the runtime reads it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Meta {
    key: *const Pubkey,
    is_writable: bool,
    is_signer: bool,
}

impl Meta {
    /// Returns an account that the called program may change.
    #[must_use]
    pub fn writable(account: &Account<'_>, is_signer: bool) -> Meta {
        Meta {
            key: account.key(),
            is_writable: true,
            is_signer,
        }
    }

    /// Returns an account that the called program only reads.
    #[must_use]
    pub fn readonly(account: &Account<'_>, is_signer: bool) -> Meta {
        Meta {
            key: account.key(),
            is_writable: false,
            is_signer,
        }
    }
}
