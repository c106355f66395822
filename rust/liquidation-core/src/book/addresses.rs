//! Maps by address, several lookups an account: addresses are random already, but whoever makes many may choose them, so the hash has
//! a secret of its own in every map.

use std::collections::hash_map::RandomState;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use lending_math::Pubkey;

/// A map by address.
pub type ByAddress<T> = HashMap<Pubkey, T, Secret>;

/// What a map mixes addresses with.
#[derive(Clone, Copy, Debug)]
pub struct Secret([u64; 2]);

impl Default for Secret {
    fn default() -> Secret {
        let random = RandomState::new();
        Secret([0u8, 1].map(|number| random.hash_one(number) | 1))
    }
}

impl BuildHasher for Secret {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        let [sum, factor] = self.0;
        Mixed { sum, factor }
    }
}

/// The words so far, each multiplied in full width and folded.
#[derive(Clone, Copy, Debug)]
pub struct Mixed {
    sum: u64,
    factor: u64,
}

impl Hasher for Mixed {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.sum ^ word) * u128::from(self.factor);
        self.sum = (product as u64 ^ (product >> 64) as u64).wrapping_add(self.factor);
    }

    /// The length of an address says nothing.
    #[inline]
    fn write_usize(&mut self, _: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn addresses_that_differ_in_one_bit_spread_over_high_and_low_bits() {
        let secret = Secret::default();
        let hashes: Vec<u64> = (0..256usize)
            .map(|bit| {
                let mut address: Pubkey = [7; 32];
                address[bit / 8] ^= 1 << (bit % 8);
                secret.hash_one(address)
            })
            .collect();
        let distinct = |part: fn(u64) -> u64| {
            hashes
                .iter()
                .map(|hash| part(*hash))
                .collect::<HashSet<_>>()
                .len()
        };
        assert_eq!(distinct(|hash| hash), 256);
        assert!(distinct(|hash| hash >> 56) > 120 && distinct(|hash| hash & 255) > 120);
        assert_ne!(
            secret.hash_one([0; 32]),
            Secret::default().hash_one([0; 32])
        );
    }
}
