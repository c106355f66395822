//! Addresses that the program derives.

use lending_math::Pubkey;
use sha2::{Digest, Sha256};

/// `KLend2g3cP87fffoy8q1mQqGKjrxjC8boSyAYavgmjD`.
pub const PROGRAM: Pubkey = [
    4, 178, 172, 177, 18, 88, 204, 227, 104, 44, 65, 139, 168, 114, 255, 61, 249, 17, 2, 113, 47,
    21, 175, 18, 182, 190, 105, 179, 67, 91, 0, 8,
];

/// Returns where a referrer's fees in one reserve are kept.
#[must_use]
pub fn referrer_state(referrer: &Pubkey, reserve: &Pubkey) -> Option<Pubkey> {
    derived(&[b"referrer_acc", referrer, reserve])
}

/// Returns the first address off the curve that the seeds and a bump, from 255 down, give.
fn derived(seeds: &[&[u8]]) -> Option<Pubkey> {
    (0..=u8::MAX).rev().find_map(|bump| {
        let mut hash = Sha256::new();
        for seed in seeds {
            hash.update(seed);
        }
        hash.update([bump]);
        hash.update(PROGRAM);
        hash.update(b"ProgramDerivedAddress");
        let address: Pubkey = hash.finalize().into();
        let on_curve = ed25519_dalek::VerifyingKey::from_bytes(&address).is_ok();
        (!on_curve).then_some(address)
    })
}
