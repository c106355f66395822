//! The screen: which lanes' sums are not surely positive. One loop in three instruction sets; the exact rule decides.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::ops::Range;

use super::blocks::Blocks;
use super::ratios::{Bands, Classes, PAGE};
use crate::CoreError;

/// The instruction set of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512: tables in registers.
    Avx512,
    /// AVX2 and FMA: tables gathered from the cache.
    Avx2,
    /// Any processor.
    Portable,
}

impl Kernel {
    /// Returns the fastest that this processor has.
    #[must_use]
    pub fn best() -> Kernel {
        [Kernel::Avx512, Kernel::Avx2]
            .into_iter()
            .find(|kernel| kernel.runs_here())
            .unwrap_or(Kernel::Portable)
    }

    /// Returns the one of this name, if this processor has it.
    pub fn named(name: &str) -> Result<Kernel, CoreError> {
        let all = [Kernel::Avx512, Kernel::Avx2, Kernel::Portable];
        let Some(kernel) = all.into_iter().find(|kernel| kernel.name() == name) else {
            return Err(CoreError::Argument(format!(
                "found kernel '{name}', expected 'avx512', 'avx2' or 'portable'"
            )));
        };
        if kernel.runs_here() {
            return Ok(kernel);
        }
        Err(CoreError::Argument(format!(
            "found kernel '{name}', which this processor lacks, expected '{}'",
            Kernel::best().name()
        )))
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kernel::Avx512 => "avx512",
            Kernel::Avx2 => "avx2",
            Kernel::Portable => "portable",
        }
    }

    /// Returns whether this processor has it.
    #[must_use]
    pub fn runs_here(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Kernel::Avx512 | Kernel::Avx2 => false,
            Kernel::Portable => true,
        }
    }
}

/// What a scan reads.
#[derive(Debug)]
pub struct Scan<'a, S> {
    /// The blocks.
    pub blocks: &'a Blocks<S>,
    /// Signed ratios by slot: collateral up from 0, debt down.
    pub table: &'a [f32],
    /// How close to 0 a sum must be looked at.
    pub bands: &'a Bands,
    /// Only blocks with a slot of these classes.
    pub only: Classes,
}

impl<S> Clone for Scan<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Scan<'_, S> {}

/// A leg as a block keeps it: a slot and a share in one word; all zeros is a leg of nothing.
pub trait Word: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    /// Returns the word of a slot and a share of less than 2²⁴ parts.
    fn new(slot: u16, share: u32) -> Self;
    /// Returns the slot.
    fn slot(self) -> usize;
    /// Returns the share, exactly.
    fn share(self) -> f32;
    /// Adds the rows of the blocks' candidates to `rows`.
    fn scan(kernel: Kernel, scan: &Scan<'_, Self>, blocks: Range<usize>, rows: &mut Vec<u32>);
}

/// Visits the blocks of a scan; `$under` computes the lanes whose sum is not at least `$band`.
macro_rules! each_block {
    ($scan:ident, $range:ident, $rows:ident, |$legs:ident, $band:ident| $under:expr) => {
        let blocks = $scan.blocks;
        let alike = $scan.only == $crate::book::generic::ratios::Classes::MAX;
        let usual = $scan.bands.usual().filter(|_| alike);
        for (head, number) in blocks.heads[$range.clone()].iter().zip($range) {
            let $band = match usual {
                Some(usual) => usual,
                None => {
                    let classes = blocks.classes(number);
                    if classes & $scan.only == 0 {
                        continue;
                    }
                    $scan.bands.of(classes)
                }
            };
            let $legs = &blocks.rows[head.rows()];
            let mut under: u16 = $under & head.live;
            while under != 0 {
                let lane =
                    number * crate::book::generic::blocks::LANES + under.trailing_zeros() as usize;
                $rows.push(blocks.owner(lane));
                under &= under - 1;
            }
        }
    };
}
use each_block;

macro_rules! scan {
    ($avx512:path, $avx2:path) => {
        #[allow(unsafe_code)]
        fn scan(kernel: Kernel, scan: &Scan<'_, Self>, blocks: Range<usize>, rows: &mut Vec<u32>) {
            match kernel {
                // SAFETY: a Kernel is made by `best` or `named`, which ask the processor
                #[cfg(target_arch = "x86_64")]
                Kernel::Avx512 if kernel.runs_here() => unsafe { $avx512(scan, blocks, rows) },
                // SAFETY: as above
                #[cfg(target_arch = "x86_64")]
                Kernel::Avx2 if kernel.runs_here() => unsafe { $avx2(scan, blocks, rows) },
                _ => portable::scan(scan, blocks, rows),
            }
        }
    };
}

