//! The benches' peers: a plain loop over compressed rows, a streaming read, and the book timed from Rust.
//!
//! [`accounts`] is the reference protocol's part, [`save`], [`kamino`] and [`marginfi`] those protocols', [`market`] what criterion measures
//! (`benches/book.rs`).
//! Every function takes pointers into NumPy arrays that `benches/peers.py` keeps alive.
#![allow(clippy::missing_safety_doc)] // the one promise, for all: pointers and lengths are those of live arrays

pub mod accounts;
mod exports;
pub mod kamino;
pub mod marginfi;
pub mod market;
pub mod save;

use std::hint::black_box;
use std::slice::from_raw_parts;
use std::time::Instant;

use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::market::Asset;
use liquidation_core::book::generic::rule::is_liquidatable;
use liquidation_core::book::generic::GenericBook;

/// A market and its positions in compressed rows.
#[repr(C)]
pub struct World {
    assets: usize,
    decimals: *const u8,
    exponents: *const i8,
    prices: *const i64,
    collateral_bps: *const u32,
    debt_bps: *const u32,
    positions: usize,
    ids: *const u64,
    offsets: *const u32,
    slots: *const u16,
    amounts: *const u64,
}

impl World {
    unsafe fn columns(&self) -> (&[u32], &[u16], &[u64]) {
        // SAFETY: one offset more than positions, and the last of them counts the legs
        unsafe {
            let offsets = from_raw_parts(self.offsets, self.positions + 1);
            let legs = offsets[self.positions] as usize;
            (
                offsets,
                from_raw_parts(self.slots, legs),
                from_raw_parts(self.amounts, legs),
            )
        }
    }
}

/// Returns how many positions a plain loop finds below zero: `quantities` by leg, `table` by slot, debts negative.
#[no_mangle]
pub unsafe extern "C" fn peer_csr(world: &World, quantities: *const f64, table: *const f64) -> u64 {
    // SAFETY: one quantity a leg, two entries an asset
    let (offsets, slots, quantities, table) = unsafe {
        let (offsets, slots, _) = world.columns();
        (
            offsets,
            slots,
            from_raw_parts(quantities, slots.len()),
            from_raw_parts(table, 2 * world.assets),
        )
    };
    let sum = |bounds: &[u32]| -> f64 {
        let legs = bounds[0] as usize..bounds[1] as usize;
        let values = quantities[legs.clone()].iter().zip(&slots[legs]);
        values
            .map(|(quantity, slot)| quantity * table[usize::from(*slot)])
            .sum()
    };
    offsets
        .windows(2)
        .filter(|bounds| sum(bounds) < 0.0)
        .count() as u64
}

/// Returns the sum of some words: what reading them costs.
#[no_mangle]
pub unsafe extern "C" fn peer_read(words: *const u64, count: usize) -> u64 {
    // SAFETY: that many words
    let words = unsafe { from_raw_parts(words, count) };
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has it
        return unsafe { summed_wide(words) };
    }
    summed(words)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn summed_wide(words: &[u64]) -> u64 {
    summed(words)
}

#[inline(always)]
fn summed(words: &[u64]) -> u64 {
    let mut lanes = [0u64; 64];
    for chunk in words.chunks_exact(64) {
        lanes
            .iter_mut()
            .zip(chunk)
            .for_each(|(lane, word)| *lane = lane.wrapping_add(*word));
    }
    lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))
}

/// Returns a book of this world, or null if it is refused.
#[no_mangle]
pub unsafe extern "C" fn book_new(world: &World) -> *mut GenericBook {
    // SAFETY: as many as the world says
    let book = unsafe { filled(world) };
    book.map_or(std::ptr::null_mut(), |book| Box::into_raw(Box::new(book)))
}

unsafe fn filled(world: &World) -> Option<GenericBook> {
    // SAFETY: as many as the world says
    let (decimals, exponents, prices, collateral, debt, ids, (offsets, slots, amounts)) = unsafe {
        (
            from_raw_parts(world.decimals, world.assets),
            from_raw_parts(world.exponents, world.assets),
            from_raw_parts(world.prices, world.assets),
            from_raw_parts(world.collateral_bps, world.assets),
            from_raw_parts(world.debt_bps, world.assets),
            from_raw_parts(world.ids, world.positions),
            world.columns(),
        )
    };
    let asset = |number: usize| Asset {
        name: number.to_string(),
        decimals: decimals[number],
        exponent: exponents[number],
    };
    let mut book = GenericBook::new((0..world.assets).map(asset).collect(), Kernel::best()).ok()?;
    book.set_weights(collateral, debt).ok()?;
    book.tick(prices, 1, 1).ok()?;
    book.set_positions(ids, offsets, slots, amounts).ok()?;
    Some(book)
}

/// Frees a book.
#[no_mangle]
pub unsafe extern "C" fn book_free(book: *mut GenericBook) {
    // SAFETY: from book_new, once
    drop(unsafe { Box::from_raw(book) });
}

/// Lays a new anchor.
#[no_mangle]
pub unsafe extern "C" fn book_reanchor(book: &mut GenericBook) {
    book.reanchor();
}

/// Returns the nanoseconds of one tick and writes how many crossings it told and how many blocks it read.
#[no_mangle]
pub unsafe extern "C" fn book_tick(
    book: &mut GenericBook,
    prices: *const i64,
    told: &mut u64,
    read: &mut u64,
) -> f64 {
    // SAFETY: one price an asset
    let prices = unsafe { from_raw_parts(prices, book.market().assets().len()) };
    let start = Instant::now();
    let news = black_box(book.tick(prices, 2, 2));
    let nanoseconds = start.elapsed().as_nanos() as f64;
    *told = news.map_or(0, |news| (news.crossed.len() + news.recovered.len()) as u64);
    *read = book.read().0 as u64;
    nanoseconds
}

/// Returns the nanoseconds of the exact rule on every position of a world, one after the other.
#[no_mangle]
pub unsafe extern "C" fn book_confirm(book: &GenericBook, world: &World) -> f64 {
    // SAFETY: the world that the book was made of
    let (offsets, slots, amounts) = unsafe { world.columns() };
    let factors = book.market().factors();
    let verdict = |bounds: &[u32]| {
        let legs = bounds[0] as usize..bounds[1] as usize;
        is_liquidatable(
            factors,
            slots[legs.clone()]
                .iter()
                .copied()
                .zip(amounts[legs].iter().copied()),
        )
    };
    let start = Instant::now();
    black_box(offsets.windows(2).filter(|bounds| verdict(bounds)).count());
    start.elapsed().as_nanos() as f64
}
