//! From a position's id to its row: many small tables, so that growing is never a pause.

/// Tables; one of 10⁷ ids has some ten thousand, and moving it takes a tenth of a millisecond.
const SHARDS: usize = 1024;
const VACANT: u32 = u32::MAX;

/// A map from ids to rows.
#[derive(Clone, Debug)]
pub struct Ids {
    shards: Vec<Shard>,
    count: usize,
}

/// Open addressing; a power of two of places, at most three quarters taken.
#[derive(Clone, Debug, Default)]
struct Shard {
    ids: Vec<u64>,
    rows: Vec<u32>,
    taken: usize,
}

impl Default for Ids {
    fn default() -> Ids {
        let shards = vec![Shard::default(); SHARDS];
        Ids { shards, count: 0 }
    }
}

impl Ids {
    /// Returns how many ids it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns an id's row.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<u32> {
        let hash = mixed(id);
        self.shards[hash as usize % SHARDS].get(id, hash)
    }

    /// Writes down the row of an id that has none.
    pub fn insert(&mut self, id: u64, row: u32) {
        let hash = mixed(id);
        self.shards[hash as usize % SHARDS].insert(id, hash, row);
        self.count += 1;
    }

    /// Strikes an id out and returns its row.
    pub fn remove(&mut self, id: u64) -> Option<u32> {
        let hash = mixed(id);
        let row = self.shards[hash as usize % SHARDS].remove(id, hash)?;
        self.count -= 1;
        Some(row)
    }

    /// Returns the bytes that it occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let shard = |shard: &Shard| {
            size_of::<Shard>() + shard.ids.capacity() * 8 + shard.rows.capacity() * 4
        };
        self.shards.iter().map(shard).sum()
    }
}

impl Shard {
    fn get(&self, id: u64, hash: u64) -> Option<u32> {
        self.place(id, hash).map(|place| self.rows[place])
    }

    fn place(&self, id: u64, hash: u64) -> Option<usize> {
        let mask = self.ids.len().checked_sub(1)?;
        let mut place = (hash >> 32) as usize & mask;
        while self.rows[place] != VACANT {
            if self.ids[place] == id {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
        None
    }

    fn insert(&mut self, id: u64, hash: u64, row: u32) {
        if self.taken * 4 >= self.ids.len() * 3 {
            self.grow();
        }
        self.put(id, hash, row);
        self.taken += 1;
    }

    fn put(&mut self, id: u64, hash: u64, row: u32) {
        let mask = self.ids.len() - 1;
        let mut place = (hash >> 32) as usize & mask;
        while self.rows[place] != VACANT {
            place = (place + 1) & mask;
        }
        (self.ids[place], self.rows[place]) = (id, row);
    }

    fn grow(&mut self) {
        let places = (self.ids.len() * 2).max(8);
        let ids = std::mem::replace(&mut self.ids, vec![0; places]);
        let rows = std::mem::replace(&mut self.rows, vec![VACANT; places]);
        for (id, row) in ids.into_iter().zip(rows) {
            if row != VACANT {
                self.put(id, mixed(id), row);
            }
        }
    }

    /// Takes an id out and moves up whoever was pushed on by it.
    fn remove(&mut self, id: u64, hash: u64) -> Option<u32> {
        let mut hole = self.place(id, hash)?;
        let row = self.rows[hole];
        let mask = self.ids.len() - 1;
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            if self.rows[place] == VACANT {
                break;
            }
            let home = (mixed(self.ids[place]) >> 32) as usize & mask;
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(hole) & mask {
                (self.ids[hole], self.rows[hole]) = (self.ids[place], self.rows[place]);
                hole = place;
            }
        }
        self.rows[hole] = VACANT;
        self.taken -= 1;
        Some(row)
    }
}

/// Spreads ids that count up, or that differ in few bits, over all places.
fn mixed(id: u64) -> u64 {
    let id = (id ^ (id >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let id = (id ^ (id >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    id ^ (id >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn it_is_a_map_through_growth_and_removal() {
        let (mut ids, mut model, mut state) = (Ids::default(), HashMap::new(), 7u64);
        for step in 0..200_000u32 {
            state = mixed(state.wrapping_add(u64::from(step)));
            let id = state % 30_000;
            match model.remove(&id) {
                Some(row) => assert_eq!(ids.remove(id), Some(row)),
                None => {
                    ids.insert(id, step);
                    model.insert(id, step);
                }
            }
        }
        assert_eq!(ids.len(), model.len());
        assert!((0..30_000).all(|id| ids.get(id) == model.get(&id).copied()));
    }
}
