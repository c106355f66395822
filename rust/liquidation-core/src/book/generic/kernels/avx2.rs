//! The screen with AVX2 and FMA: two halves of eight lanes, table entries gathered.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::{each_block, Scan};
use crate::book::generic::blocks::Row;
use crate::book::generic::ratios::PAGE;
use crate::sabotage::{planted, Fault};

/// # Safety
///
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn scan_page(scan: &Scan<'_, u32>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    let table = &scan.table[..PAGE];
    let slot_bits = _mm256_set1_epi32(PAGE as i32 - 1);
    each_block!(scan, blocks, rows, |legs, band| {
        let mut sums = [_mm256_setzero_ps(); 2];
        for Row(words) in legs {
            for (half, sum) in sums.iter_mut().enumerate() {
                // SAFETY: a row has two times eight words; a number below the table's length is left of each
                unsafe {
                    let words = _mm256_loadu_si256(words.as_ptr().add(half * 8).cast());
                    let slots = _mm256_and_si256(words, slot_bits);
                    let entries = _mm256_i32gather_ps::<4>(table.as_ptr(), slots);
                    let shares = _mm256_cvtepi32_ps(_mm256_srli_epi32::<8>(words));
                    *sum = _mm256_fmadd_ps(shares, entries, *sum);
                }
            }
        }
        under(sums, band)
    });
}

/// # Safety
///
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn scan_all(scan: &Scan<'_, u64>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    each_block!(scan, blocks, rows, |legs, band| {
        let mut sums = [_mm256_setzero_ps(); 2];
        for Row(words) in legs {
            for (half, sum) in sums.iter_mut().enumerate() {
                // SAFETY: a row has four times four words; slots are below the length of the table
                unsafe {
                    let first = words.as_ptr().add(half * 8);
                    let four = |at: usize| _mm256_loadu_ps(first.add(at).cast());
                    let (low, high) = (four(0), four(4));
                    let slots = in_order(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
                    let shares = in_order(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
                    let slots = _mm256_castps_si256(slots);
                    let entries = _mm256_i32gather_ps::<4>(scan.table.as_ptr(), slots);
                    *sum = _mm256_fmadd_ps(shares, entries, *sum);
                }
            }
        }
        under(sums, band)
    });
}

/// Undoes that a shuffle works on each half by itself.
#[inline]
#[target_feature(enable = "avx2")]
fn in_order(shuffled: __m256) -> __m256 {
    let pairs = _mm256_castps_pd(shuffled);
    _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(pairs))
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
