//! Positions whose slots have one width: windows as they were laid with the anchor, and blocks for what came since.
//!
//! An update goes back into its lane if it fits there and does not fall below its window's minimum; otherwise into a
//! block for what came later, each a window of its own.

use super::blocks::{Blocks, LANES};
use super::kernels::{Kernel, Scan, Word};
use super::lane::{Lane, LANE_LEGS};
use super::ratios::{Bands, Classes};
use super::sorting::sort_by_size;
use super::spread::{Bucket, Spread};
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
    /// Lays lanes in windows of rising keys, within them blocks of lanes alike in length; tells every row's lane.
    pub fn lay(&mut self, spread: Spread<'_, W>, mut put: impl FnMut(u32, u32)) {
        self.laid.reserve(spread.size());
        let (mut before, mut rest) = (Bucket::default(), Vec::new());
        for mut bucket in spread.into_buckets() {
            bucket.take(&before, &rest);
            let order = bucket.order();
            bucket.fetch();
            let (windows, over) = order.as_chunks::<{ WINDOW * LANES }>();
            for window in windows {
                self.lay_window(&bucket, window, &mut put);
            }
            (before, rest) = (bucket, over.to_vec());
        }
        self.lay_window(&before, &rest, &mut put);
        self.laid.shrink();
    }

    fn lay_window(&mut self, bucket: &Bucket<W>, window: &[u32], put: &mut impl FnMut(u32, u32)) {
        let mut by_length = [0; WINDOW * LANES];
        let by_length = &mut by_length[..window.len()];
        sort_by_size(window, |number| bucket.legs(number), by_length);
        for block in by_length.chunks(LANES) {
            let longest = block.last().map_or(0, |number| bucket.legs(*number));
            let first = self.laid.push(longest);
            for (lane, number) in (first..).zip(block) {
                let (row, key, legs) = bucket.lane(*number);
                self.laid.write(lane, row, key, legs);
                put(row, lane);
            }
        }
    }

    /// Writes a position into the place it has, if it fits there without falling below its window's minimum.
    pub fn rewrite(&mut self, place: Place, row: u32, lane: &Lane<W>) -> bool {
        let blocks = self.blocks_mut(place.is_later());
        let fits = lane.legs().len() <= blocks.legs(place.lane());
        let fits = fits && (place.is_later() || lane.key >= blocks.minimum(place.lane()));
        if fits {
            blocks.write(place.lane(), row, lane.key, lane.legs());
        }
        fits
    }

    /// Writes a position into a lane for what came later and returns its number.
    pub fn append(&mut self, row: u32, lane: &Lane<W>) -> u32 {
        let legs = lane.legs().len();
        let size = SIZES.partition_point(|size| *size < legs);
        let number = self.vacant[size].pop().unwrap_or_else(|| {
            let first = self.later.push(SIZES[size]);
            self.vacant[size].extend((first + 1..first + LANES as u32).rev());
            first
        });
        self.later.write(number, row, lane.key, lane.legs());
        number
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
