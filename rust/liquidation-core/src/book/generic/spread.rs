//! Positions on their way into a new order, spread over buckets of rising keys: a bucket is put in order in the cache.
//!
//! Reading the positions in the order of their keys would wait for the memory at every leg. So they are read in the order
//! in which they are stored, each lane goes to the end of its bucket, and each bucket is sorted by itself.

use super::kernels::Word;
use super::lane::{Outline, Scale};
use super::sorting::{sorted, Keyed};
use super::store::{Record, Rows};

/// Positions that a bucket should have: their lanes fit the cache.
const BUCKET: usize = 8192;
const MOST_BUCKETS: usize = 256;
/// Steps between the lowest and the highest bound.
const STEPS: usize = 4096;
/// Keys looked at to choose the bounds of one bucket.
const SAMPLES: usize = 32;

/// Which bucket a key belongs to: a table over the bits of the keys, which are in the order of the keys.
#[derive(Clone, Debug)]
pub struct Bounds {
    lowest: u32,
    shift: u32,
    table: [u8; STEPS],
    buckets: usize,
}

impl Bounds {
    /// Returns bounds between which a sample of the rows is in about equal parts.
    #[must_use]
    pub fn sampled(rows: &Rows, units: &[f64]) -> Bounds {
        let buckets = rows.len().div_ceil(BUCKET).clamp(1, MOST_BUCKETS);
        let step = (rows.len() / (buckets * SAMPLES)).max(1);
        let sample = (0..rows.len() as u32).step_by(step);
        let mut keys: Vec<u32> = sample
            .map(|row| Outline::of(rows.record(row), units).key.to_bits())
            .collect();
        keys.sort_unstable();
        let bound = |bucket: usize| keys.get(bucket * keys.len() / buckets).copied();
        let bounds: Vec<u32> = (1..buckets).filter_map(bound).collect();
        let lowest = bounds.first().copied().unwrap_or(0);
        let range = bounds.last().map_or(0, |last| last - lowest);
        let shift = (u32::BITS - range.leading_zeros()).saturating_sub(STEPS.ilog2());
        let below =
            |step: usize| bounds.partition_point(|bound| (bound - lowest) >> shift < step as u32);
        Bounds {
            lowest,
            shift,
            table: std::array::from_fn(|step| below(step + 1) as u8),
            buckets,
        }
    }

    #[inline]
    fn bucket(&self, key: f32) -> usize {
        let above = key.to_bits().saturating_sub(self.lowest);
        self.table[(above >> self.shift).min(STEPS as u32 - 1) as usize].into()
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
        let buckets = (0..bounds.buckets).map(|_| Bucket::default()).collect();
        Spread { bounds, buckets }
    }

    /// Takes a row's lane.
    #[inline]
    pub fn add<L: Fn(u16) -> u16>(
        &mut self,
        row: u32,
        record: Record<'_>,
        outline: &Outline,
        scale: &Scale<'_, L>,
    ) {
        let bucket = &mut self.buckets[self.bounds.bucket(outline.key)];
        scale.each(record, outline, |word| bucket.words.push(word));
        bucket.entries.push(Entry {
            row,
            key: outline.key,
            end: bucket.words.len() as u32,
        });
    }

    /// Returns how many lanes there are, and how many legs they have.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let sizes = self.buckets.iter().map(Bucket::size);
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }

    /// Returns the buckets, those of lower keys first.
    #[must_use]
    pub fn into_buckets(self) -> Vec<Bucket<W>> {
        self.buckets
    }
}

/// A lane but for its legs, which end at `end`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    row: u32,
    key: f32,
    end: u32,
}

/// Lanes one behind the other, numbered from 0.
#[derive(Clone, Debug)]
pub struct Bucket<W> {
    entries: Vec<Entry>,
    words: Vec<W>,
}

impl<W> Default for Bucket<W> {
    fn default() -> Bucket<W> {
        Bucket {
            entries: Vec::new(),
            words: Vec::new(),
        }
    }
}

impl<W: Word> Bucket<W> {
    /// Returns the row, key and legs of a lane.
    #[inline]
    #[must_use]
    pub fn lane(&self, number: u32) -> (u32, f32, &[W]) {
        let Entry { row, key, end } = self.entries[number as usize];
        (row, key, &self.words[self.start(number)..end as usize])
    }

    /// Returns how many legs a lane has.
    #[inline]
    #[must_use]
    pub fn legs(&self, number: u32) -> usize {
        self.entries[number as usize].end as usize - self.start(number)
    }

    fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.words.len())
    }

    /// Takes some lanes of another bucket too.
    pub fn take(&mut self, other: &Bucket<W>, numbers: &[u32]) {
        for number in numbers {
            let (row, key, legs) = other.lane(*number);
            self.words.extend_from_slice(legs);
            let end = self.words.len() as u32;
            self.entries.push(Entry { row, key, end });
        }
    }

    /// Has all lanes fetched into the cache, in the order in which they lie.
    pub fn fetch(&self) {
        let words = self.words.iter().step_by(64 / size_of::<W>());
        std::hint::black_box(words.fold(0, |slots, word| slots | word.slot()));
    }

    /// Returns the numbers of all lanes by rising key.
    #[must_use]
    pub fn order(&self) -> Vec<u32> {
        let keyed = (0..).zip(&self.entries);
        let keyed = keyed.map(|(number, entry)| Keyed::new(entry.key, number));
        let sorted = sorted(keyed.collect());
        sorted.into_iter().map(Keyed::row).collect()
    }

    #[inline]
    fn start(&self, number: u32) -> usize {
        let before = number.checked_sub(1);
        before.map_or(0, |before| self.entries[before as usize].end as usize)
    }
}
