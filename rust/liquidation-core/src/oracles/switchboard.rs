//! Switchboard on-demand: a pull feed's current result. Values have 18 decimals.

use lending_math::bytes::{get, get_u64, get_u8};
use lending_math::Pubkey;

/// The program that owns feeds, `SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv`.
pub const PROGRAM: Pubkey = [
    6, 115, 189, 70, 242, 228, 126, 4, 241, 43, 217, 47, 183, 49, 150, 142, 205, 157, 151, 87, 194,
    116, 218, 135, 71, 111, 70, 92, 4, 12, 101, 115,
];
/// The account's first eight bytes.
pub const DISCRIMINATOR: [u8; 8] = [0xc4, 0x1b, 0x6c, 0xc4, 0x0a, 0xd7, 0xdb, 0x28];
/// Bytes that a feed has.
pub const LENGTH: usize = 3_208;
/// Decimals of every value.
pub const DECIMALS: u32 = 18;

/// What a feed says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullFeed {
    /// Seconds since 1970 of the last update.
    pub last_update: i64,
    /// Median of the samples.
    pub value: i128,
    /// Their standard deviation.
    pub std_dev: i128,
    /// Their mean.
    pub mean: i128,
    /// Largest minus smallest.
    pub range: i128,
    /// How many there were.
    pub samples: u8,
    /// The slot that the result is of.
    pub slot: u64,
    /// Responses that the feed demands.
    pub min_responses: u32,
}

impl PullFeed {
    /// Returns the feed, `None` for other bytes.
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<PullFeed> {
        if data.len() < LENGTH || !data.starts_with(&DISCRIMINATOR) {
            return None;
        }
        let number = |at| get(data, at).ok().map(i128::from_le_bytes);
        Some(PullFeed {
            last_update: i64::from_le_bytes(get(data, 2_216).ok()?),
            value: number(2_264)?,
            std_dev: number(2_280)?,
            mean: number(2_296)?,
            range: number(2_312)?,
            samples: get_u8(data, 2_360).ok()?,
            slot: get_u64(data, 2_368).ok()?,
            min_responses: u32::from_le_bytes(get(data, 2_176).ok()?),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{PullFeed, DISCRIMINATOR, LENGTH, PROGRAM};
    use crate::address::from_base58;

    #[test]
    fn the_program_is_on_demand() {
        let address = from_base58("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv");
        assert_eq!(address, Ok(PROGRAM));
    }

    #[test]
    fn a_feed_is_read_at_its_offsets() {
        let mut data = vec![0; LENGTH];
        data[..8].copy_from_slice(&DISCRIMINATOR);
        data[2_216..2_224].copy_from_slice(&1_700_000_000i64.to_le_bytes());
        data[2_264..2_280].copy_from_slice(&150_000_000_000_000_000_000i128.to_le_bytes());
        data[2_280..2_296].copy_from_slice(&(-3i128).to_le_bytes());
        let feed = PullFeed::decode(&data).unwrap();
        assert_eq!(feed.last_update, 1_700_000_000);
        assert_eq!(feed.value, 150_000_000_000_000_000_000);
        assert_eq!(feed.std_dev, -3);
        assert_eq!(PullFeed::decode(&data[..LENGTH - 1]), None);
        data[0] ^= 1;
        assert_eq!(PullFeed::decode(&data), None);
    }
}
