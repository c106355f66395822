//! Positions whose slots have one width: windows as they were laid with the anchor, and blocks for what came since.
//!
//! An update goes back into its lane if it fits there and does not fall below its window's minimum; otherwise into a
//! block for what came later, each a window of its own.

use super::blocks::{Blocks, LANES};
use super::kernels::{Kernel, Scan, Word};
use super::lane::{Lane, LANE_LEGS};
use super::ratios::{Bands, Classes};
use super::sorting::{sort_by_legs, Keyed};
use super::store::{Record, Rows};
use crate::sabotage::{planted, Fault};

/// Blocks of a window that was laid with the anchor.
const WINDOW: usize = 64;
/// Legs that fit the blocks for what comes later.
const SIZES: [usize; 8] = [2, 4, 6, 8, 12, 16, 24, LANE_LEGS];
const LANE_BITS: u32 = 30;

/// Where a row's lane is: in which partition, laid with the anchor or later, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    /// No place.
    pub const NOWHERE: Place = Place(u32::MAX);

    /// Returns the place of a lane.
    #[must_use]
    pub const fn new(large: bool, later: bool, lane: u32) -> Place {
        Place(((large as u32) << 1 | later as u32) << LANE_BITS | lane)
    }

    /// Returns the lane's number.
    #[must_use]
    pub const fn lane(self) -> u32 {
        self.0 & ((1 << LANE_BITS) - 1)
    }

    /// Returns whether it is in the partition of wide slots.
    #[must_use]
    pub const fn is_large(self) -> bool {
        self.0 >> (LANE_BITS + 1) == 1
    }

    /// Returns whether it came after the anchor was laid.
    #[must_use]
    pub const fn is_later(self) -> bool {
        self.0 >> LANE_BITS & 1 == 1
    }
}

/// How a tick will look: which windows in full, and which slots' blocks beside them.
#[derive(Clone, Debug)]
pub struct Look {
    /// The instruction set.
    pub kernel: Kernel,
    /// Windows whose smallest key is at most this are read.
    pub threshold: f32,
    /// Slots whose blocks are read wherever they are.
    pub outliers: Vec<u16>,
    /// Blocks that it is likely to read.
    pub cost: usize,
}

/// Positions whose slots have one width.
#[derive(Clone, Debug)]
pub struct Partition<W> {
    laid: Blocks<W>,
    later: Blocks<W>,
    vacant: [Vec<u32>; SIZES.len()],
}

impl<W: Word> Default for Partition<W> {
    fn default() -> Partition<W> {
        Partition {
            laid: Blocks::new(WINDOW),
            later: Blocks::new(1),
            vacant: Default::default(),
        }
    }
}

impl<W: Word> Partition<W> {
    /// Lays rows of rising keys: windows in that order, within them blocks of positions alike in length.
    pub fn lay<'a>(
        &mut self,
        rows: &'a Rows,
        mut keyed: Vec<Keyed>,
        lane: impl Fn(Record<'a>) -> Lane<'a>,
        local: impl Fn(u16) -> u16,
        mut put: impl FnMut(u32, u32),
    ) {
        let mut other = [Keyed::default(); WINDOW * LANES];
        let mut height = 0;
        for window in keyed.chunks_mut(WINDOW * LANES) {
            let count = window.len();
            sort_by_legs(window, &mut other[..count]);
            height += window.chunks(LANES).map(longest).sum::<usize>();
        }
        self.laid.reserve(keyed.len().div_ceil(LANES), height);
        for window in keyed.chunks(WINDOW * LANES) {
            window.iter().for_each(|entry| rows.fetch(entry.row()));
            for block in window.chunks(LANES) {
                let first = self.laid.push(longest(block));
                for (number, entry) in (first..).zip(block) {
                    let position = lane(rows.record(entry.row()));
                    self.laid.write(number, entry.row(), &position, &local);
                    put(entry.row(), number);
                }
            }
        }
    }

    /// Writes a position into the lane it has, if it fits there without falling below its window's minimum.
    pub fn rewrite(
        &mut self,
        place: Place,
        row: u32,
        position: &Lane<'_>,
        local: impl Fn(u16) -> u16,
    ) -> bool {
        let blocks = self.blocks_mut(place.is_later());
        let fits = position.legs <= blocks.legs(place.lane());
        let fits = fits && (place.is_later() || position.key >= blocks.minimum(place.lane()));
        if fits {
            blocks.write(place.lane(), row, position, local);
        }
        fits
    }

    /// Writes a position into a lane for what came later and returns its number.
    pub fn append(&mut self, row: u32, position: &Lane<'_>, local: impl Fn(u16) -> u16) -> u32 {
        let size = SIZES.partition_point(|size| *size < position.legs);
        let lane = self.vacant[size].pop().unwrap_or_else(|| {
            let first = self.later.push(SIZES[size]);
            self.vacant[size].extend((first + 1..first + LANES as u32).rev());
            first
        });
        self.later.write(lane, row, position, local);
        lane
    }

    /// Takes a lane out of the screen for good.
    pub fn release(&mut self, place: Place) {
        self.silence(place);
        if place.is_later() {
            let legs = self.later.legs(place.lane());
            self.vacant[SIZES.partition_point(|size| *size < legs)].push(place.lane());
        }
    }

    /// Takes a lane out of the screen; it stays its position's own.
    pub fn silence(&mut self, place: Place) {
        self.blocks_mut(place.is_later()).silence(place.lane());
    }

    /// Returns the smallest key of a lane's window.
    #[must_use]
    pub fn minimum(&self, place: Place) -> f32 {
        match place.is_later() {
            false => self.laid.minimum(place.lane()),
            true => self.later.minimum(place.lane()),
        }
    }

    /// Returns how many blocks are in windows whose smallest key is at most `threshold`.
    #[must_use]
    pub fn reached(&self, threshold: f32) -> usize {
        self.laid.reached(threshold) + self.later.reached(threshold)
    }

    /// Returns how many blocks came since the anchor.
    #[must_use]
    pub fn later(&self) -> usize {
        self.later.len()
    }

    /// Returns how many blocks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.laid.len() + self.later.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the rows of the candidates: in the near windows, and in the blocks of `outliers` elsewhere.
    pub fn scan(
        &self,
        look: &Look,
        table: &[f32],
        bands: &Bands,
        outliers: Classes,
        rows: &mut Vec<u32>,
    ) {
        for blocks in [&self.laid, &self.later] {
            let near = Scan {
                blocks,
                table,
                bands,
                only: Classes::MAX,
            };
            blocks.runs(look.threshold, true, |range| {
                W::scan(look.kernel, &near, range, rows)
            });
            if outliers != 0 && !planted(Fault::OutlierRuleOff) {
                let far = Scan {
                    only: outliers,
                    ..near
                };
                blocks.runs(look.threshold, false, |range| {
                    W::scan(look.kernel, &far, range, rows)
                });
            }
        }
    }

    /// Returns the bytes of what a sweep reads, and of everything.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let (laid, later) = (self.laid.bytes(), self.later.bytes());
        let vacant = self.vacant.iter().map(|lanes| lanes.capacity() * 4);
        (laid.0 + later.0, laid.1 + later.1 + vacant.sum::<usize>())
    }

    fn blocks_mut(&mut self, later: bool) -> &mut Blocks<W> {
        if later {
            &mut self.later
        } else {
            &mut self.laid
        }
    }
}

/// Returns the legs of the longest lane of a block, which is its last.
fn longest(block: &[Keyed]) -> usize {
    block.last().map_or(0, |entry| entry.legs())
}
