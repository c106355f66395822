//! The screen: which lanes' sums are not surely positive. One loop in three instruction sets; the exact rule decides.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::ops::Range;

use super::blocks::Blocks;
use super::ratios::{Bands, Classes};
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

    fn runs_here(self) -> bool {
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
#[derive(Clone, Copy, Debug)]
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

/// How a block numbers its slots.
pub trait Slot: Copy + Default + std::fmt::Debug + Send + Sync + 'static {
    /// Returns the number.
    fn index(self) -> usize;
    /// Adds the rows of the blocks' candidates to `rows`.
    fn scan(kernel: Kernel, scan: &Scan<'_, Self>, blocks: Range<usize>, rows: &mut Vec<u32>);
}

/// Visits the blocks of a scan; `$under` computes the lanes whose sum is not at least `$band`.
macro_rules! each_block {
    ($scan:ident, $range:ident, $rows:ident, |$values:ident, $slots:ident, $band:ident| $under:expr) => {
        for number in $range {
            let block = &$scan.blocks.blocks[number];
            let classes = block.classes();
            if classes & $scan.only == 0 {
                continue;
            }
            let ($values, $slots) = (
                &$scan.blocks.values[block.legs()],
                &$scan.blocks.slots[block.legs()],
            );
            let $band = $scan.bands.of(classes);
            let mut under: u16 = $under & block.live;
            while under != 0 {
                let lane =
                    number * crate::book::generic::blocks::LANES + under.trailing_zeros() as usize;
                $rows.push($scan.blocks.owner(lane));
                under &= under - 1;
            }
        }
    };
}
use each_block;

macro_rules! slot {
    ($number:ty, $avx512:path, $avx2:path) => {
        impl Slot for $number {
            #[inline]
            fn index(self) -> usize {
                usize::from(self)
            }

            #[allow(unsafe_code)]
            fn scan(
                kernel: Kernel,
                scan: &Scan<'_, $number>,
                blocks: Range<usize>,
                rows: &mut Vec<u32>,
            ) {
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
        }
    };
}

slot!(u8, avx512::scan_page, avx2::scan_page);
slot!(u16, avx512::scan_all, avx2::scan_all);
