//! Addresses as text.

use lending_math::Pubkey;

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
