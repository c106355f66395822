//! The recorded transactions of Save's deployed program: what went in, what came of it.
//!
//! The file is written by `python -m tests.differential.save_vectors`, which describes it.

use std::collections::BTreeMap;

use liquidation_core::fixed::wad::WAD;
use liquidation_core::protocols::adapter::{Account, Accounts, Clock, Prediction, Ratio, Request};

const FILE: &[u8] = include_bytes!("../../../../tests/vectors/save.z");
const LANDED: i64 = i64::MAX;

/// Returns the trials behind the heading, to be read with [`trials`].
pub fn unpack() -> Vec<u8> {
    let mut unpacked = miniz_oxide::inflate::decompress_to_vec_zlib(FILE).unwrap();
    let heading = unpacked.iter().position(|byte| *byte == b'\n').unwrap();
    unpacked.split_off(heading + 1)
}

/// Returns every trial.
pub fn trials(unpacked: &[u8]) -> Vec<Trial<'_>> {
    let (mut reader, mut trials) = (Reader(unpacked), Vec::new());
    while !reader.0.is_empty() {
        trials.push(trial(&mut reader));
    }
    trials
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap()
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn blob(&mut self) -> &'a [u8] {
        let length = u32::from_le_bytes(self.array());
        self.take(length as usize)
    }

    fn count(&mut self) -> usize {
        u16::from_le_bytes(self.array()).into()
    }
}

/// One transaction.
pub struct Trial<'a> {
    pub clock: Clock,
    pub request: Request,
    pub accounts: Accounts<'a>,
    /// What the program did.
    pub expected: Prediction,
}

fn trial<'a>(from: &mut Reader<'a>) -> Trial<'a> {
    let clock = Clock {
        slot: from.u64(),
        unix_timestamp: from.u64() as i64,
    };
    let request = Request {
        position: from.array(),
        debt_reserve: from.array(),
        collateral_reserve: from.array(),
        amount: from.u64(),
        liquidator: Some(from.array()),
        min_received: 0,
        instruction: None,
        version: None,
    };
    let accounts = (0..from.count())
        .map(|_| {
            let (address, owner) = (from.array(), from.array());
            let data = from.blob();
            let account = Account {
                owner,
                lamports: 1,
                data,
            };
            (address, account)
        })
        .collect();
    let error = from.u64() as i64;
    let [repaid, seized, seized_shares, protocol_fee] =
        [from.u64(), from.u64(), from.u64(), from.u64()];
    let numerator = u128::from_le_bytes(from.array());
    let after: BTreeMap<_, _> = (0..from.count())
        .map(|_| (from.array(), from.blob().to_vec()))
        .collect();
    let landed = Prediction {
        repaid,
        debt_relieved: None,
        seized,
        seized_shares,
        protocol_fee,
        bonus: Ratio {
            numerator,
            denominator: u128::from(WAD),
        },
        error: None,
        accounts_after: after,
    };
    Trial {
        clock,
        request,
        accounts,
        expected: if error == LANDED {
            landed
        } else {
            Prediction::failed(error)
        },
    }
}
