//! A lending market's account: who may liquidate in it, and the address that signs for its tokens.

use ed25519_dalek::VerifyingKey;
use lending_math::Pubkey;
use sha2::{Digest, Sha256};

use super::fault::{Outcome, BROKEN};
use super::layout::{Reader, Writer};

/// Bytes of the account.
pub const MARKET_LENGTH: usize = 290;

/// A market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    /// Last seed of its authority.
    pub bump: u8,
    /// Who may change it.
    pub owner: Pubkey,
    /// The program of its tokens.
    pub token_program: Pubkey,
    /// The only liquidator, where there is one.
    pub liquidator: Option<Pubkey>,
    /// Who may mark obligations closeable; the owner in accounts older than the field.
    pub risk_authority: Pubkey,
}

impl Market {
    /// Returns the account's content, with the program's own checks.
    pub fn decode(data: &[u8]) -> Outcome<Market> {
        if data.len() != MARKET_LENGTH {
            return Err(BROKEN);
        }
        let mut from = Reader(data);
        if from.u8()? != 1 {
            return Err(BROKEN);
        }
        let (bump, owner) = (from.u8()?, from.bytes()?);
        from.skip(32)?; // quote currency
        let token_program = from.bytes()?;
        from.skip(64 + 56)?; // oracle programs, rate limiter
        let (liquidator, risk_authority) = (from.bytes()?, from.bytes()?);
        Ok(Market {
            bump,
            owner,
            token_program,
            liquidator: (liquidator != [0; 32]).then_some(liquidator),
            risk_authority: if risk_authority == [0; 32] {
                owner
            } else {
                risk_authority
            },
        })
    }

    /// Writes what the program writes back: the risk authority, filled in.
    pub fn encode(&self, data: &mut [u8]) -> Outcome<()> {
        let mut to = Writer(data);
        to.skip(MARKET_LENGTH - 40)?;
        to.bytes(&self.risk_authority)
    }

    /// Returns whether the market's address and bump give an authority at all: a hash that is no curve point.
    #[must_use]
    pub fn has_authority(&self, address: &Pubkey, program: &Pubkey) -> bool {
        let mut hash = Sha256::new();
        hash.update(address);
        hash.update([self.bump]);
        hash.update(program);
        hash.update(b"ProgramDerivedAddress");
        VerifyingKey::from_bytes(&hash.finalize().into()).is_err()
    }
}
