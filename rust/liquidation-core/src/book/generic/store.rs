//! The positions themselves: ids and legs in small shared chunks, so that a copy for another thread costs a list of pointers.

use std::sync::Arc;

use super::ids::Ids;
use super::rule::is_debt;

/// Rows of one chunk; a chunk is copied when it is written to while somebody else still reads it.
const CHUNK: usize = 512;
const REMOVED: u8 = u8::MAX;

/// One position's legs: amounts, then their slots packed four to a word; collateral comes before debt.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    words: &'a [u64],
    legs: usize,
}

impl<'a> Record<'a> {
    /// Returns (slot, amount) of every leg.
    #[inline]
    pub fn legs(self) -> impl Iterator<Item = (u16, u64)> + Clone + 'a {
        let (amounts, slots) = self.words.split_at(self.legs);
        let slot = move |leg: usize| (slots[leg / 4] >> (leg % 4 * 16)) as u16;
        amounts
            .iter()
            .enumerate()
            .map(move |(leg, amount)| (slot(leg), *amount))
    }

    /// Returns how many legs it has.
    #[inline]
    #[must_use]
    pub fn len(self) -> usize {
        self.legs
    }

    /// Returns whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.legs == 0
    }

    /// Returns whether it owes anything.
    #[inline]
    #[must_use]
    pub fn has_debt(self) -> bool {
        self.legs.checked_sub(1).is_some_and(|last| {
            is_debt((self.words[self.legs + last / 4] >> (last % 4 * 16)) as u16)
        })
    }
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    ids: Vec<u64>,
    starts: Vec<u32>,
    legs: Vec<u8>,
    words: Vec<u64>,
    unused: usize,
}

/// All rows; reading is shared, writing copies only what is shared.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    chunks: Vec<Arc<Chunk>>,
    rows: usize,
}

impl Rows {
    /// Returns how many rows there are, removed ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns a row's id; a removed row has the id it had.
    #[inline]
    #[must_use]
    pub fn id(&self, row: u32) -> u64 {
        self.chunks[row as usize / CHUNK].ids[row as usize % CHUNK]
    }

    /// Returns a row's legs; a removed row has none.
    #[inline]
    #[must_use]
    pub fn record(&self, row: u32) -> Record<'_> {
        let chunk = &self.chunks[row as usize / CHUNK];
        let place = row as usize % CHUNK;
        match chunk.legs[place] {
            REMOVED => Record {
                words: &[],
                legs: 0,
            },
            legs => chunk.record(chunk.starts[place], legs),
        }
    }

    /// Returns the rows that are not removed.
    pub fn present(&self) -> impl Iterator<Item = u32> + '_ {
        self.records().map(|(row, _)| row)
    }

    /// Returns the rows that are not removed, and their legs.
    pub fn records(&self) -> impl Iterator<Item = (u32, Record<'_>)> + '_ {
        let chunks = (0u32..).zip(&self.chunks);
        chunks.flat_map(|(number, chunk)| {
            let rows = number * CHUNK as u32..;
            let places = rows.zip(chunk.starts.iter().zip(&chunk.legs));
            let present = places.filter(|(_, (_, legs))| **legs != REMOVED);
            present.map(|(row, (start, legs))| (row, chunk.record(*start, *legs)))
        })
    }

    /// Writes a row's id and legs; rows before it that were never written are removed ones.
    pub fn write(&mut self, row: u32, id: u64, legs: &[(u16, u64)]) {
        while row as usize >= self.chunks.len() * CHUNK {
            if let Some(last) = self.chunks.last_mut() {
                Arc::make_mut(last).reach(CHUNK - 1);
            }
            self.chunks.push(Arc::default());
        }
        let chunk = Arc::make_mut(&mut self.chunks[row as usize / CHUNK]);
        chunk.write(row as usize % CHUNK, id, legs);
        self.rows = self.rows.max(row as usize + 1);
    }

    /// Takes a row's legs out.
    pub fn remove(&mut self, row: u32) {
        let chunk = Arc::make_mut(&mut self.chunks[row as usize / CHUNK]);
        let place = row as usize % CHUNK;
        if chunk.legs[place] != REMOVED {
            chunk.unused += words(chunk.legs[place].into());
            chunk.legs[place] = REMOVED;
        }
    }

    /// Returns the bytes that they occupy.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let chunk = |chunk: &Arc<Chunk>| {
            size_of::<Chunk>()
                + 16
                + chunk.ids.capacity() * 8
                + chunk.starts.capacity() * 4
                + chunk.legs.capacity()
                + chunk.words.capacity() * 8
        };
        self.chunks.iter().map(chunk).sum::<usize>() + self.chunks.capacity() * 8
    }
}

