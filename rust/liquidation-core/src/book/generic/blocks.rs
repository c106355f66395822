//! Blocks of 16 lanes: row `k` of a block holds the k-th leg of each, so that one instruction does 16 positions.

use std::ops::Range;

use super::kernels::Slot;
use super::lane::Lane;
use super::ratios::{Classes, PAGE};
use crate::sabotage::{planted, Fault};

/// Lanes of a block.
pub const LANES: usize = 16;
/// Minima that are compared at once.
const GROUP: usize = 32;
const NOBODY: u32 = u32::MAX;

/// What a scan knows of a block before it reads it.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    classes: [u64; 2],
    start: u32,
    /// Lanes that belong to a position which is not parked.
    pub live: u16,
    /// Legs of the longest lane that fits.
    pub rows: u16,
}

impl Block {
    /// Returns the classes of the slots in it.
    #[inline]
    #[must_use]
    pub fn classes(&self) -> Classes {
        u128::from(self.classes[0]) | u128::from(self.classes[1]) << 64
    }

    /// Returns where its legs are in the columns.
    #[inline]
    #[must_use]
    pub fn legs(&self) -> Range<usize> {
        let start = self.start as usize * LANES;
        start..start + usize::from(self.rows) * LANES
    }

    fn admit(&mut self, class: usize) {
        self.classes[class / 64] |= 1 << (class % 64);
    }
}

/// Blocks, and the smallest key of every window of them.
#[derive(Clone, Debug)]
pub struct Blocks<S> {
    /// Values, row by row.
    pub values: Vec<f32>,
    /// Slots beside the values.
    pub slots: Vec<S>,
    /// One a block.
    pub blocks: Vec<Block>,
    owners: Vec<u32>,
    minima: Vec<f32>,
    window: usize,
}

impl<S: Slot> Blocks<S> {
    /// Returns none yet; a window is that many blocks.
    #[must_use]
    pub fn new(window: usize) -> Blocks<S> {
        let (values, slots, blocks) = (Vec::new(), Vec::new(), Vec::new());
        Blocks {
            values,
            slots,
            blocks,
            owners: Vec::new(),
            minima: Vec::new(),
            window,
        }
    }

    /// Adds a block of vacant lanes and returns the number of the first of them.
    pub fn push(&mut self, rows: usize) -> u32 {
        let number = self.blocks.len();
        let start = (self.values.len() / LANES) as u32;
        self.blocks.push(Block {
            classes: [0; 2],
            start,
            live: 0,
            rows: rows as u16,
        });
        self.values.resize(self.values.len() + rows * LANES, 0.0);
        self.slots
            .resize(self.slots.len() + rows * LANES, S::default());
        self.owners.resize(self.owners.len() + LANES, NOBODY);
        if number / self.window == self.minima.len() {
            self.minima.push(f32::INFINITY);
        }
        (number * LANES) as u32
    }

    /// Returns the legs that fit a lane.
    #[must_use]
    pub fn rows(&self, lane: u32) -> usize {
        self.blocks[lane as usize / LANES].rows.into()
    }

    /// Returns the smallest key of a lane's window.
    #[must_use]
    pub fn minimum(&self, lane: u32) -> f32 {
        self.minima[lane as usize / LANES / self.window]
    }

    /// Writes a row's position into a lane that it fits.
    pub fn write(&mut self, lane: u32, row: u32, position: &Lane, slot: impl Fn(u16) -> S) {
        let (number, place) = (lane as usize / LANES, lane as usize % LANES);
        let block = &mut self.blocks[number];
        let legs = block.legs();
        let (values, slots) = (&mut self.values[legs.clone()], &mut self.slots[legs]);
        for leg in 0..usize::from(block.rows) {
            let at = leg * LANES + place;
            (values[at], slots[at]) = match position.legs().get(leg) {
                Some((global, value)) => (*value, slot(*global)),
                None => (0.0, S::default()), // adds nothing: every table entry is finite
            };
        }
        for (global, _) in position.legs() {
            block.admit(slot(*global).index() % PAGE);
        }
        block.live |= 1 << place;
        self.owners[lane as usize] = row;
        let minimum = &mut self.minima[number / self.window];
        *minimum = minimum.min(position.key);
    }

    /// Takes a lane out of all scans until it is written again.
    pub fn silence(&mut self, lane: u32) {
        self.blocks[lane as usize / LANES].live &= !(1 << (lane as usize % LANES));
    }

    /// Returns whose lane it is.
    #[inline]
    #[must_use]
    pub fn owner(&self, lane: usize) -> u32 {
        self.owners[lane]
    }

    /// Returns how many blocks are in windows whose smallest key is at most `threshold`.
    #[must_use]
    pub fn reached(&self, threshold: f32) -> usize {
        let windows = self
            .minima
            .iter()
            .filter(|minimum| **minimum <= threshold)
            .count();
        (windows * self.window).min(self.blocks.len())
    }

    /// Visits the runs of blocks whose windows reach down to `threshold`, or those of all the others.
    ///
    /// Every minimum is compared: updates lower them, so that they are in no order.
    pub fn runs(&self, threshold: f32, near: bool, mut visit: impl FnMut(Range<usize>)) {
        if planted(Fault::BisectedMinima) {
            let (end, all) = (
                self.minima.partition_point(|minimum| *minimum <= threshold),
                self.minima.len(),
            );
            return self.visit(if near { 0..end } else { end..all }, &mut visit);
        }
        let wanted = |minimum: &f32| (*minimum <= threshold) == near;
        let mut run = 0..0;
        for (group, minima) in self.minima.chunks(GROUP).enumerate() {
            if minima.iter().filter(|minimum| wanted(minimum)).count() == 0 {
                continue;
            }
            for window in (group * GROUP..)
                .zip(minima)
                .filter(|(_, minimum)| wanted(minimum))
                .map(|(window, _)| window)
            {
                if window != run.end {
                    self.visit(run, &mut visit);
                    run = window..window;
                }
                run.end = window + 1;
            }
        }
        self.visit(run, &mut visit);
    }

    fn visit(&self, windows: Range<usize>, visit: &mut impl FnMut(Range<usize>)) {
        if !windows.is_empty() {
            visit(windows.start * self.window..(windows.end * self.window).min(self.blocks.len()));
        }
    }

    /// Gives back what growing left over.
    pub fn shrink(&mut self) {
        self.values.shrink_to_fit();
        self.slots.shrink_to_fit();
        self.blocks.shrink_to_fit();
        self.owners.shrink_to_fit();
    }

    /// Returns the bytes of what a sweep reads, and of everything.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let hot = self.values.capacity() * 4
            + self.slots.capacity() * size_of::<S>()
            + self.blocks.capacity() * size_of::<Block>();
        (
            hot,
            hot + self.owners.capacity() * 4 + self.minima.capacity() * 4,
        )
    }
}
