//! The screen with AVX2 and FMA: two halves of eight lanes, table entries gathered.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::{each_block, Scan};
use crate::book::generic::blocks::LANES;
use crate::sabotage::{planted, Fault};

/// # Safety
///
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn scan_page(scan: &Scan<'_, u8>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    each_block!(scan, blocks, rows, |values, slots, band| {
        let mut sums = [_mm256_setzero_ps(); 2];
        for (values, slots) in values.chunks_exact(LANES).zip(slots.chunks_exact(LANES)) {
            // SAFETY: both chunks have 16 entries, and a page's slots are below the length of its table
            unsafe {
                let numbers = _mm_loadu_si128(slots.as_ptr().cast());
                let halves = [
                    _mm256_cvtepu8_epi32(numbers),
                    _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(numbers)),
                ];
                sums = added(sums, values, halves, scan.table);
            }
        }
        under(sums, band)
    });
}

/// # Safety
///
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn scan_all(scan: &Scan<'_, u16>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    each_block!(scan, blocks, rows, |values, slots, band| {
        let mut sums = [_mm256_setzero_ps(); 2];
        for (values, slots) in values.chunks_exact(LANES).zip(slots.chunks_exact(LANES)) {
            // SAFETY: both chunks have 16 entries, and slots are below the length of the table
            unsafe {
                let numbers = [
                    _mm_loadu_si128(slots.as_ptr().cast()),
                    _mm_loadu_si128(slots.as_ptr().add(8).cast()),
                ];
                sums = added(
                    sums,
                    values,
                    numbers.map(|half| _mm256_cvtepu16_epi32(half)),
                    scan.table,
                );
            }
        }
        under(sums, band)
    });
}

/// # Safety
///
/// `values` has 16 entries and every number is below the length of `table`.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn added(
    sums: [__m256; 2],
    values: &[f32],
    numbers: [__m256i; 2],
    table: &[f32],
) -> [__m256; 2] {
    // SAFETY: the caller's promise
    unsafe {
        let entries = numbers.map(|numbers| _mm256_i32gather_ps::<4>(table.as_ptr(), numbers));
        [
            _mm256_fmadd_ps(_mm256_loadu_ps(values.as_ptr()), entries[0], sums[0]),
            _mm256_fmadd_ps(_mm256_loadu_ps(values.as_ptr().add(8)), entries[1], sums[1]),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn under(sums: [__m256; 2], band: f32) -> u16 {
    let band = _mm256_set1_ps(band);
    let half = |sum| match planted(Fault::OrderedCompare) {
        true => _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(sum, band)) as u16,
        false => _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NGE_UQ>(sum, band)) as u16,
    };
    half(sums[0]) | half(sums[1]) << 8
}
