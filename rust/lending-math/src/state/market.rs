//! A market: who owns it, and whether it is paused.

use super::{begin, open};
use crate::bytes::{get_key, get_u64, get_u8, put};
use crate::{Error, Pubkey};

/// Discriminator: `sha256("account:Market")[..8]`.
pub const MARKET: [u8; 8] = [219, 190, 213, 55, 0, 227, 198, 154];
/// Length of the account.
pub const MARKET_LEN: usize = 160;

/// A market; its address is the authority of its reserves' vaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// Bump of the address `["market", creator, id]`.
    pub bump: u8,
    /// Refuses borrow, withdraw and liquidate.
    pub paused: bool,
    /// May change the market and its reserves.
    pub owner: Pubkey,
    /// Signs `cover_bad_debt`.
    pub insurance_authority: Pubkey,
    /// Part of the address.
    pub id: u64,
    /// Reserves ever made.
    pub reserve_count: u64,
    /// Part of the address: the first owner.
    pub creator: Pubkey,
}

impl Market {
    /// Reads an account's bytes.
    pub fn decode(bytes: &[u8]) -> Result<Market, Error> {
        let bump = open(bytes, MARKET_LEN, MARKET)?;
        let paused = match get_u8(bytes, 10)? {
            0 => false,
            1 => true,
            _ => return Err(Error::InvalidAccount),
        };
        Ok(Market {
            bump,
            paused,
            owner: get_key(bytes, 16)?,
            insurance_authority: get_key(bytes, 48)?,
            id: get_u64(bytes, 80)?,
            reserve_count: get_u64(bytes, 88)?,
            creator: get_key(bytes, 96)?,
        })
    }

    /// Writes the account's bytes; they must be of its length.
    pub fn encode(&self, bytes: &mut [u8]) -> Result<(), Error> {
        begin(bytes, MARKET_LEN, MARKET, self.bump)?;
        put(bytes, 10, &[u8::from(self.paused)])?;
        put(bytes, 16, &self.owner)?;
        put(bytes, 48, &self.insurance_authority)?;
        put(bytes, 80, &self.id.to_le_bytes())?;
        put(bytes, 88, &self.reserve_count.to_le_bytes())?;
        put(bytes, 96, &self.creator)
    }
}
