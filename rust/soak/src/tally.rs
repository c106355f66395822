//! What was tried, in numbers.

use std::ops::AddAssign;

/// Counts of one market, or of many.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Markets run to their end.
    pub markets: u64,
    /// Changes of prices or weights.
    pub ticks: u64,
    /// Positions whose verdict the judge computed anew, from their legs, because the change concerned an asset of theirs.
    pub position_ticks: u64,
    /// Of those, the ones within 2⁻²⁰ (just below 1e-6) of equality.
    pub near: u64,
    /// Of those, the ones exactly equal.
    pub equal: u64,
    /// Positions beside them, whose verdict had to stay what it was.
    pub untouched: u64,
    /// Positions inserted, replaced or removed.
    pub updates: u64,
    /// Crossings told, all of them right.
    pub crossed: u64,
    /// Recoveries told, all of them right.
    pub recovered: u64,
    /// Crossings that were due and not told, or liquidatable positions that a full look did not find.
    pub missed: u64,
    /// Anything else that was told wrongly: a recovery not told, a crossing or a recovery that is none.
    pub wrong: u64,
    /// Positions that the book asked the exact rule about in vain, those within 2⁻¹⁸ of equality aside.
    pub extras: u64,
    /// Ticks in which no slot is a quarter away from the anchor: there the extras are held to their bound.
    pub bounded_ticks: u64,
    /// Of those, the ones with more extras than 0.5 % of the hits and 10⁻⁴ of the positions.
    pub ticks_over: u64,
}

impl Tally {
    /// Returns whether nothing was missed, told wrongly or asked too often.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missed + self.wrong + self.ticks_over == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Tally) {
        self.markets += more.markets;
        self.ticks += more.ticks;
        self.position_ticks += more.position_ticks;
        self.near += more.near;
        self.equal += more.equal;
        self.untouched += more.untouched;
        self.updates += more.updates;
        self.crossed += more.crossed;
        self.recovered += more.recovered;
        self.missed += more.missed;
        self.wrong += more.wrong;
        self.extras += more.extras;
        self.bounded_ticks += more.bounded_ticks;
        self.ticks_over += more.ticks_over;
    }
}
