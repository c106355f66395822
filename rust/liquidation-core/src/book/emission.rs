//! Who needs an act, and who was already told: each crossing is emitted exactly once.

use std::collections::BTreeSet;

/// What a judgement changed for the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The position needs an act and nobody was told since the last crossing, rearm or new version.
    Crossed,
    /// The position needs an act no more.
    Recovered,
}

/// The set of rows that need an act, and of these the ones already emitted.
#[derive(Clone, Debug, Default)]
pub struct Emission {
    needing: BTreeSet<u32>,
    emitted: BTreeSet<u32>,
}

impl Emission {
    /// Takes a row's verdict and returns what to tell.
    pub fn settle(&mut self, row: u32, needs_an_act: bool) -> Option<Event> {
        if needs_an_act {
            self.needing.insert(row);
            return self.emitted.insert(row).then_some(Event::Crossed);
        }
        self.emitted.remove(&row);
        self.needing.remove(&row).then_some(Event::Recovered)
    }

    /// Forgets that a row was emitted: it is emitted again when it is next judged and still needs an act.
    pub fn clear(&mut self, row: u32) {
        self.emitted.remove(&row);
    }

    /// Returns whether a row needs an act.
    #[must_use]
    pub fn needs(&self, row: u32) -> bool {
        self.needing.contains(&row)
    }

    /// Returns whether a row's present need was told.
    #[must_use]
    pub fn was_told(&self, row: u32) -> bool {
        self.emitted.contains(&row)
    }

    /// Returns what is kept of a row, for a snapshot.
    #[must_use]
    pub fn bits(&self, row: u32) -> u8 {
        u8::from(self.needs(row)) | u8::from(self.was_told(row)) << 1
    }

    /// Takes what a snapshot kept of a row.
    pub fn restore(&mut self, row: u32, bits: u8) {
        if bits & 1 != 0 {
            self.needing.insert(row);
            if bits & 2 != 0 {
                self.emitted.insert(row);
            }
        }
    }

    /// Returns the rows that need an act.
    pub fn needing(&self) -> impl Iterator<Item = u32> + '_ {
        self.needing.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_stays_below_is_emitted_once() {
        let mut emission = Emission::default();
        assert_eq!(emission.settle(3, true), Some(Event::Crossed));
        assert_eq!(emission.settle(3, true), None);
        assert_eq!(emission.settle(3, false), Some(Event::Recovered));
        assert_eq!(emission.settle(3, false), None);
        assert_eq!(emission.settle(3, true), Some(Event::Crossed));
    }

    #[test]
    fn a_cleared_row_is_emitted_again_and_recovers_once() {
        let mut emission = Emission::default();
        emission.settle(3, true);
        emission.clear(3);
        assert!(emission.needs(3));
        assert_eq!(emission.settle(3, true), Some(Event::Crossed));
        emission.clear(3);
        assert_eq!(emission.settle(3, false), Some(Event::Recovered));
        assert_eq!(emission.settle(3, false), None);
    }
}
