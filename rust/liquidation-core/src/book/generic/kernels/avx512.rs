//! The screen with AVX-512: a page's 128 table entries stay in eight registers, larger tables are gathered.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::{each_block, Scan};
use crate::book::generic::blocks::LANES;
use crate::book::generic::ratios::PAGE;
use crate::sabotage::{planted, Fault};

/// # Safety
///
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub unsafe fn scan_page(scan: &Scan<'_, u8>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    let entries = &scan.table[..PAGE];
    // SAFETY: the slice has eight times sixteen entries
    let table: [__m512; 8] =
        std::array::from_fn(|part| unsafe { _mm512_loadu_ps(entries.as_ptr().add(part * LANES)) });
    let (bit5, bit6) = (_mm512_set1_epi32(32), _mm512_set1_epi32(64));
    each_block!(scan, blocks, rows, |values, slots, band| {
        let mut sum = _mm512_setzero_ps();
        for (values, slots) in values.chunks_exact(LANES).zip(slots.chunks_exact(LANES)) {
            // SAFETY: both chunks have 16 entries
            let (values, slots) = unsafe {
                (
                    _mm512_loadu_ps(values.as_ptr()),
                    _mm_loadu_si128(slots.as_ptr().cast()),
                )
            };
            let number = _mm512_cvtepu8_epi32(slots);
            let (in5, in6) = (
                _mm512_test_epi32_mask(number, bit5),
                _mm512_test_epi32_mask(number, bit6),
            );
            let pair = |at: usize| _mm512_permutex2var_ps(table[at], number, table[at + 1]);
            let low = _mm512_mask_blend_ps(in5, pair(0), pair(2));
            let high = _mm512_mask_blend_ps(in5, pair(4), pair(6));
            sum = _mm512_fmadd_ps(values, _mm512_mask_blend_ps(in6, low, high), sum);
        }
        under(sum, band)
    });
}

/// # Safety
///
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub unsafe fn scan_all(scan: &Scan<'_, u16>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    each_block!(scan, blocks, rows, |values, slots, band| {
        let mut sum = _mm512_setzero_ps();
        for (values, slots) in values.chunks_exact(LANES).zip(slots.chunks_exact(LANES)) {
            // SAFETY: both chunks have 16 entries, and slots are below the length of the table
            unsafe {
                let number = _mm512_cvtepu16_epi32(_mm256_loadu_si256(slots.as_ptr().cast()));
                let entries = _mm512_i32gather_ps::<4>(number, scan.table.as_ptr());
                sum = _mm512_fmadd_ps(_mm512_loadu_ps(values.as_ptr()), entries, sum);
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
