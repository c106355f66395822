//! An oracle: the last price of a mint that its authority set.

use super::{begin, open};
use crate::bytes::{get, get_key, get_u64, put};
use crate::{Error, Pubkey};

/// Discriminator: `sha256("account:Oracle")[..8]`.
pub const ORACLE: [u8; 8] = [139, 194, 131, 179, 140, 179, 229, 244];
/// Length of the account.
pub const ORACLE_LEN: usize = 128;

/// The price of one whole token is `price·10^exponent` USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oracle {
    /// Bump of the address `["oracle", authority, mint]`.
    pub bump: u8,
    /// Power of ten of price and confidence.
    pub exponent: i32,
    /// Sets the price.
    pub authority: Pubkey,
    /// What is priced.
    pub mint: Pubkey,
    /// 0 until the first `set_price`.
    pub price: u64,
    /// Half of the price's interval.
    pub confidence: u64,
    /// Slot of the last `set_price`.
    pub slot: u64,
    /// How many there were.
    pub updates: u64,
}

impl Oracle {
    /// Reads an account's bytes.
    pub fn decode(bytes: &[u8]) -> Result<Oracle, Error> {
        let bump = open(bytes, ORACLE_LEN, ORACLE)?;
        Ok(Oracle {
            bump,
            exponent: i32::from_le_bytes(get(bytes, 12)?),
            authority: get_key(bytes, 16)?,
            mint: get_key(bytes, 48)?,
            price: get_u64(bytes, 80)?,
            confidence: get_u64(bytes, 88)?,
            slot: get_u64(bytes, 96)?,
            updates: get_u64(bytes, 104)?,
        })
    }

    /// Writes the account's bytes; they must be of its length.
    pub fn encode(&self, bytes: &mut [u8]) -> Result<(), Error> {
        begin(bytes, ORACLE_LEN, ORACLE, self.bump)?;
        put(bytes, 12, &self.exponent.to_le_bytes())?;
        put(bytes, 16, &self.authority)?;
        put(bytes, 48, &self.mint)?;
        put(bytes, 80, &self.price.to_le_bytes())?;
        put(bytes, 88, &self.confidence.to_le_bytes())?;
        put(bytes, 96, &self.slot.to_le_bytes())?;
        put(bytes, 104, &self.updates.to_le_bytes())
    }
}
