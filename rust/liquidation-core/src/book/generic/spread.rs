//! Positions on their way into a new order, spread over buckets of rising keys: a bucket is put in order in the cache.
//!
//! Reading the positions in the order of their keys would wait for the memory at every leg. So they are read in the order
//! in which they are stored, each lane goes to the end of its bucket, and each bucket is sorted by itself.

use super::kernels::Word;
use super::lane::{Lane, Outline};
use super::sorting::{sorted, Keyed};
use super::store::Rows;

/// Positions that a bucket should have: their lanes fit the cache.
const BUCKET: usize = 8192;
const MOST_BUCKETS: usize = 256;
/// Keys looked at to choose the bounds of one bucket.
const SAMPLES: usize = 32;

/// The keys at which buckets begin, the first one's left out.
#[derive(Clone, Debug)]
pub struct Bounds(Vec<f32>);

impl Bounds {
    /// Returns bounds between which a sample of the rows is in equal parts.
    #[must_use]
    pub fn sampled(rows: &Rows, units: &[f64]) -> Bounds {
        let buckets = rows.len().div_ceil(BUCKET).clamp(1, MOST_BUCKETS);
        let step = (rows.len() / (buckets * SAMPLES)).max(1);
        let sample = (0..rows.len() as u32).step_by(step);
        let mut keys: Vec<f32> = sample
            .map(|row| Outline::of(rows.record(row), units).key)
            .collect();
        keys.sort_unstable_by(f32::total_cmp);
        let bound = |bucket: usize| keys.get(bucket * keys.len() / buckets).copied();
        Bounds((1..buckets).filter_map(bound).collect())
    }

    fn bucket(&self, key: f32) -> usize {
        self.0.partition_point(|bound| *bound <= key)
    }
}

/// Lanes by bucket.
#[derive(Clone, Debug)]
pub struct Spread<'a, W> {
    bounds: &'a Bounds,
    buckets: Vec<Bucket<W>>,
}

impl<'a, W: Word> Spread<'a, W> {
    /// Returns empty buckets.
    #[must_use]
    pub fn new(bounds: &'a Bounds) -> Spread<'a, W> {
        let buckets = (0..=bounds.0.len()).map(|_| Bucket::default()).collect();
        Spread { bounds, buckets }
    }

    /// Takes a row's lane.
    #[inline]
    pub fn add(&mut self, row: u32, lane: &Lane<W>) {
        self.buckets[self.bounds.bucket(lane.key)].add(row, lane.key, lane.legs());
    }

    /// Returns the buckets, those of lower keys first.
    #[must_use]
    pub fn into_buckets(self) -> Vec<Bucket<W>> {
        self.buckets
    }
}

/// Lanes one behind the other, numbered from 0.
#[derive(Clone, Debug)]
pub struct Bucket<W> {
    rows: Vec<u32>,
    keys: Vec<f32>,
    ends: Vec<u32>,
    words: Vec<W>,
}

impl<W> Default for Bucket<W> {
    fn default() -> Bucket<W> {
        Bucket {
            rows: Vec::new(),
            keys: Vec::new(),
            ends: Vec::new(),
            words: Vec::new(),
        }
    }
}

impl<W: Word> Bucket<W> {
    #[inline]
    fn add(&mut self, row: u32, key: f32, legs: &[W]) {
        self.rows.push(row);
        self.keys.push(key);
        self.words.extend_from_slice(legs);
        self.ends.push(self.words.len() as u32);
    }

    /// Returns the row, key and legs of a lane.
    #[inline]
    #[must_use]
    pub fn lane(&self, number: u32) -> (u32, f32, &[W]) {
        let number = number as usize;
        let legs = self.start(number)..self.ends[number] as usize;
        (self.rows[number], self.keys[number], &self.words[legs])
    }

    /// Returns how many legs a lane has.
    #[inline]
    #[must_use]
    pub fn legs(&self, number: u32) -> usize {
        let number = number as usize;
        self.ends[number] as usize - self.start(number)
    }

    /// Takes some lanes of another bucket too.
    pub fn take(&mut self, other: &Bucket<W>, numbers: &[u32]) {
        for number in numbers {
            let (row, key, legs) = other.lane(*number);
            self.add(row, key, legs);
        }
    }

    /// Returns the numbers of all lanes by rising key.
    #[must_use]
    pub fn order(&self) -> Vec<u32> {
        let keyed = (0..).zip(&self.keys);
        let keyed = keyed.map(|(number, key)| Keyed::new(*key, number));
        let sorted = sorted(keyed.collect());
        sorted.into_iter().map(Keyed::row).collect()
    }

    #[inline]
    fn start(&self, number: usize) -> usize {
        number
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize)
    }
}
