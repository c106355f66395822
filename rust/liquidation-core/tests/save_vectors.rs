//! Every recorded transaction of Save's deployed program comes out the same: error, amounts and bytes.
//!
//! The file is written by `python -m tests.differential.save_vectors`, which describes it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use liquidation_core::fixed::wad::WAD;
use liquidation_core::protocols::adapter::{
    named, Account, Accounts, Clock, Prediction, Ratio, Request,
};

const FILE: &[u8] = include_bytes!("../../../tests/vectors/save.z");
const LANDED: i64 = i64::MAX;

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

struct Trial<'a> {
    clock: Clock,
    request: Request,
    accounts: Accounts<'a>,
    expected: Prediction,
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

#[test]
fn every_recorded_transaction_is_predicted_byte_for_byte() {
    let unpacked = miniz_oxide::inflate::decompress_to_vec_zlib(FILE).unwrap();
    let heading = unpacked.iter().position(|byte| *byte == b'\n').unwrap();
    let mut reader = Reader(&unpacked[heading + 1..]);
    let (save, mut trials, mut landed) = (named("save").unwrap(), 0, 0);
    while !reader.0.is_empty() {
        let trial = trial(&mut reader);
        let found = save
            .predict(&trial.accounts, trial.clock, &trial.request)
            .unwrap();
        assert_eq!(found, trial.expected, "trial {trials}");
        trials += 1;
        landed += u32::from(found.error.is_none());
    }
    assert_eq!(
        (trials, landed > 400, trials - landed > 400),
        (1_200, true, true),
        "{landed} landed"
    );
}

#[test]
fn health_and_best_plan_agree_with_the_program() {
    let unpacked = miniz_oxide::inflate::decompress_to_vec_zlib(FILE).unwrap();
    let heading = unpacked.iter().position(|byte| *byte == b'\n').unwrap();
    let mut reader = Reader(&unpacked[heading + 1..]);
    let save = named("save").unwrap();
    while !reader.0.is_empty() {
        let trial = trial(&mut reader);
        let health = save.health(&trial.accounts, trial.clock, &trial.request.position);
        let Ok(health) = health else { continue };
        match trial.expected.error {
            None => assert!(health.liquidatable, "{}", health.reason),
            Some(29) => assert_eq!(
                (health.liquidatable, health.reason.as_str()),
                (false, "healthy")
            ),
            Some(_) => {}
        }
    }
}
