//! A market of Kamino as account bytes: what taking, judging and first laying its positions costs.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use lending_math::Pubkey;
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::fixed::fraction::Fraction;
use liquidation_core::fixed::u256::U256;
use liquidation_core::protocols::kamino::confirm::{confirm, Rates, Rules};
use liquidation_core::protocols::kamino::legs::Scales;
use liquidation_core::protocols::kamino::market::{self, Market};
use liquidation_core::protocols::kamino::obligation::{self, Borrow, Deposit, Obligation};
use liquidation_core::protocols::kamino::reserve::{self, Reserve};
use liquidation_core::protocols::kamino::slim::Position;

const RESERVES: u16 = 16;
/// Positions laid at once when a book is filled.
const CHUNK: usize = 8_192;
const MARKET: [u8; 8] = [0xf6, 0x72, 0x32, 0x62, 0x48, 0x9d, 0x1c, 0x78];
const RESERVE: [u8; 8] = [0x2b, 0xf2, 0xcc, 0xca, 0x1a, 0xf7, 0x3b, 0x7f];
const OBLIGATION: [u8; 8] = [0xa8, 0xce, 0x8d, 0x6a, 0x58, 0x4c, 0xac, 0xa7];

/// A market whose reserves are refreshed, positions of three deposits and two debts, and the book that has taken them.
#[derive(Clone, Debug)]
pub struct Kamino {
    /// Every position's bytes, one behind the other.
    accounts: Vec<u8>,
    places: HashMap<Pubkey, u16>,
    decoded: Vec<Rates>,
    rates: Vec<Option<Rates>>,
    rules: Rules,
    scales: Scales,
    book: GenericBook,
}

impl Kamino {
    /// Returns a market of so many positions; `None` where something of it is refused.
    #[must_use]
    pub fn new(positions: u32) -> Option<Kamino> {
        let decoded = (0..RESERVES).map(rates).collect::<Option<Vec<Rates>>>()?;
        let mut accounts = Vec::with_capacity(positions as usize * obligation::LENGTH);
        for number in 0..positions {
            accounts.extend(position(number)?);
        }
        let mut bytes = vec![0; market::LENGTH];
        bytes[..8].copy_from_slice(&MARKET);
        let rates: Vec<_> = decoded.iter().cloned().map(Some).collect();
        let mut kamino = Kamino {
            accounts,
            places: (0..RESERVES).map(|it| (address(it), it)).collect(),
            rules: Rules::of(&Market::decode(&bytes)?),
            scales: Scales::of(&rates),
            rates,
            decoded,
            book: GenericBook::new(Scales::of(&[]).assets(&[]), Kernel::best()).ok()?,
        };
        kamino.fill()?;
        (kamino.book.len() == positions as usize).then_some(kamino)
    }

