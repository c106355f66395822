//! A market of Save as account bytes: what taking, judging and first laying its obligations costs.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use lending_math::Pubkey;
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::fixed::wad::Decimal;
use liquidation_core::protocols::save::confirm::{confirm, Position, Rates};
use liquidation_core::protocols::save::legs::{legs, Scales};
use liquidation_core::protocols::save::obligation::{
    Borrow, Deposit, Obligation, OBLIGATION_LENGTH,
};
use liquidation_core::protocols::save::reserve::{Reserve, RESERVE_LENGTH};

const RESERVES: u16 = 16;
/// Obligations laid at once when a book is filled.
const CHUNK: usize = 8_192;

/// A market whose reserves are refreshed, obligations of three deposits and two debts, and the book that has taken them.
#[derive(Clone, Debug)]
pub struct Save {
    /// Every obligation's bytes, one behind the other.
    accounts: Vec<u8>,
    places: HashMap<Pubkey, u16>,
    decoded: Vec<Rates>,
    rates: Vec<Option<Rates>>,
    book: GenericBook,
}

impl Save {
    /// Returns a market of so many obligations; `None` where something of it is refused.
    #[must_use]
    pub fn new(obligations: u32) -> Option<Save> {
        let decoded = (0..RESERVES).map(|number| Rates::of(&reserve(number)?));
        let decoded: Vec<Rates> = decoded.collect::<Option<_>>()?;
        let mut accounts = Vec::with_capacity(obligations as usize * OBLIGATION_LENGTH);
        for number in 0..obligations {
            accounts.extend(obligation(number)?);
        }
        let mut save = Save {
            accounts,
            places: (0..RESERVES)
                .map(|number| (address(number), number))
                .collect(),
            rates: decoded.iter().cloned().map(Some).collect(),
            decoded,
            book: GenericBook::new(Scales::of(&[]).assets(&[]), Kernel::best()).ok()?,
        };
        save.fill()?;
        (save.book.len() == obligations as usize).then_some(save)
    }

    /// Reads every account into a new book, as after a start, and returns nanoseconds an account.
    pub fn fill(&mut self) -> Option<f64> {
        let start = Instant::now();
        let scales = Scales::of(&self.rates);
        let mut book =
            GenericBook::new(scales.assets(&[6; RESERVES as usize]), Kernel::best()).ok()?;
        let table = scales.table(&self.rates)?;
        book.set_weights(&table.collateral_bps, &table.debt_bps)
            .ok()?;
        book.tick(&table.mantissas, 1, 1).ok()?;
        let (mut ids, mut offsets, mut slots, mut amounts) = (vec![], vec![0], vec![], vec![]);
        let count = self.accounts.len() / OBLIGATION_LENGTH;
        for (id, data) in (0u64..).zip(self.accounts.chunks_exact(OBLIGATION_LENGTH)) {
            for (slot, amount) in legs(&self.read(data)?, &self.rates)? {
                slots.push(slot);
                amounts.push(amount);
            }
            ids.push(id);
            offsets.push(slots.len() as u32);
            if ids.len() == CHUNK.max(count / 4) {
                book.set_positions(&ids, &offsets, &slots, &amounts).ok()?;
                ids.clear();
                slots.clear();
                amounts.clear();
                offsets.truncate(1);
            }
        }
        book.set_positions(&ids, &offsets, &slots, &amounts).ok()?;
        self.book = book;
        Some(start.elapsed().as_nanos() as f64 / count as f64)
    }

    /// Takes every account anew, one by one: bytes, legs, the book's index, the exact verdict. Returns nanoseconds an account.
    pub fn apply_all(&mut self) -> Option<f64> {
        let accounts = std::mem::take(&mut self.accounts);
        let start = Instant::now();
        let taken = (0u64..)
            .zip(accounts.chunks_exact(OBLIGATION_LENGTH))
            .try_for_each(|(id, data)| {
                let position = self.read(data)?;
                let (slots, amounts): (Vec<_>, Vec<_>) =
                    legs(&position, &self.rates)?.into_iter().unzip();
                let offsets = [0, slots.len() as u32];
                black_box(
                    self.book
                        .set_positions(&[id], &offsets, &slots, &amounts)
                        .ok()?,
                );
                black_box(confirm(&position, &self.decoded));
                Some(())
            });
        let spent = start.elapsed().as_nanos() as f64;
        self.accounts = accounts;
        taken.map(|()| spent / (self.accounts.len() / OBLIGATION_LENGTH) as f64)
    }

    /// Asks for the exact verdict on every decoded obligation and returns nanoseconds each.
    pub fn confirm_all(&self) -> Option<f64> {
        let accounts = self.accounts.chunks_exact(OBLIGATION_LENGTH).take(CHUNK);
        let positions: Vec<Position> = accounts
            .map(|data| self.read(data))
            .collect::<Option<_>>()?;
        let start = Instant::now();
        for position in &positions {
            black_box(confirm(black_box(position), &self.decoded));
        }
        Some(start.elapsed().as_nanos() as f64 / positions.len() as f64)
    }

    fn read(&self, data: &[u8]) -> Option<Position> {
        Position::read(data, |key| self.places.get(key).copied()).ok()?
    }
}

fn address(number: u16) -> Pubkey {
    let mut address = [7; 32];
    address[1..3].copy_from_slice(&number.to_le_bytes());
    address
}

/// A reserve that earned interest: price about 1, exchange rate and index no round numbers.
fn reserve(number: u16) -> Option<Reserve> {
    let mut data = [0; RESERVE_LENGTH];
    data[0] = 1;
    let mut reserve = Reserve::decode(&data).ok()?;
    let extra = u64::from(number);
    reserve.decimals = 6;
    (reserve.available, reserve.shares) = (400_000_000_000_000, 900_000_000_000_000);
    reserve.borrowed = Decimal::scaled(600_000_000_000_000_123_456_789_012_345_678);
    reserve.index = Decimal::scaled(1_234_567_890_123_456_789 + u128::from(number));
    reserve.price =
        Decimal::scaled(1_000_123_456_789_012_345 + 10_000_000_000_000_000 * u128::from(number));
    reserve.smoothed_price = reserve.price;
    (reserve.config.threshold, reserve.config.added_weight_bps) = (80, 1_000 * (extra % 4));
    Some(reserve)
}

/// Three deposits and two debts, at a health of 1.1 to 1.6.
fn obligation(number: u32) -> Option<Vec<u8>> {
    let mut data = vec![0; OBLIGATION_LENGTH];
    data[0] = 1;
    let mut obligation = Obligation::decode(&data).ok()?;
    let reserve = |leg: u32| address(((number + leg * 3) % u32::from(RESERVES)) as u16);
    let deposit = |leg: u32| Deposit {
        reserve: reserve(leg),
        shares: 300_000_000 + u64::from(number % 1_000) * 100_000,
        value: Decimal::ZERO,
        attributed: Decimal::ZERO,
    };
    let borrow = |leg: u32| Borrow {
        reserve: reserve(leg),
        index: Decimal::scaled(1_123_456_789_012_345_678),
        amount: Decimal::scaled(190_000_000_123_456_789_012_345_678),
        value: Decimal::ZERO,
    };
    obligation.deposits = (0..3).map(deposit).collect();
    obligation.borrows = (3..5).map(borrow).collect();
    obligation.encode(&mut data).ok()?;
    Some(data)
}

crate::exports::exports!(Save: save_new, save_apply, save_confirm, save_fill, save_free);
