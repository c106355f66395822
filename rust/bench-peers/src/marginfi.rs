//! A group of marginfi as account bytes: what taking, judging and first laying its margin accounts costs.

use std::hint::black_box;
use std::time::Instant;

use lending_math::Pubkey;
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::protocols::adapter::{Account, Accounts, Clock};
use liquidation_core::protocols::marginfi::account::{MarginAccount, LENGTH};
use liquidation_core::protocols::marginfi::bank::{self, Bank};
use liquidation_core::protocols::marginfi::confirm::{Banks, Decoded};
use liquidation_core::protocols::marginfi::emode::Emode;
use liquidation_core::protocols::marginfi::group;
use liquidation_core::protocols::marginfi::legs::{legs, Leg};
use liquidation_core::protocols::marginfi::programs::{BANK, GROUP, MARGINFI, MARGIN_ACCOUNT};
use liquidation_core::protocols::marginfi::slots::{laid, Scales};
use liquidation_core::protocols::marginfi::version::Version;
use liquidation_core::protocols::marginfi::world::World;

const BANKS: u16 = 16;
const NOW: i64 = 1_740_000_000;
const ONE: i128 = 1 << 48;
const TEAM: Pubkey = [8; 32];
/// Accounts laid at once when a book is filled.
const CHUNK: usize = 8_192;

/// A group whose banks are at their time, accounts of three deposits and two debts, and the book that has taken them.
pub struct Marginfi {
    /// Every account's bytes, one behind the other.
    accounts: Vec<u8>,
    world: World<'static>,
    banks: Vec<Bank<'static>>,
    priced: Banks<'static>,
    book: GenericBook,
}

impl Marginfi {
    /// Returns a group of so many accounts; `None` where something of it is refused.
    #[must_use]
    pub fn new(count: u32) -> Option<Marginfi> {
        let clock = Clock {
            slot: 1,
            unix_timestamp: NOW,
        };
        // Kept as long as the process: a few kilobytes.
        let known: &'static Accounts<'static> = Box::leak(Box::new(known()));
        let world = World::new(known, clock, Version::V0_1_9);
        let group = world.group(&TEAM).ok()?;
        let keys: Vec<Pubkey> = (0..BANKS).map(address).collect();
        let banks = keys.iter().map(|key| world.bank(key).ok());
        let banks: Vec<Bank> = banks.collect::<Option<_>>()?;
        let priced = Banks::at(&world, &keys, &group).ok()?;
        let accounts = (0..count).flat_map(margin_account).collect();
        let assets = Scales::of(&[], &world).assets(&[], world.version);
        let book = GenericBook::new(assets, Kernel::best()).ok()?;
        let mut marginfi = Marginfi {
            accounts,
            world,
            banks,
            priced,
            book,
        };
        marginfi.fill()?;
        (marginfi.book.len() == count as usize).then_some(marginfi)
    }

    /// Reads every account into a new book, as after a start, and returns nanoseconds an account.
    pub fn fill(&mut self) -> Option<f64> {
        let start = Instant::now();
        let scales = Scales::of(&self.banks, &self.world);
        let assets = scales.assets(&self.banks, self.world.version);
        let mut book = GenericBook::new(assets, Kernel::best()).ok()?;
        let mut prices = scales.first();
        scales.reprice(&self.banks, &self.world, &mut prices);
        book.tick(&prices, 1, 1).ok()?;
        let (mut ids, mut offsets, mut slots, mut amounts) = (vec![], vec![0], vec![], vec![]);
        let count = self.accounts.len() / LENGTH;
        for (id, data) in (0u64..).zip(self.accounts.chunks_exact(LENGTH)) {
            let (mut own, mut held) = self.legs(&self.read(data)?)?;
            slots.append(&mut own);
            amounts.append(&mut held);
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
            .zip(accounts.chunks_exact(LENGTH))
            .try_for_each(|(id, data)| {
                let account = self.read(data)?;
                let (slots, amounts) = self.legs(&account)?;
                let offsets = [0, slots.len() as u32];
                black_box(
                    self.book
                        .set_positions(&[id], &offsets, &slots, &amounts)
                        .ok()?,
                );
                let decoded = self.priced.decode(&account, false).ok()??;
                black_box(self.priced.confirm(&decoded).ok()?);
                Some(())
            });
        let spent = start.elapsed().as_nanos() as f64;
        self.accounts = accounts;
        taken.map(|()| spent / (self.accounts.len() / LENGTH) as f64)
    }

    /// Asks for the exact verdict on every decoded account and returns nanoseconds each.
    pub fn confirm_all(&self) -> Option<f64> {
        let accounts = self.accounts.chunks_exact(LENGTH).take(CHUNK);
        let decoded = accounts.map(|data| self.priced.decode(&self.read(data)?, false).ok()?);
        let decoded: Vec<Decoded> = decoded.collect::<Option<_>>()?;
        let start = Instant::now();
        for account in &decoded {
            black_box(self.priced.confirm(black_box(account)).ok()?);
        }
        Some(start.elapsed().as_nanos() as f64 / decoded.len() as f64)
    }

    fn read<'d>(&self, data: &'d [u8]) -> Option<MarginAccount<'d>> {
        MarginAccount::read([0; 32], data)
    }

    fn legs(&self, account: &MarginAccount) -> Option<(Vec<u16>, Vec<u64>)> {
        let place = |key: &Pubkey| number(key).filter(|place| *place < BANKS);
        let bank = |key: &Pubkey| self.banks.get(usize::from(place(key)?));
        let owed = account
            .balances()
            .filter(|it| it.liability_shares.bits() >= ONE);
        let granted = Emode::of(owed.filter_map(|it| bank(&it.bank)));
        let legs = legs(account, bank, &granted).ok()?;
        laid(&legs, |leg: &Leg| place(&leg.bank))
    }
}

