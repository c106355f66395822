//! What marginfi uses of the Switchboard crate, that is only in a repository: the feed account, 8-aligned as on chain.

use bytemuck::{Pod, Zeroable};
pub const PRECISION: u32 = 18;
pub trait Discriminator {
    const DISCRIMINATOR: &'static [u8];
}
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct CurrentResult {
    pub value: i128,
    pub std_dev: i128,
    pub mean: i128,
    pub range: i128,
    pub min_value: i128,
    pub max_value: i128,
    pub num_samples: u8,
    pub submission_idx: u8,
    pub padding1: [u8; 6],
    pub slot: u64,
    pub min_slot: u64,
    pub max_slot: u64,
}
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PullFeedAccountData {
    pub head: [u8; 2120 - 8],
    pub feed_hash: [u8; 32],
    pub mid: [u8; 2216 - 2152],
    pub last_update_timestamp: i64,
    pub lut: [u8; 2264 - 2224],
    pub result: CurrentResult,
    pub tail: [u8; 3208 - 2400],
}
unsafe impl Zeroable for PullFeedAccountData {}
unsafe impl Pod for PullFeedAccountData {}
const _: () = assert!(std::mem::size_of::<PullFeedAccountData>() == 3200);
impl Discriminator for PullFeedAccountData {
    const DISCRIMINATOR: &'static [u8] = &[0xc4, 0x1b, 0x6c, 0xc4, 0x0a, 0xd7, 0xdb, 0x28];
}
