//! Every recorded transaction of the program, predicted: outcome, amounts, and every byte of every account.

use std::collections::{BTreeMap, HashMap};

use liquidation_core::protocols::adapter::{Account, Accounts, Clock, Request};

const FILE: &[u8] = include_bytes!("../../../../tests/vectors/kamino.z");
pub const LANDED: i64 = i64::MAX;

pub type Owned = HashMap<[u8; 32], ([u8; 32], Vec<u8>)>;

pub struct Vector {
    pub clock: Clock,
    pub request: Request,
    pub accounts: Owned,
    pub error: i64,
    pub numbers: [u64; 4],
    pub after: BTreeMap<[u8; 32], Vec<u8>>,
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, tail) = self.0.split_at(N);
        self.0 = tail;
        head.try_into().unwrap()
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn count(&mut self) -> usize {
        usize::from(u16::from_le_bytes(self.take()))
    }

    fn blob(&mut self) -> Vec<u8> {
        let length = u32::from_le_bytes(self.take()) as usize;
        let (head, tail) = self.0.split_at(length);
        self.0 = tail;
        head.to_vec()
    }

    fn vector(&mut self) -> Vector {
        let clock = Clock {
            slot: self.word(),
            unix_timestamp: self.word() as i64,
        };
        let (position, debt_reserve, collateral_reserve) = (self.take(), self.take(), self.take());
        let (amount, min_received) = (self.word(), self.word());
        let accounts: Owned = (0..self.count())
            .map(|_| (self.take(), (self.take(), self.blob())))
            .collect();
        let error = self.word() as i64;
        let numbers = std::array::from_fn(|_| self.word());
        let changed: Vec<([u8; 32], Vec<u8>)> = (0..self.count())
            .map(|_| (self.take(), self.blob()))
            .collect();
        let after = changed.into_iter().map(|(key, change)| {
            let data = change
                .iter()
                .zip(&accounts[&key].1)
                .map(|(a, b)| a ^ b)
                .collect();
            (key, data)
        });
        let after = after.collect();
        let request = Request {
            position,
            debt_reserve,
            collateral_reserve,
            amount,
            liquidator: None,
            min_received,
            instruction: Some("v1".to_owned()),
            version: Some("1.7".to_owned()),
        };
        Vector {
            clock,
            request,
            accounts,
            error,
            numbers,
            after,
        }
    }
}

pub fn all() -> Vec<Vector> {
    let data = miniz_oxide::inflate::decompress_to_vec_zlib(FILE).unwrap();
    let start = data.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut reader = Reader(&data[start..]);
    let mut found = Vec::new();
    while !reader.0.is_empty() {
        found.push(reader.vector());
    }
    found
}

pub fn borrowed(accounts: &Owned) -> Accounts<'_> {
    accounts
        .iter()
        .map(|(key, (owner, data))| {
            (
                *key,
                Account {
                    owner: *owner,
                    lamports: 1,
                    data,
                },
            )
        })
        .collect()
}

#[test]
fn every_recorded_transaction_is_predicted_to_the_last_byte() {
    let adapter = liquidation_core::protocols::adapter::named("kamino").unwrap();
    let (mut landed, mut refused) = (0, 0);
    for (place, vector) in all().iter().enumerate() {
        let said = adapter
            .predict(&borrowed(&vector.accounts), vector.clock, &vector.request)
            .unwrap();
        if vector.error != LANDED {
            refused += 1;
            assert_eq!(said.error, Some(vector.error), "trial {place}");
            assert!(said.accounts_after.is_empty());
            continue;
        }
        landed += 1;
        assert_eq!(said.error, None, "trial {place}");
        let numbers = [
            said.repaid,
            said.seized,
            said.seized_shares,
            said.protocol_fee,
        ];
        assert_eq!(numbers, vector.numbers, "trial {place}");
        assert!(said.accounts_after == vector.after, "trial {place}");
    }
    assert!(
        landed >= 250 && refused >= 250,
        "{landed} landed, {refused} refused"
    );
}