fn address(number: u16) -> Pubkey {
    let mut address = [7; 32];
    address[1..3].copy_from_slice(&number.to_le_bytes());
    address
}

fn number(address: &Pubkey) -> Option<u16> {
    (address[0] == 7).then(|| u16::from_le_bytes([address[1], address[2]]))
}

/// The group and its banks.
fn known() -> Accounts<'static> {
    let own = |data: Vec<u8>| Account {
        owner: MARGINFI,
        lamports: 1,
        data: Vec::leak(data),
    };
    let mut group = vec![0; group::LENGTH];
    group[..8].copy_from_slice(&GROUP);
    let banks = (0..BANKS).map(|number| (address(number), own(bank_bytes(number))));
    banks.chain([(TEAM, own(group))]).collect()
}

/// A bank at a fixed price about 1, whose share values are no round numbers; every second grants e-mode.
fn bank_bytes(number: u16) -> Vec<u8> {
    let mut data = vec![0; bank::LENGTH];
    data[..8].copy_from_slice(&BANK);
    data[40] = 6;
    data[41..73].copy_from_slice(&TEAM);
    data[288..296].copy_from_slice(&NOW.to_le_bytes());
    let extra = i128::from(number);
    let numbers = [
        (80, ONE + ONE / 7 + extra),
        (96, ONE + ONE / 3 + extra),
        (256, 400_000_000_000 * ONE),
        (272, 900_000_000_000 * ONE),
        (296, ONE * 7 / 10),
        (312, ONE * 8 / 10),
        (328, ONE * 12 / 10),
        (344, ONE * 11 / 10),
        (808, ONE + extra * ONE / 100),
    ];
    for (at, value) in numbers {
        data[at..at + 16].copy_from_slice(&value.to_le_bytes());
    }
    (data[544], data[608], data[609]) = (1, 1, 8);
    if number.is_multiple_of(2) {
        data[920] = 1;
        data[944] = 1;
        data[968..984].copy_from_slice(&(ONE * 9 / 10).to_le_bytes());
    }
    data
}

/// Three deposits and two debts, at a health of 1.1 to 1.6.
fn margin_account(number: u32) -> Vec<u8> {
    let mut data = vec![0; LENGTH];
    data[..8].copy_from_slice(&MARGIN_ACCOUNT);
    data[8..40].copy_from_slice(&TEAM);
    for leg in 0..5u32 {
        let at = 72 + 104 * leg as usize;
        let bank = ((number + leg * 3) % u32::from(BANKS)) as u16;
        data[at] = 1;
        data[at + 1..at + 33].copy_from_slice(&address(bank));
        let extra = i128::from(number % 1_000) * 100_000;
        let (side, shares) = if leg < 3 {
            (40, 300_000_000 + extra)
        } else {
            (56, 190_000_000)
        };
        let bits = shares * ONE + i128::from(number);
        data[at + side..at + side + 16].copy_from_slice(&bits.to_le_bytes());
    }
    data
}

crate::exports::exports!(Marginfi: marginfi_new, marginfi_apply, marginfi_confirm, marginfi_fill, marginfi_free);
