//! What marginfi's program 0.1.1 did with random states, against what is predicted: every outcome, every byte.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use lending_math::Pubkey;
use liquidation_core::protocols::adapter::{named, Account, Accounts, Clock, Request, Unanswered};

/// One state, and what the program did with it.
struct Trial {
    request: Request,
    clock: Clock,
    error: i64,
    fee: u64,
    before: Vec<(Pubkey, Pubkey, Vec<u8>)>,
    after: BTreeMap<Pubkey, Vec<u8>>,
}

/// Reads from the front of the file (`tests/differential/marginfi_vectors.py` says how it is laid out).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap()
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    fn u16(&mut self) -> usize {
        usize::from(u16::from_le_bytes(self.array()))
    }

    fn trial(&mut self) -> Trial {
        let [position, liquidator, debt, collateral] = [(); 4].map(|()| self.array::<32>());
        let (slot, unix_timestamp, amount) = (self.u64(), self.i64(), self.u64());
        let (error, fee) = (self.i64(), self.u64());
        let [known, changed] = self.array::<2>();
        let account = |reader: &mut Self| {
            let (key, owner) = (reader.array(), reader.array());
            let length = u32::from_le_bytes(reader.array()) as usize;
            (key, owner, reader.bytes(length).to_vec())
        };
        let before: Vec<_> = (0..known).map(|_| account(self)).collect();
        let after = (0..changed).map(|_| self.changed(&before)).collect();
        Trial {
            request: Request {
                position,
                debt_reserve: debt,
                collateral_reserve: collateral,
                amount,
                liquidator: Some(liquidator),
                min_received: 0,
                instruction: None,
                version: Some("0.1.1".to_owned()),
            },
            clock: Clock {
                slot,
                unix_timestamp,
            },
            error,
            fee,
            before,
            after,
        }
    }

    fn changed(&mut self, before: &[(Pubkey, Pubkey, Vec<u8>)]) -> (Pubkey, Vec<u8>) {
        let key: Pubkey = self.array();
        let known = before.iter().find(|(address, ..)| *address == key).unwrap();
        let mut data = known.2.clone();
        for _ in 0..self.u16() {
            let (offset, length) = (self.u16(), self.u16());
            data[offset..offset + length].copy_from_slice(self.bytes(length));
        }
        (key, data)
    }
}

fn trials() -> (String, Vec<Trial>) {
    let packed = include_bytes!("../../../tests/vectors/marginfi.bin.gz");
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut content)
        .unwrap();
    let end = content.iter().position(|byte| *byte == b'\n').unwrap();
    let mut reader = Reader(&content[end + 1..]);
    let mut trials = Vec::new();
    while !reader.0.is_empty() {
        trials.push(reader.trial());
    }
    (String::from_utf8(content[..end].to_vec()).unwrap(), trials)
}

fn accounts(trial: &Trial) -> Accounts<'_> {
    trial
        .before
        .iter()
        .map(|(key, owner, data)| {
            let account = Account {
                owner: *owner,
                lamports: 10_000_000_000,
                data,
            };
            (*key, account)
        })
        .collect()
}

#[test]
fn every_trial_of_the_program_is_predicted_byte_for_byte() {
    let (line, trials) = trials();
    assert!(
        line.contains("a8066a5df8da6455b4906942190fc82315243d8dcb3c5368623a7d2fd6ca4c81"),
        "{line}"
    );
    assert!(trials.len() >= 1_000);
    let mut seen: HashMap<Option<i64>, usize> = HashMap::new();
    for (number, trial) in trials.iter().enumerate() {
        let adapter = named("marginfi").unwrap();
        let prediction = adapter
            .predict(&accounts(trial), trial.clock, &trial.request)
            .unwrap();
        let error = (trial.error != 0).then_some(trial.error);
        assert_eq!(prediction.error, error, "trial {number}");
        assert_eq!(prediction.protocol_fee, trial.fee, "trial {number}");
        assert!(
            prediction.accounts_after == trial.after,
            "trial {number}: other bytes"
        );
        *seen.entry(error).or_default() += 1;
    }
    assert!(seen[&None] >= 300, "{seen:?}");
    assert!(seen.len() >= 15, "{seen:?}");
}

#[test]
fn an_absent_account_is_named() {
    let (_, trials) = trials();
    let adapter = named("marginfi").unwrap();
    let trial = trials.iter().find(|trial| trial.error == 0).unwrap();
    for key in trial.before.iter().map(|(key, ..)| *key) {
        let mut fewer = accounts(trial);
        fewer.remove(&key);
        match adapter.predict(&fewer, trial.clock, &trial.request) {
            Err(Unanswered::Missing(missing)) => assert!(!missing.is_empty()),
            other => assert!(
                other.is_ok_and(|it| it.error.is_none()),
                "an account that is not needed"
            ),
        }
    }
    let needed = [trial.request.position, trial.request.debt_reserve];
    for key in needed {
        let mut fewer = accounts(trial);
        fewer.remove(&key);
        let missing = Unanswered::Missing([key].into());
        assert_eq!(
            adapter.predict(&fewer, trial.clock, &trial.request),
            Err(missing)
        );
    }
}
