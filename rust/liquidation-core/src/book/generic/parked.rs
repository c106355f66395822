//! Liquidatable positions, out of the screen's way: who may have recovered is found by the mirrored bound.

/// Positions parked since the last sorting that are looked at one by one.
const RECENT: usize = 1024;

/// Mirrored keys and rows. An entry whose row has recovered or changed since stays until the next sorting: the exact
/// rule is asked once too often, never too seldom.
#[derive(Clone, Debug, Default)]
pub struct Parked {
    sorted: Vec<(f32, u32)>,
    recent: Vec<(f32, u32)>,
}

impl Parked {
    /// Returns positions in the order of their mirrored keys, healthiest first.
    #[must_use]
    pub fn sorted(mut entries: Vec<(f32, u32)>) -> Parked {
        entries.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        Parked {
            sorted: entries,
            recent: Vec::new(),
        }
    }

    /// Adds a position.
    pub fn add(&mut self, mirrored: f32, row: u32) {
        self.recent.push((mirrored, row));
    }

    /// Returns whether so many came since the last sorting that looking at them costs more than sorting anew.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        self.recent.len() > RECENT.max(self.sorted.len() / 16)
    }

    /// Adds the rows that may have recovered.
    pub fn suspects(&self, threshold: f32, rows: &mut Vec<u32>) {
        let near = |entry: &&(f32, u32)| entry.0 >= threshold;
        rows.extend(self.sorted.iter().take_while(near).map(|entry| entry.1));
        rows.extend(self.recent.iter().filter(near).map(|entry| entry.1));
    }

    /// Returns the rows, those included whose entries are out of date.
    pub fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        self.sorted.iter().chain(&self.recent).map(|entry| entry.1)
    }

    /// Returns the bytes that it occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        (self.sorted.capacity() + self.recent.capacity()) * size_of::<(f32, u32)>()
    }
}
