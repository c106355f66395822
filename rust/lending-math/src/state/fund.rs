//! An insurance fund: what pays for one market's bad debt in one mint.

use super::{begin, open};
use crate::bytes::{get_key, get_u64, put};
use crate::{Error, Pubkey};

/// Discriminator: `sha256("account:InsuranceFund")[..8]`.
pub const INSURANCE_FUND: [u8; 8] = [43, 134, 170, 87, 102, 16, 142, 147];
/// Length of the account.
pub const INSURANCE_FUND_LEN: usize = 144;

/// A fund; its vault holds at least `contributed + fees − covered`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsuranceFund {
    /// Bump of the address `["insurance_fund"]` (SOL) or `["insurance_fund", mint]`.
    pub bump: u8,
    /// What it holds.
    pub mint: Pubkey,
    /// The token account that holds it.
    pub vault: Pubkey,
    /// Tokens contributed.
    pub contributed: u64,
    /// Tokens of liquidations' protocol fees.
    pub fees: u64,
    /// Tokens paid for bad debt.
    pub covered: u64,
    /// The market whose bad debt it covers.
    pub market: Pubkey,
}

impl InsuranceFund {
    /// Reads an account's bytes.
    pub fn decode(bytes: &[u8]) -> Result<InsuranceFund, Error> {
        let bump = open(bytes, INSURANCE_FUND_LEN, INSURANCE_FUND)?;
        Ok(InsuranceFund {
            bump,
            mint: get_key(bytes, 16)?,
            vault: get_key(bytes, 48)?,
            contributed: get_u64(bytes, 80)?,
            fees: get_u64(bytes, 88)?,
            covered: get_u64(bytes, 96)?,
            market: get_key(bytes, 104)?,
        })
    }

    /// Writes the account's bytes; they must be of its length.
    pub fn encode(&self, bytes: &mut [u8]) -> Result<(), Error> {
        begin(bytes, INSURANCE_FUND_LEN, INSURANCE_FUND, self.bump)?;
        put(bytes, 16, &self.mint)?;
        put(bytes, 48, &self.vault)?;
        put(bytes, 80, &self.contributed.to_le_bytes())?;
        put(bytes, 88, &self.fees.to_le_bytes())?;
        put(bytes, 96, &self.covered.to_le_bytes())?;
        put(bytes, 104, &self.market)
    }
}
