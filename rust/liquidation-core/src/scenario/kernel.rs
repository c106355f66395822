//! The loop over a tile: eight scenarios at once, one source for every instruction set, the same bits from each.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::tile::{Leg, Tile, Wide, Worth, WIDE};
use crate::book::generic::kernels::Kernel;

/// Relative part of the band; see the proof in [`super`].
pub const RELATIVE: f64 = 1.0 / (1u64 << 44) as f64;
/// Absolute part of the band, in 10⁻¹⁸ quote units.
pub const HIDDEN: f64 = 64.0;

/// What eight scenarios add up to.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub struct Tally {
    /// Liquidatable positions.
    pub counts: Wide,
    /// Market value of their debts, in 10⁻¹⁸ quote units.
    pub debt: Wide,
    /// What their collateral's market value leaves of it.
    pub shortfall: Wide,
}

impl Tally {
    /// Adds a liquidatable position to one scenario.
    pub fn count(&mut self, lane: usize, collateral: f64, debt: f64) {
        self.counts[lane] += 1.0;
        self.debt[lane] += debt;
        self.shortfall[lane] += over(debt, collateral);
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        for lane in 0..WIDE {
            self.counts[lane] += other.counts[lane];
            self.debt[lane] += other.debt[lane];
            self.shortfall[lane] += other.shortfall[lane];
        }
    }
}

/// A position that floats cannot decide in some scenarios.
#[derive(Clone, Copy, Debug)]
pub struct Doubt {
    /// Its place in the tile.
    pub place: u16,
    /// Which scenarios, a bit each.
    pub lanes: u8,
    /// Market value of its collateral in each.
    pub collateral: Wide,
    /// Market value of its debt in each.
    pub debt: Wide,
}

/// What a pass over a tile finds.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Sums over those that certainly are liquidatable.
    pub tally: Tally,
    /// For each of the tile's rows the scenarios in which it certainly is, a bit each; meaningless beyond those asked for.
    pub lanes: Vec<u8>,
    /// Those that are neither certainly liquidatable nor certainly safe in one of them.
    pub doubts: Vec<Doubt>,
}

/// Decides every position of a tile in the first so many of the table's eight scenarios.
pub fn decide(kernel: Kernel, tile: &Tile, table: &[Worth], scenarios: usize, found: &mut Found) {
    let asked = u8::MAX >> (WIDE - scenarios);
    found.tally = Tally::default();
    found.lanes.resize(tile.rows.len(), 0);
    found.doubts.clear();
    match kernel {
        // SAFETY: the processor was asked
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 if kernel.runs_here() => unsafe { avx512(tile, table, asked, found) },
        // SAFETY: as above
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 if kernel.runs_here() => unsafe { avx2(tile, table, asked, found) },
        _ => pass(tile, table, asked, found, |left, right| {
            (0..WIDE).fold(0, |mask, lane| {
                mask | u8::from(left[lane] < right[lane]) << lane
            })
        }),
    }
}

/// # Safety
///
/// The processor has AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(tile: &Tile, table: &[Worth], asked: u8, found: &mut Found) {
    pass(tile, table, asked, found, |left, right| {
        // SAFETY: both have eight doubles, and the caller's promise
        unsafe {
            let (left, right) = (
                _mm512_loadu_pd(left.as_ptr()),
                _mm512_loadu_pd(right.as_ptr()),
            );
            _mm512_cmp_pd_mask::<_CMP_LT_OQ>(left, right)
        }
    });
}

/// # Safety
///
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(tile: &Tile, table: &[Worth], asked: u8, found: &mut Found) {
    pass(tile, table, asked, found, |left, right| {
        let half = |from: usize| {
            // SAFETY: both have four doubles from there, and the caller's promise
            unsafe {
                let (left, right) = (
                    _mm256_loadu_pd(left[from..].as_ptr()),
                    _mm256_loadu_pd(right[from..].as_ptr()),
                );
                _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LT_OQ>(left, right)) as u8
            }
        };
        half(0) | half(4) << 4
    });
}

/// Multiplies and adds apart, in the order of the legs: no instruction set rounds otherwise. `less` compares lane by lane.
#[inline(always)]
fn pass(
    tile: &Tile,
    table: &[Worth],
    asked: u8,
    found: &mut Found,
    less: impl Fn(&Wide, &Wide) -> u8,
) {
    let mut tally = Tally::default();
    for span in &tile.spans {
        let collateral = sum(&tile.legs[span.first as usize..span.debt as usize], table);
        let debt = sum(&tile.legs[span.debt as usize..span.end as usize], table);
        let (mut ahead, mut band, mut below) = ([0.0; WIDE], [0.0; WIDE], [0.0; WIDE]);
        for lane in 0..WIDE {
            ahead[lane] = collateral.weighted[lane] - debt.weighted[lane];
            band[lane] = (collateral.weighted[lane] + debt.weighted[lane]) * RELATIVE + HIDDEN;
            below[lane] = -band[lane];
            let counts = if ahead[lane] < below[lane] { 1.0 } else { 0.0 };
            tally.counts[lane] += counts;
            tally.debt[lane] += counts * debt.value[lane];
            tally.shortfall[lane] += counts * over(debt.value[lane], collateral.value[lane]);
        }
        let certain = less(&ahead, &below);
        found.lanes[usize::from(span.place)] = certain;
        let owes = less(&[0.0; WIDE], &debt.weighted);
        let doubtful = owes & !(certain | less(&band, &ahead)) & asked;
        if doubtful != 0 {
            found.doubts.push(Doubt {
                place: span.place,
                lanes: doubtful,
                collateral: collateral.value,
                debt: debt.value,
            });
        }
    }
    found.tally = tally;
}

#[inline(always)]
fn sum(legs: &[Leg], table: &[Worth]) -> Worth {
    let mut sum = Worth::default();
    for leg in legs {
        let worth = &table[leg.slot as usize];
        for lane in 0..WIDE {
            sum.weighted[lane] += leg.amount * worth.weighted[lane];
            sum.value[lane] += leg.amount * worth.value[lane];
        }
    }
    sum
}

#[inline(always)]
fn over(debt: f64, collateral: f64) -> f64 {
    if debt > collateral {
        debt - collateral
    } else {
        0.0
    }
}