/// A slot of the page in the lowest 8 bits, the share above it.
impl Word for u32 {
    #[inline]
    fn new(slot: u16, share: u32) -> u32 {
        share << 8 | u32::from(slot as u8)
    }

    #[inline]
    fn slot(self) -> usize {
        self as usize & (PAGE - 1)
    }

    #[inline]
    fn share(self) -> f32 {
        (self >> 8) as f32
    }

    scan!(avx512::scan_page, avx2::scan_page);
}

/// Any slot in the lower half, the share as a float in the upper one.
impl Word for u64 {
    #[inline]
    fn new(slot: u16, share: u32) -> u64 {
        u64::from((share as f32).to_bits()) << 32 | u64::from(slot)
    }

    #[inline]
    fn slot(self) -> usize {
        self as usize & usize::from(u16::MAX)
    }

    #[inline]
    fn share(self) -> f32 {
        f32::from_bits((self >> 32) as u32)
    }

    scan!(avx512::scan_all, avx2::scan_all);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::generic::lane::{Lane, Outline, Scale};
    use crate::book::generic::ratios::{Ratios, Worth};
    use crate::book::generic::store::Store;

    fn everywhere() -> impl Iterator<Item = Kernel> {
        ["portable", "avx2", "avx512"]
            .into_iter()
            .filter_map(|name| Kernel::named(name).ok())
    }

    /// Returns one block of 16 lanes of these legs, at prices of one.
    fn block<W: Word>(legs: &[(u16, u64)]) -> Blocks<W> {
        let (mut store, mut blocks) = (Store::default(), Blocks::new(1));
        let row = store.put(1, legs);
        let units = vec![1e18; PAGE];
        let record = store.rows().record(row);
        let outline = Outline::of(record, &units);
        let scale = Scale {
            units: &units,
            ratios: &Ratios::at_anchor(&[Worth::default(); PAGE]),
            local: |slot| slot,
        };
        let lane = Lane::of(record, &outline, &scale);
        let first = blocks.push(legs.len());
        (0..16).for_each(|number| blocks.write(first + number, number, lane.key, lane.legs()));
        blocks
    }

    fn candidates<W: Word>(kernel: Kernel, blocks: &Blocks<W>, table: &[f32]) -> usize {
        let bands = Ratios::at_anchor(&[Worth::default(); PAGE]).of_page().1;
        let mut rows = Vec::new();
        W::scan(
            kernel,
            &Scan {
                blocks,
                table,
                bands: &bands,
                only: Classes::MAX,
            },
            0..1,
            &mut rows,
        );
        rows.len()
    }

    #[test]
    fn a_sum_that_compares_with_nothing_is_a_candidate() {
        let legs = [(0, 3), (1, 1)];
        let (page, all) = (block::<u32>(&legs), block::<u64>(&legs));
        let mut table = vec![1.0f32; PAGE];
        for kernel in everywhere() {
            table[1] = -1.0;
            assert_eq!(
                (
                    candidates(kernel, &page, &table),
                    candidates(kernel, &all, &table)
                ),
                (0, 0)
            );
            table[1] = f32::NAN;
            assert_eq!(
                (
                    candidates(kernel, &page, &table),
                    candidates(kernel, &all, &table)
                ),
                (16, 16)
            );
        }
    }

    #[test]
    fn every_slot_of_the_page_is_looked_up_in_its_place() {
        for kernel in everywhere() {
            for slot in (1..PAGE as u16).step_by(2) {
                let legs = [(slot - 1, 3), (slot, 1)];
                let (page, all) = (block::<u32>(&legs), block::<u64>(&legs));
                let mut table: Vec<f32> = (0..PAGE)
                    .map(|slot| if slot % 2 == 0 { 1.0 } else { -1.0 })
                    .collect();
                assert_eq!(
                    (
                        candidates(kernel, &page, &table),
                        candidates(kernel, &all, &table)
                    ),
                    (0, 0)
                );
                table[usize::from(slot)] = -3.5;
                assert_eq!(
                    (
                        candidates(kernel, &page, &table),
                        candidates(kernel, &all, &table)
                    ),
                    (16, 16)
                );
            }
        }
    }
}
