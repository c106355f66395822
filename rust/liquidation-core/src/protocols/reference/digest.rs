//! What a position is, apart from time and price: the name of a need to liquidate it.

use lending_math::state::{Leg, Position};
use lending_math::Pubkey;
use sha2::{Digest, Sha256};

use crate::CoreError;

/// Returns the digest of a position account's material fields: version and legs as they lie there, reserve, side and
/// amount. Neither the slot of the last update nor any price is part of it.
pub fn state_digest(data: &[u8]) -> Result<[u8; 32], CoreError> {
    let position = Position::decode(data).map_err(|_| CoreError::NotAPosition(data.len()))?;
    Ok(digest_of(position.version, position.legs().iter().copied()))
}

/// Returns the digest of a version and legs.
#[must_use]
pub fn digest_of(version: u64, legs: impl Iterator<Item = Leg>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"reference-position-v1");
    hash.update(version.to_le_bytes());
    for leg in legs {
        hash.update(leg.reserve);
        hash.update([leg.side as u8]);
        hash.update(leg.amount.to_le_bytes());
    }
    hash.finalize().into()
}

/// Returns the first 16 bytes of `sha256(position ‖ digest)`: the same need has the same id on any instance.
#[must_use]
pub fn candidate_id(position: &Pubkey, digest: &[u8; 32]) -> [u8; 16] {
    let whole: [u8; 32] = Sha256::new()
        .chain_update(position)
        .chain_update(digest)
        .finalize()
        .into();
    core::array::from_fn(|place| whole[place])
}
