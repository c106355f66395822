//! Addresses as text.

use ed25519_dalek::VerifyingKey;
use lending_math::Pubkey;
use sha2::{Digest, Sha256};

use crate::CoreError;

/// Returns the address in base58.
#[must_use]
pub fn to_base58(address: &Pubkey) -> String {
    bs58::encode(address).into_string()
}

/// Returns the address that a base58 text names; `NotAnAddress` unless it is 32 bytes.
///
/// ```
/// # use liquidation_core::address::{from_base58, to_base58};
/// assert_eq!(from_base58("11111111111111111111111111111111"), Ok([0; 32]));
/// assert_eq!(to_base58(&[0; 32]), "11111111111111111111111111111111");
/// assert!(from_base58("0OIl").is_err());
/// ```
pub fn from_base58(text: &str) -> Result<Pubkey, CoreError> {
    let mut address = [0; 32];
    match bs58::decode(text).onto(&mut address) {
        Ok(32) => Ok(address),
        _ => Err(CoreError::NotAnAddress(text.to_owned())),
    }
}

/// Returns the address that `program` derives from `seeds`, and its bump: the first off the curve, counted down from 255.
///
/// Source: Solana's `Pubkey::find_program_address`: sha256(seeds, bump, program, "ProgramDerivedAddress"), not a point of ed25519.
///
/// ```
/// # use liquidation_core::address::{find_program_address, from_base58, to_base58};
/// let program = from_base58("BPFLoaderUpgradeab1e11111111111111111111111").unwrap();
/// let (address, _) = find_program_address(&[b""], &program);
/// assert_eq!(address, find_program_address(&[], &program).0);
/// ```
#[must_use]
pub fn find_program_address(seeds: &[&[u8]], program: &Pubkey) -> (Pubkey, u8) {
    for bump in (0..=u8::MAX).rev() {
        let mut hash = Sha256::new();
        for seed in seeds {
            hash.update(seed);
        }
        hash.update([bump]);
        hash.update(program);
        hash.update(b"ProgramDerivedAddress");
        let address: Pubkey = hash.finalize().into();
        if VerifyingKey::from_bytes(&address).is_err() {
            return (address, bump);
        }
    }
    ([0; 32], 0) // half of all hashes are off the curve: 256 in a row on it are not met
}