    /// Reads every account into a new book, as after a start, and returns nanoseconds an account.
    pub fn fill(&mut self) -> Option<f64> {
        let start = Instant::now();
        self.scales = Scales::of(&self.rates);
        let assets = self.scales.assets(&[6; RESERVES as usize]);
        let mut book = GenericBook::new(assets, Kernel::best()).ok()?;
        let table = self.scales.table(&self.rates, &self.rules)?;
        book.set_weights(&table.collateral_bps, &table.debt_bps)
            .ok()?;
        book.tick(&table.mantissas, 1, 1).ok()?;
        let (mut ids, mut offsets, mut slots, mut amounts) = (vec![], vec![0], vec![], vec![]);
        let count = self.accounts.len() / obligation::LENGTH;
        for (id, data) in (0u64..).zip(self.accounts.chunks_exact(obligation::LENGTH)) {
            let legs = self
                .scales
                .legs(&self.read(data)?, &self.rates, &self.rules)?;
            for (slot, amount) in legs {
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
            .zip(accounts.chunks_exact(obligation::LENGTH))
            .try_for_each(|(id, data)| self.take(id, data));
        let spent = start.elapsed().as_nanos() as f64;
        self.accounts = accounts;
        taken.map(|()| spent / (self.accounts.len() / obligation::LENGTH) as f64)
    }

    fn take(&mut self, id: u64, data: &[u8]) -> Option<()> {
        let position = self.read(data)?;
        let legs = self.scales.legs(&position, &self.rates, &self.rules)?;
        let (slots, amounts): (Vec<_>, Vec<_>) = legs.into_iter().unzip();
        let offsets = [0, slots.len() as u32];
        let set = self.book.set_positions(&[id], &offsets, &slots, &amounts);
        black_box(set.ok()?);
        black_box(confirm(&position, &self.decoded, &self.rules));
        Some(())
    }

    /// Asks for the exact verdict on every decoded position and returns nanoseconds each.
    pub fn confirm_all(&self) -> Option<f64> {
        let accounts = self.accounts.chunks_exact(obligation::LENGTH).take(CHUNK);
        let positions: Vec<Position> = accounts
            .map(|data| self.read(data))
            .collect::<Option<_>>()?;
        let start = Instant::now();
        for position in &positions {
            black_box(confirm(black_box(position), &self.decoded, &self.rules)?);
        }
        Some(start.elapsed().as_nanos() as f64 / positions.len() as f64)
    }

    fn read(&self, data: &[u8]) -> Option<Position> {
        Position::read(data, |key| self.places.get(key).copied())
    }
}

fn address(number: u16) -> Pubkey {
    let mut address = [7; 32];
    address[1..3].copy_from_slice(&number.to_le_bytes());
    address
}

/// The rates of a reserve that earned interest: price about 1, exchange rate and index no round numbers.
fn rates(number: u16) -> Option<Rates> {
    let mut bytes = vec![0; reserve::LENGTH];
    bytes[..8].copy_from_slice(&RESERVE);
    bytes[272] = 6; // decimals
    bytes[4872..4874].copy_from_slice(&[75, 80]); // LTV and threshold
    bytes[5008..5016].copy_from_slice(&(100 + 10 * u64::from(number % 4)).to_le_bytes());
    let mut reserve = Reserve::decode(address(number), &bytes)?;
    (reserve.available, reserve.shares) = (400_000_000_000_000, 900_000_000_000_000);
    reserve.debt = Fraction(Fraction::whole(600_000_000_000_000).0 + 123_456_789);
    let one = Fraction::ONE.0;
    reserve.index = U256::from(one + one / 4 + 987_654_321 * u128::from(number));
    reserve.price = Fraction(one + 123_456_789_012_345 + one / 100 * u128::from(number));
    reserve.price_status = 63;
    Rates::of(&reserve)
}

/// Three deposits and two debts, at a health of 1.1 to 1.6.
fn position(number: u32) -> Option<Vec<u8>> {
    let mut bytes = vec![0; obligation::LENGTH];
    bytes[..8].copy_from_slice(&OBLIGATION);
    let mut obligation = Obligation::decode(&bytes)?;
    let reserve = |leg: u32| address(((number + leg * 3) % u32::from(RESERVES)) as u16);
    for (leg, deposit) in (0..).zip(obligation.deposits.iter_mut().take(3)) {
        *deposit = Deposit {
            reserve: reserve(leg),
            shares: 300_000_000 + u64::from(number % 1_000) * 100_000,
            ..Deposit::default()
        };
    }
    let one = Fraction::ONE.0;
    for (leg, borrow) in (3..).zip(obligation.borrows.iter_mut().take(2)) {
        *borrow = Borrow {
            reserve: reserve(leg),
            index: U256::from(one + one / 8 + 123_456_789),
            amount: Fraction(Fraction::whole(190_000_000).0 + 123_456_789),
            ..Borrow::default()
        };
    }
    Some(obligation.encode())
}

crate::exports::exports!(Kamino: kamino_new, kamino_apply, kamino_confirm, kamino_fill, kamino_free);
