//! Recorded trials of marginfi's program; `tests/differential/marginfi_vectors.py` says how the file is laid out.
#![allow(dead_code)] // shared by several binaries, each reading its part

use std::collections::BTreeMap;

use lending_math::Pubkey;
use liquidation_core::protocols::adapter::{Account, Accounts, Clock, Request};

/// Address, owner and bytes.
pub type Owned = (Pubkey, Pubkey, Vec<u8>);
/// The file, or why it cannot be read.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// One state, and what the program did with it.
#[derive(Clone)]
pub struct Trial {
    /// What was asked.
    pub request: Request,
    /// When.
    pub clock: Clock,
    /// The program's code, 0 for none.
    pub error: i64,
    /// What reached the insurance vault.
    pub fee: u64,
    /// Debt repaid in a receivership.
    pub repaid: u64,
    /// All accounts.
    pub before: Vec<Owned>,
    /// Those that changed.
    pub after: BTreeMap<Pubkey, Vec<u8>>,
}

impl Trial {
    /// Returns the accounts as a question takes them.
    pub fn accounts(&self) -> Accounts<'_> {
        self.before.iter().map(by_address).collect()
    }
}

fn by_address((key, owner, data): &Owned) -> (Pubkey, Account<'_>) {
    let account = Account {
        owner: *owner,
        lamports: 10_000_000_000,
        data,
    };
    (*key, account)
}

/// Returns the first line and the trials of a version's file.
pub fn read(version: &str) -> Outcome<(String, Vec<Trial>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    let path = match version {
        "0.1.1" => format!("{folder}/marginfi.z"),
        newer => format!("{folder}/marginfi-{newer}.z"),
    };
    let packed = std::fs::read(path)?;
    let content = miniz_oxide::inflate::decompress_to_vec_zlib(&packed)
        .map_err(|error| format!("not zlib: {error:?}"))?;
    let end = content
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or("no first line")?;
    let (line, rest) = content.split_at(end);
    let mut reader = Reader(rest.get(1..).unwrap_or_default());
    let mut trials = Vec::new();
    while !reader.0.is_empty() {
        trials.push(reader.trial(version)?);
    }
    Ok((String::from_utf8(line.to_vec())?, trials))
}

/// Reads from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Outcome<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or("the file ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        Ok(self.bytes(N)?.try_into()?)
    }

    fn u64(&mut self) -> Outcome<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn u16(&mut self) -> Outcome<usize> {
        Ok(usize::from(u16::from_le_bytes(self.array()?)))
    }

    fn trial(&mut self, version: &str) -> Outcome<Trial> {
        let (position, liquidator) = (self.array()?, self.array()?);
        let (debt_reserve, collateral_reserve) = (self.array()?, self.array()?);
        let clock = Clock {
            slot: self.u64()?,
            unix_timestamp: i64::from_le_bytes(self.array()?),
        };
        let amount = self.u64()?;
        let error = i64::from_le_bytes(self.array()?);
        let fee = self.u64()?;
        let repaid = self.u64()?;
        let [way, known, changed] = self.array()?;
        let before = (0..known)
            .map(|_| self.account())
            .collect::<Outcome<Vec<_>>>()?;
        let after = (0..changed)
            .map(|_| self.changed(&before))
            .collect::<Outcome<_>>()?;
        let request = Request {
            position,
            debt_reserve,
            collateral_reserve,
            amount,
            liquidator: Some(liquidator),
            min_received: 0,
            instruction: Some(format!("v{way}")),
            version: Some(version.to_owned()),
        };
        Ok(Trial {
            request,
            clock,
            error,
            fee,
            repaid,
            before,
            after,
        })
    }

    fn account(&mut self) -> Outcome<Owned> {
        let (key, owner) = (self.array()?, self.array()?);
        let length = u32::from_le_bytes(self.array()?) as usize;
        Ok((key, owner, self.bytes(length)?.to_vec()))
    }

    fn changed(&mut self, before: &[Owned]) -> Outcome<(Pubkey, Vec<u8>)> {
        let key: Pubkey = self.array()?;
        let known = before.iter().find(|(address, ..)| *address == key);
        let mut data = known.ok_or("an account out of nothing")?.2.clone();
        for _ in 0..self.u16()? {
            let (offset, length) = (self.u16()?, self.u16()?);
            let run = self.bytes(length)?;
            let place = data.get_mut(offset..offset + length);
            place
                .ok_or("a run beyond the account")?
                .copy_from_slice(run);
        }
        Ok((key, data))
    }
}
