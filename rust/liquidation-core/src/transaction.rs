//! Signing of a transaction's message.

use ed25519_dalek::{Signer, SigningKey};

use crate::CoreError;

/// Returns the ed25519 signature of `message` under a keypair as Solana's key files hold it.
///
/// The 64 bytes are the secret key and then its public key; two that do not belong together are `NotAKeypair`,
/// because signing with a foreign public key would give the secret away.
pub fn sign(keypair: &[u8; 64], message: &[u8]) -> Result<[u8; 64], CoreError> {
    let key = SigningKey::from_keypair_bytes(keypair).map_err(|_| CoreError::NotAKeypair)?;
    Ok(key.sign(message).to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8032, 7.1, test 2
    const SECRET: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap_or(0))
    }

    #[test]
    fn a_signature_is_the_standards() {
        let keypair = bytes::<64>(&format!("{SECRET}{PUBLIC}"));
        assert_eq!(sign(&keypair, &[0x72]), Ok(bytes::<64>(SIGNATURE)));
    }

    #[test]
    fn a_foreign_public_key_is_refused() {
        let mut keypair = bytes::<64>(&format!("{SECRET}{PUBLIC}"));
        keypair[63] ^= 1;
        assert_eq!(sign(&keypair, b"message"), Err(CoreError::NotAKeypair));
    }
}
