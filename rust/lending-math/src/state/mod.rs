//! The program's accounts, byte for byte: decode refuses what the program did not write, encode writes what it does.
//!
//! Every account begins with its Anchor discriminator, the layout version and its bump.

mod fund;
mod market;
mod oracle;
mod position;
mod reserve;

pub use fund::{InsuranceFund, INSURANCE_FUND, INSURANCE_FUND_LEN};
pub use market::{Market, MARKET, MARKET_LEN};
pub use oracle::{Oracle, ORACLE, ORACLE_LEN};
pub use position::{Leg, Position, Side, LEGS_OFFSET, LEG_LEN, MAX_LEGS, POSITION, POSITION_LEN};
pub use reserve::{Config, Reserve, CONFIG_LEN, CONFIG_OFFSET, RESERVE, RESERVE_LEN};

use crate::bytes::{get, get_u8, put};
use crate::Error;

/// The layout that this crate reads and writes.
pub const LAYOUT: u8 = 1;

/// The kinds of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A [`Market`].
    Market,
    /// A [`Reserve`].
    Reserve,
    /// An [`Oracle`].
    Oracle,
    /// A [`Position`].
    Position,
    /// An [`InsuranceFund`].
    InsuranceFund,
}

/// Returns the kind that an account's discriminator names, if it is one of the program's.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    match get::<8>(bytes, 0).ok()? {
        MARKET => Some(Kind::Market),
        RESERVE => Some(Kind::Reserve),
        ORACLE => Some(Kind::Oracle),
        POSITION => Some(Kind::Position),
        INSURANCE_FUND => Some(Kind::InsuranceFund),
        _ => None,
    }
}

/// Checks length, discriminator and layout; returns the bump.
fn open(bytes: &[u8], len: usize, discriminator: [u8; 8]) -> Result<u8, Error> {
    if bytes.len() != len || get::<8>(bytes, 0)? != discriminator || get_u8(bytes, 8)? != LAYOUT {
        return Err(Error::InvalidAccount);
    }
    get_u8(bytes, 9)
}

/// Zeroes the bytes and writes discriminator, layout and bump.
fn begin(bytes: &mut [u8], len: usize, discriminator: [u8; 8], bump: u8) -> Result<(), Error> {
    if bytes.len() != len {
        return Err(Error::InvalidAccount);
    }
    bytes.fill(0);
    put(bytes, 0, &discriminator)?;
    put(bytes, 8, &[LAYOUT, bump])
}
