//! A protocol's book as bytes: versioned, checksummed, and the same book again when read, what was told included.
//!
//! `LIQMARK`, version (u8), then little-endian: program, market (32 bytes each), clock (u64 ×2), paused (u8), accounts (u64), each
//! in the order of the addresses: address, slot (u64), kind (u8) and, of a reserve or an oracle, its account's bytes, of
//! a position: told (u8), owner, version (u64), legs (u8; reserve, side u8, amount u64 each). SHA-256 of all that.
//! Closed accounts are kept, or an older state would bring them back.

use lending_math::state::{Oracle, Reserve, Side, MAX_LEGS, ORACLE_LEN, RESERVE_LEN};
use lending_math::Pubkey;

use super::index::Moved;
use super::sealed::{broken, Fields, Seal};
use super::store::{Known, Row, RowLeg};
use super::timers::NEVER;
use super::Book;
use crate::protocols::reference::health::judge;
use crate::CoreError;

const SEAL: Seal = Seal {
    magic: b"LIQMARK",
    version: 1,
};

const GONE: u8 = 0;
const MARKET: u8 = 1;
const RESERVE: u8 = 2;
const ORACLE: u8 = 3;
const POSITION: u8 = 4;

impl Book {
    /// Returns the book as bytes; equal books give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = SEAL.begin(self.len() * 200 + 4096);
        bytes.extend_from_slice(&self.program);
        bytes.extend_from_slice(&self.market);
        bytes.extend_from_slice(&self.clock.0.to_le_bytes());
        bytes.extend_from_slice(&self.clock.1.to_le_bytes());
        bytes.push(u8::from(self.paused));
        let mut accounts: Vec<_> = self.store.all().collect();
        accounts.sort_unstable_by_key(|(address, ..)| **address);
        bytes.extend_from_slice(&(accounts.len() as u64).to_le_bytes());
        for (address, known, slot) in accounts {
            bytes.extend_from_slice(address);
            bytes.extend_from_slice(&slot.to_le_bytes());
            self.write(address, known, &mut bytes);
        }
        SEAL.end(bytes)
    }

    fn write(&self, address: &Pubkey, known: Known, bytes: &mut Vec<u8>) {
        let written = match known {
            Known::Gone => Some((GONE, Vec::new())),
            Known::Market => Some((MARKET, Vec::new())),
            Known::Reserve => self.reserves.reserve_at(address).map(|reserve| {
                let mut account = vec![0; RESERVE_LEN];
                let encoded = reserve.encode(&mut account); // of the right length: cannot fail
                (RESERVE, encoded.map_or_else(|_| Vec::new(), |()| account))
            }),
            Known::Oracle => self.reserves.oracle_at(address).map(|oracle| {
                let mut account = vec![0; ORACLE_LEN];
                let encoded = oracle.encode(&mut account);
                (ORACLE, encoded.map_or_else(|_| Vec::new(), |()| account))
            }),
            Known::Position(number) => {
                let row = self.store.row(number);
                row.map(|row| (POSITION, self.position_bytes(number, row)))
            }
        };
        let (kind, content) = written.unwrap_or((GONE, Vec::new()));
        bytes.push(kind);
        bytes.extend_from_slice(&content);
    }

    fn position_bytes(&self, number: u32, row: &Row) -> Vec<u8> {
        let mut bytes = vec![self.emission.bits(number)];
        bytes.extend_from_slice(&row.owner);
        bytes.extend_from_slice(&row.version.to_le_bytes());
        bytes.push(row.legs.len() as u8);
        for leg in &row.legs {
            let reserve = self.reserves.get(leg.reserve);
            bytes.extend_from_slice(&reserve.map_or([0; 32], |held| held.address));
            bytes.push(leg.side as u8);
            bytes.extend_from_slice(&leg.amount.to_le_bytes());
        }
        bytes
    }

    /// Returns the book of these bytes: it answers every call as the one that was written would.
    pub fn from_bytes(bytes: &[u8]) -> Result<Book, CoreError> {
        let mut fields = SEAL.open(bytes)?;
        let mut book = Book::new(fields.array()?, fields.array()?);
        book.clock = (fields.u64()?, fields.u64()?);
        book.paused = fields.u8()? != 0;
        for _ in 0..fields.u64()? {
            book.read_account(&mut fields)?;
        }
        fields.end()?;
        book.take_positions();
        Ok(book)
    }

    fn read_account(&mut self, fields: &mut Fields<'_>) -> Result<(), CoreError> {
        let (address, slot, kind) = (fields.array()?, fields.u64()?, fields.u8()?);
        if self.store.known(&address).is_some() {
            return Err(broken("an account that comes twice"));
        }
        let known = match kind {
            GONE => Known::Gone,
            MARKET => Known::Market,
            RESERVE => {
                let reserve = Reserve::decode(fields.take(RESERVE_LEN)?);
                let reserve =
                    reserve.map_err(|_| broken("a reserve that no program would write"))?;
                self.reserves
                    .put_reserve(&address, Some(reserve), self.clock.0);
                Known::Reserve
            }
            ORACLE => {
                let oracle = Oracle::decode(fields.take(ORACLE_LEN)?);
                let oracle = oracle.map_err(|_| broken("an oracle that no program would write"))?;
                self.reserves
                    .put_oracle(&address, Some(oracle), self.clock.0);
                Known::Oracle
            }
            POSITION => Known::Position(self.read_position(address, slot, fields)?),
            _ => return Err(broken("an account of no kind")),
        };
        self.store.learn(&address, known, slot);
        Ok(())
    }

    fn read_position(
        &mut self,
        address: Pubkey,
        slot: u64,
        fields: &mut Fields<'_>,
    ) -> Result<u32, CoreError> {
        let (bits, owner, version) = (fields.u8()?, fields.array()?, fields.u64()?);
        let count = fields.u8()?;
        if usize::from(count) > MAX_LEGS {
            return Err(broken("a position of too many legs"));
        }
        let legs = (0..count)
            .map(|_| self.read_leg(fields))
            .collect::<Result<Vec<_>, _>>()?;
        let number = self.store.reserve_number();
        self.store.replace(
            number,
            Row {
                address,
                owner,
                version,
                slot,
                legs,
            },
        );
        self.emission.restore(number, bits);
        Ok(number)
    }

    fn read_leg(&mut self, fields: &mut Fields<'_>) -> Result<RowLeg, CoreError> {
        let reserve = self.reserves.number(&fields.array()?);
        let side = match fields.u8()? {
            1 => Side::Collateral,
            2 => Side::Debt,
            _ => return Err(broken("a leg of no side")),
        };
        Ok(RowLeg {
            reserve,
            side,
            amount: fields.u64()?,
        })
    }

    /// Lays the order of all positions; those that wait to be told again are due now.
    fn take_positions(&mut self) {
        let moved = Moved {
            numbers: (0..self.reserves.len() as u32).collect(),
            shaken: true,
        };
        self.front.suspects(&self.reserves, &moved, &mut Vec::new());
        self.front.expect(self.store.count(), self.store.count());
        for (number, row) in self.store.rows() {
            let judgement = judge(row.legs_at(&self.reserves), self.paused);
            self.front
                .put(number, row, &judgement, &self.reserves, true);
            let waits = self.emission.needs(number) && !self.emission.was_told(number);
            self.timers.set(number, if waits { 0 } else { NEVER });
        }
        self.front.tidy(&self.reserves);
    }
}
