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
    let table = registers(scan.table);
    each_block!(scan, blocks, rows, |legs, band| {
        let mut sum = _mm512_setzero_ps();
        for Row(words) in legs {
            fetch_ahead(words);
            // SAFETY: a row has 16 words
            let words = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
            let shares = _mm512_cvtepi32_ps(_mm512_srli_epi32::<8>(words));
            sum = _mm512_fmadd_ps(shares, entries(&table, words), sum);
        }
        under(sum, band)
    });
}

/// # Safety
///
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
pub unsafe fn scan_all(scan: &Scan<'_, u64>, blocks: Range<usize>, rows: &mut Vec<u32>) {
    if scan.table.len() <= PAGE {
        let table = registers(scan.table);
        each_block!(scan, blocks, rows, |legs, band| {
            let mut sum = _mm512_setzero_ps();
            for Row(words) in legs {
                let (slots, shares) = halves(words);
                sum = _mm512_fmadd_ps(shares, entries(&table, slots), sum);
            }
            under(sum, band)
        });
        return;
    }
    each_block!(scan, blocks, rows, |legs, band| {
        let mut sum = _mm512_setzero_ps();
        for Row(words) in legs {
            let (slots, shares) = halves(words);
            // SAFETY: slots are below the length of the table
            let entries = unsafe { _mm512_i32gather_ps::<4>(slots, scan.table.as_ptr()) };
            sum = _mm512_fmadd_ps(shares, entries, sum);
        }
        under(sum, band)
    });
}

/// Rows between the one in work and the one asked of the memory: more than the processor asks for by itself, and a sweep
/// then takes less than a plain loop that reads the same bytes.
const AHEAD: usize = 32;

/// Asks for a later row; past the last one it is a hint about nothing.
#[inline]
#[target_feature(enable = "avx512f")]
fn fetch_ahead<W>(row: &[W; LANES]) {
    let ahead = row.as_ptr().wrapping_add(AHEAD * LANES);
    #[allow(unused_unsafe)] // newer compilers know that a hint is safe
    // SAFETY: a hint, of any address
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(ahead.cast())
    };
}

/// Loads a table of up to 128 entries.
#[inline]
#[target_feature(enable = "avx512f")]
fn registers(table: &[f32]) -> [__m512; 8] {
    let mut entries = [0f32; PAGE];
    entries[..table.len()].copy_from_slice(table);
    // SAFETY: eight times sixteen entries
    std::array::from_fn(|part| unsafe { _mm512_loadu_ps(entries.as_ptr().add(part * LANES)) })
}

/// Returns the entries that the lowest seven bits of 16 words choose.
#[inline]
#[target_feature(enable = "avx512f")]
fn entries(table: &[__m512; 8], words: __m512i) -> __m512 {
    let (in5, in6) = (
        _mm512_test_epi32_mask(words, _mm512_set1_epi32(32)),
        _mm512_test_epi32_mask(words, _mm512_set1_epi32(64)),
    );
    // the lowest five bits choose within a pair, the others are not looked at
    let pair = |at: usize| _mm512_permutex2var_ps(table[at], words, table[at + 1]);
    let low = _mm512_mask_blend_ps(in5, pair(0), pair(2));
    let high = _mm512_mask_blend_ps(in5, pair(4), pair(6));
    _mm512_mask_blend_ps(in6, low, high)
}

/// Returns the slots and the shares of a row.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(words: &[u64; LANES]) -> (__m512i, __m512) {
    let lower = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    let upper = _mm512_add_epi32(lower, _mm512_set1_epi32(1));
    // SAFETY: a row has two times eight words
    let (first, second) = unsafe {
        (
            _mm512_loadu_si512(words.as_ptr().cast()),
            _mm512_loadu_si512(words.as_ptr().add(8).cast()),
        )
    };
    let shares = _mm512_permutex2var_epi32(first, upper, second);
    (
        _mm512_permutex2var_epi32(first, lower, second),
        _mm512_castsi512_ps(shares),
    )
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
