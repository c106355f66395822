//! Addresses that other programs derive for what a bank's price is read from.

use lending_math::Pubkey;

use super::programs::{PYTH_PUSH, STAKE_POOL};
use crate::address::find_program_address;

/// Returns where Pyth keeps the sponsored price of a feed.
#[must_use]
pub fn sponsored_price(feed: &[u8; 32]) -> Pubkey {
    find_program_address(&[&0u16.to_le_bytes(), feed], &PYTH_PUSH).0
}

/// Returns the second stake account of a validator's pool.
#[must_use]
pub fn on_ramp(vote: &Pubkey) -> Pubkey {
    let (pool, _) = find_program_address(&[b"pool", vote], &STAKE_POOL);
    find_program_address(&[b"onramp", &pool], &STAKE_POOL).0
}

#[cfg(test)]
mod tests {
    use super::sponsored_price;
    use crate::address::to_base58;

    #[test]
    fn the_price_of_sol_is_where_pyth_keeps_it() {
        let sol: [u8; 32] = [
            0xef, 0x0d, 0x8b, 0x6f, 0xda, 0x2c, 0xeb, 0xa4, 0x1d, 0xa1, 0x5d, 0x40, 0x95, 0xd1,
            0xda, 0x39, 0x2a, 0x0d, 0x2f, 0x8e, 0xd0, 0xc6, 0xc7, 0xbc, 0x0f, 0x4c, 0xfa, 0xc8,
            0xc2, 0x80, 0xb5, 0x6d,
        ];
        assert_eq!(
            to_base58(&sponsored_price(&sol)),
            "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE"
        );
    }
}
