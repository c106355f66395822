//! The arithmetic of the reference lending program: integers only, no allocation, no panic.
//!
//! The program executes it on chain and the engine executes it to decide, so both round alike.
//! `docs/reference-program.md` is the contract; every function here names the rule it implements.
#![no_std]
#![forbid(unsafe_code)]

pub mod bytes;
pub mod config;
pub mod error;
pub mod health;
pub mod interest;
pub mod liquidation;
pub mod price;
pub mod state;
pub mod wide;

pub use error::Error;

/// An address: 32 bytes.
pub type Pubkey = [u8; 32];

/// A whole in basis points.
pub const BPS: u64 = 10_000;

/// 1.0 of a borrow index.
pub const WAD: u128 = 1_000_000_000_000_000_000;

/// Slots of 400 ms in a year of 365 days.
pub const SLOTS_PER_YEAR: u64 = 78_840_000;

/// Atto-USD in one micro-USD: the unit of `dust_limit_micro_usd` in the unit of values.
pub const ATTO_PER_MICRO: u128 = 1_000_000_000_000;
