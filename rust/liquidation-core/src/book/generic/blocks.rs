//! Blocks of 16 lanes: row `k` of a block holds the k-th leg of each, so that one instruction does 16 positions.

use std::ops::Range;

use super::kernels::Word;
use super::lane::LANE_LEGS;
use super::pages::large;
use super::ratios::Classes;
use crate::sabotage::{planted, Fault};

/// Lanes of a block.
pub const LANES: usize = 16;
/// Minima that are compared at once.
const GROUP: usize = 32;
const NOBODY: u32 = u32::MAX;

/// One leg of every lane, in whole cache lines.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub struct Row<W>(pub [W; LANES]);

/// What a scan reads of a block beside its rows.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    start: u32,
    /// Lanes that belong to a position which is not parked.
    pub live: u16,
    rows: u16,
}

impl Head {
    /// Returns where its rows are.
    #[inline]
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + usize::from(self.rows)
    }
}

/// Blocks, and the smallest key of every window of them.
#[derive(Clone, Debug)]
pub struct Blocks<W> {
    /// The legs.
    pub rows: Vec<Row<W>>,
    /// One a block.
    pub heads: Vec<Head>,
    /// The classes of the slots in a block: read only where blocks differ in what a scan wants of them.
    classes: Vec<Classes>,
    owners: Vec<u32>,
    minima: Vec<f32>,
    window: usize,
}

impl<W: Word> Blocks<W> {
    /// Returns none yet; a window is that many blocks.
    #[must_use]
    pub fn new(window: usize) -> Blocks<W> {
        Blocks {
            rows: Vec::new(),
            heads: Vec::new(),
            classes: Vec::new(),
            owners: Vec::new(),
            minima: Vec::new(),
            window,
        }
    }

    /// Makes room for so many lanes and legs: a block is as long as its longest lane, which takes a little more.
    pub fn reserve(&mut self, (lanes, legs): (usize, usize)) {
        let (blocks, rows) = (lanes.div_ceil(LANES), legs / LANES);
        self.rows.reserve_exact(rows + rows / 32 + LANE_LEGS);
        large(&mut self.rows);
        self.heads.reserve_exact(blocks);
        self.classes.reserve_exact(blocks);
        self.owners.reserve_exact(blocks * LANES);
    }

    /// Gives back what room was left over, if that is worth copying them.
    pub fn shrink(&mut self) {
        if self.rows.capacity() / 8 > self.rows.capacity() - self.rows.len() {
            return;
        }
        self.rows.shrink_to_fit();
    }

    /// Adds a block of vacant lanes and returns the number of the first of them.
    pub fn push(&mut self, rows: usize) -> u32 {
        let number = self.heads.len();
        self.heads.push(Head {
            start: self.rows.len() as u32,
            live: 0,
            rows: rows as u16,
        });
        self.classes.push(0);
        self.rows.resize(self.rows.len() + rows, Row::default());
        self.owners.resize(self.owners.len() + LANES, NOBODY);
        if number / self.window == self.minima.len() {
            self.minima.push(f32::INFINITY);
        }
        (number * LANES) as u32
    }

    /// Returns how many blocks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Returns the legs that fit a lane.
    #[must_use]
    pub fn legs(&self, lane: u32) -> usize {
        self.heads[lane as usize / LANES].rows.into()
    }

    /// Returns the smallest key of a lane's window.
    #[must_use]
    pub fn minimum(&self, lane: u32) -> f32 {
        self.minima[lane as usize / LANES / self.window]
    }

    /// Returns the classes of the slots in a block.
    #[inline]
    #[must_use]
    pub fn classes(&self, block: usize) -> Classes {
        self.classes[block]
    }

    /// Writes a row's position into a lane that it fits.
    #[inline]
    pub fn write(&mut self, lane: u32, row: u32, key: f32, legs: &[W]) {
        let (number, place) = (lane as usize / LANES, lane as usize % LANES);
        let head = &mut self.heads[number];
        let (rows, rest) = self.rows[head.rows()].split_at_mut(legs.len());
        let mut classes = [0u64; 2];
        for (row, word) in rows.iter_mut().zip(legs) {
            row.0[place] = *word;
            classes[word.slot() / 64 % 2] |= 1 << (word.slot() % 64);
        }
        for row in rest {
            row.0[place] = W::default(); // adds nothing: every table entry is finite
        }
        head.live |= 1 << place;
        self.classes[number] |= Classes::from(classes[0]) | Classes::from(classes[1]) << 64;
        self.owners[lane as usize] = row;
        let minimum = &mut self.minima[number / self.window];
        *minimum = minimum.min(key);
    }

    /// Takes a lane out of all scans until it is written again.
    pub fn silence(&mut self, lane: u32) {
        self.heads[lane as usize / LANES].live &= !(1 << (lane as usize % LANES));
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
        let near = |minimum: &&f32| **minimum <= threshold;
        let windows = self.minima.iter().filter(near).count();
        (windows * self.window).min(self.len())
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
            visit(windows.start * self.window..(windows.end * self.window).min(self.len()));
        }
    }

    /// Returns the bytes of what a sweep reads, and of everything.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let hot = size_of_val(&self.rows[..]) + size_of_val(&self.heads[..]);
        let all = self.rows.capacity() * size_of::<Row<W>>()
            + self.heads.capacity() * size_of::<Head>()
            + self.classes.capacity() * size_of::<Classes>()
            + self.owners.capacity() * 4
            + self.minima.capacity() * 4;
        (hot, all)
    }
}
