//! Addresses and discriminators that marginfi's rules name.

use lending_math::Pubkey;

/// marginfi itself.
pub const MARGINFI: Pubkey = key(b"MFv2hWf31Z9kbCa1snEPYctwafyhdvnV7FZnsebVacA");
/// Owner of Pyth's PriceUpdateV2.
pub const PYTH_RECEIVER: Pubkey = key(b"rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");
/// Owner of Pyth's legacy price accounts.
pub const PYTH_LEGACY: Pubkey = key(b"FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH");
/// Program under which sponsored PriceUpdateV2 accounts have their addresses.
pub const PYTH_PUSH: Pubkey = key(b"pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");
/// Kamino's lending program.
pub const KAMINO: Pubkey = key(b"KLend2g3cP87fffoy8q1mQqGKjrxjC8boSyAYavgmjD");
/// Drift v2.
pub const DRIFT: Pubkey = key(b"dRiftyHA39MWEi3m9aunc5MzRF1JYuBsbn6VPcn33UH");
/// Save.
pub const SAVE: Pubkey = key(b"So1endDq2YkqhipRh3WViPa8hdiSpxWy6z3Z6tMCpAo");
/// Jupiter Lend's earn program.
pub const JUPITER_EARN: Pubkey = key(b"jup3YeL8QhtSx1e253b2FDvsMNC87fDrgQZivbrndc9");
/// The single-validator stake pools.
pub const STAKE_POOL: Pubkey = key(b"SVSPxpvHdN29nkVg9rPapPNDddN5DipNLRUFhyjFThE");
/// SPL Token.
pub const TOKEN: Pubkey = key(b"TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

/// First bytes of a group.
pub const GROUP: [u8; 8] = [0xb6, 0x17, 0xad, 0xf0, 0x97, 0xce, 0xb6, 0x43];
/// First bytes of a bank.
pub const BANK: [u8; 8] = [0x8e, 0x31, 0xa6, 0xf2, 0x32, 0x42, 0x61, 0xbc];
/// First bytes of a margin account.
pub const MARGIN_ACCOUNT: [u8; 8] = [0x43, 0xb2, 0x82, 0x6d, 0x7e, 0x72, 0x1c, 0x2a];

/// Reads base58 while compiling; a text that is no address does not compile.
const fn key(text: &[u8]) -> Pubkey {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut address = [0u8; 32];
    let mut at = 0;
    while at < text.len() {
        let mut carry = 0;
        while ALPHABET[carry] != text[at] {
            carry += 1;
        }
        let mut byte = 32;
        while byte > 0 {
            byte -= 1;
            carry += address[byte] as usize * 58;
            address[byte] = (carry & 0xff) as u8;
            carry >>= 8;
        }
        at += 1;
    }
    address
}

#[cfg(test)]
mod tests {
    use crate::address::to_base58;

    #[test]
    fn addresses_are_read_while_compiling() {
        let shown = |address| to_base58(address);
        assert_eq!(
            shown(&super::MARGINFI),
            "MFv2hWf31Z9kbCa1snEPYctwafyhdvnV7FZnsebVacA"
        );
        assert_eq!(
            shown(&super::PYTH_LEGACY),
            "FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH"
        );
        assert_eq!(
            shown(&super::JUPITER_EARN),
            "jup3YeL8QhtSx1e253b2FDvsMNC87fDrgQZivbrndc9"
        );
    }
}