impl Chunk {
    #[inline]
    fn record(&self, start: u32, legs: u8) -> Record<'_> {
        Record {
            words: &self.words[start as usize..][..words(legs.into())],
            legs: legs.into(),
        }
    }

    fn reach(&mut self, place: usize) {
        while self.ids.len() <= place {
            self.ids.push(0);
            self.starts.push(0);
            self.legs.push(REMOVED);
        }
    }

    fn write(&mut self, place: usize, id: u64, legs: &[(u16, u64)]) {
        self.reach(place);
        let held = match self.legs[place] {
            REMOVED => 0,
            legs => words(legs.into()),
        };
        let needed = words(legs.len());
        if needed > held || held == 0 {
            self.unused += held;
            self.legs[place] = REMOVED;
            self.compact_if_worthwhile();
            self.starts[place] = self.words.len() as u32;
            self.words.resize(self.words.len() + needed, 0);
        } else {
            self.unused += held - needed;
        }
        self.ids[place] = id;
        self.legs[place] = legs.len() as u8;
        let words = &mut self.words[self.starts[place] as usize..][..needed];
        words.fill(0);
        for (leg, (slot, amount)) in legs.iter().enumerate() {
            words[leg] = *amount;
            words[legs.len() + leg / 4] |= u64::from(*slot) << (leg % 4 * 16);
        }
    }

    fn compact_if_worthwhile(&mut self) {
        if self.unused * 2 <= self.words.len() || self.unused < CHUNK {
            return;
        }
        let old = std::mem::take(&mut self.words);
        for (start, legs) in self
            .starts
            .iter_mut()
            .zip(&self.legs)
            .filter(|(_, legs)| **legs != REMOVED)
        {
            let record = &old[*start as usize..][..words((*legs).into())];
            *start = self.words.len() as u32;
            self.words.extend_from_slice(record);
        }
        self.unused = 0;
    }
}

/// Words of a record.
const fn words(legs: usize) -> usize {
    legs + legs.div_ceil(4)
}

/// Rows by id; a removed position's row is used again.
#[derive(Clone, Debug, Default)]
pub struct Store {
    ids: Ids,
    rows: Rows,
    vacant: Vec<u32>,
}

impl Store {
    /// Returns how many positions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns a position's row.
    #[must_use]
    pub fn row(&self, id: u64) -> Option<u32> {
        self.ids.get(id)
    }

    /// Returns all rows.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// Inserts or replaces a position and returns its row; `legs` have collateral first and no zeros.
    pub fn put(&mut self, id: u64, legs: &[(u16, u64)]) -> u32 {
        let row = self.ids.get(id).unwrap_or_else(|| {
            let row = self.vacant.pop().unwrap_or(self.rows.len() as u32);
            self.ids.insert(id, row);
            row
        });
        self.rows.write(row, id, legs);
        row
    }

    /// Takes a position out and returns the row that it had.
    pub fn remove(&mut self, id: u64) -> Option<u32> {
        let row = self.ids.remove(id)?;
        self.rows.remove(row);
        self.vacant.push(row);
        Some(row)
    }

    /// Returns the bytes that it occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ids.bytes() + self.rows.bytes() + self.vacant.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legs(store: &Store, id: u64) -> Vec<(u16, u64)> {
        store
            .row(id)
            .map(|row| store.rows().record(row).legs().collect())
            .unwrap_or_default()
    }

    #[test]
    fn legs_survive_growth_replacement_removal_and_compaction() {
        let mut store = Store::default();
        let of = |id: u64, round: u64| {
            (0..(id * 7 + round) % 33)
                .map(|leg| (leg as u16, id ^ round << leg))
                .collect::<Vec<_>>()
        };
        for round in 0..40 {
            (0..1_500).for_each(|id| {
                store.put(id, &of(id, round));
            });
            (0..1_500)
                .step_by(3)
                .for_each(|id| assert!(store.remove(id).is_some()));
            assert!((0..1_500)
                .all(|id| legs(&store, id) == if id % 3 == 0 { vec![] } else { of(id, round) }));
        }
        assert_eq!((store.len(), store.rows().len()), (1_000, 1_500));
    }

    #[test]
    fn rows_that_were_skipped_are_not_there() {
        let mut rows = Rows::default();
        rows.write(1_030, 7, &[(1, 5)]);
        rows.write(3, 8, &[(0, 2), (1, 4)]);
        rows.remove(4);
        assert_eq!(rows.present().collect::<Vec<_>>(), [3, 1_030]);
        assert_eq!((rows.id(1_030), rows.record(1_029).len()), (7, 0));
    }

    #[test]
    fn a_copy_is_not_changed_by_what_comes_after() {
        let mut store = Store::default();
        let row = store.put(1, &[(0, 5), (1, 4)]);
        let copy = store.rows().clone();
        store.put(1, &[(3, 9)]);
        assert_eq!(
            copy.record(row).legs().collect::<Vec<_>>(),
            [(0, 5), (1, 4)]
        );
        assert!(copy.record(row).has_debt() && store.rows().record(row).has_debt());
    }
}
