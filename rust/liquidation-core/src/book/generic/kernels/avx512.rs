//! The screen with AVX-512: a page's 128 table entries stay in eight registers, larger tables are gathered.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::{each_block, Scan};
use crate::book::generic::blocks::{Row, LANES};
use crate::book::generic::ratios::PAGE;
use crate::sabotage::{planted, Fault};

/// # Safety
///
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub unsafe fn scan_page(scan: &Scan<'_, u32>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    let entries = &scan.table[..PAGE];
    // SAFETY: the slice has eight times sixteen entries
    let table: [__m512; 8] =
        std::array::from_fn(|part| unsafe { _mm512_loadu_ps(entries.as_ptr().add(part * LANES)) });
    let (bit5, bit6) = (_mm512_set1_epi32(32), _mm512_set1_epi32(64));
    each_block!(scan, blocks, rows, |legs, band| {
        let mut sum = _mm512_setzero_ps();
        for Row(words) in legs {
            // SAFETY: a row has 16 words
            let words = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
            let (in5, in6) = (
                _mm512_test_epi32_mask(words, bit5),
                _mm512_test_epi32_mask(words, bit6),
            );
            // the lowest five bits of a word choose within a pair, the others are not looked at
            let pair = |at: usize| _mm512_permutex2var_ps(table[at], words, table[at + 1]);
            let low = _mm512_mask_blend_ps(in5, pair(0), pair(2));
            let high = _mm512_mask_blend_ps(in5, pair(4), pair(6));
            let shares = _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(words));
            sum = _mm512_fmadd_ps(shares, _mm512_mask_blend_ps(in6, low, high), sum);
        }
        under(sum, band)
    });
}

/// # Safety
///
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub unsafe fn scan_all(scan: &Scan<'_, u64>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    let lower = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    let upper = _mm512_add_epi32(lower, _mm512_set1_epi32(1));
    each_block!(scan, blocks, rows, |legs, band| {
        let mut sum = _mm512_setzero_ps();
        for Row(words) in legs {
            // SAFETY: a row has two times eight words; slots are below the length of the table
            unsafe {
                let first = _mm512_loadu_si512(words.as_ptr().cast());
                let second = _mm512_loadu_si512(words.as_ptr().add(8).cast());
                let slots = _mm512_permutex2var_epi32(first, lower, second);
                let shares = _mm512_permutex2var_epi32(first, upper, second);
                let entries = _mm512_i32gather_ps::<4>(slots, scan.table.as_ptr());
                sum = _mm512_fmadd_ps(_mm512_castsi512_ps(shares), entries, sum);
            }
        }
        under(sum, band)
    });
}

#[inline]
#[target_feature(enable = "avx512f")]
fn under(sum: __m512, band: f32) -> u16 {
    let band = _mm512_set1_ps(band);
    match planted(Fault::OrderedCompare) {
        true => _mm512_cmp_ps_mask::<_CMP_LT_OQ>(sum, band),
        false => _mm512_cmp_ps_mask::<_CMP_NGE_UQ>(sum, band),
    }
}
