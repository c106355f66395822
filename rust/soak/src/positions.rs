//! What markets are filled with: positions as people have them, and positions at the very edge.

use exact_oracle::judge::Judge;
use exact_oracle::Leg;

use crate::market::{Checked, Market};

/// Legs that one side may have.
const SIDE_LEGS: usize = 16;
/// Asset 0 has 18 decimals, a price of 1 and full weights: one unit of it is one unit of value, and closes any gap.
const FILLER: u16 = 0;
/// Asset 1 has 6 decimals and full weights: no leg in it is ever rounded.
const ROUND: u16 = 1;

/// What a market's positions are like.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Legs a side, at most, each as likely.
    pub legs: &'static [usize],
    /// Value of a leg in quote units, at most.
    pub sizes: &'static [f64],
    /// Where positions stand.
    pub edges: &'static [Edge],
}

/// Where a position stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edge {
    /// As people have them: two in a hundred within 1 % of their limit, one in two hundred beyond it.
    Natural,
    /// At a health of 1 and up to this share more, or less.
    Near(f64),
    /// `C = D`, by a leg of the filler that closes the gap.
    Equal,
    /// So many units of the filler short of it, or beyond.
    Off(i64),
    /// The last debt is the most that is not liquidatable, or one smallest unit more.
    Limit,
    /// The same amount on both sides of one asset: equal at every price.
    Twin,
    /// No debt, no collateral, amounts of 0, or amounts of 1.
    Bare,
}

/// Positions as people have them.
pub const NATURAL: Recipe = Recipe {
    legs: &[1, 2, 3, 4],
    sizes: &[1e2, 1e3, 1e4, 1e5],
    edges: &[Edge::Natural],
};
/// Mostly at the edge.
pub const EDGES: Recipe = Recipe {
    legs: &[1, 2, 2, 4, 8],
    sizes: &[1e-9, 1.0, 1e3, 1e3, 1e5, 1e12],
    edges: &[
        Edge::Natural,
        Edge::Natural,
        Edge::Natural,
        Edge::Near(0.03),
        Edge::Near(-0.03),
        Edge::Near(1e-4),
        Edge::Near(1e-6),
        Edge::Near(-1e-7),
        Edge::Near(1e-9),
        Edge::Equal,
        Edge::Off(1),
        Edge::Off(-1),
        Edge::Limit,
        Edge::Limit,
        Edge::Twin,
        Edge::Bare,
    ],
};
/// As people have them, with one in a dozen at the edge.
pub const MIXED: Recipe = Recipe {
    legs: &[1, 2, 3, 4],
    sizes: &[1e2, 1e3, 1e4, 1e5],
    edges: &[
        Edge::Natural,
        Edge::Natural,
        Edge::Natural,
        Edge::Natural,
        Edge::Natural,
        Edge::Natural,
        Edge::Natural,
        Edge::Natural,
        Edge::Near(1e-6),
        Edge::Limit,
        Edge::Equal,
        Edge::Twin,
    ],
};

impl Market {
    /// Fills places with positions.
    pub fn populate(&mut self, places: std::ops::Range<usize>, recipe: &Recipe) -> Checked {
        let positions: Vec<_> = places.map(|place| (place, self.position(recipe))).collect();
        self.set(&positions)
    }

    /// Replaces, removes and adds up to so many of the places below `bound`.
    pub fn churn(&mut self, most: usize, bound: usize, recipe: &Recipe) -> Checked {
        let mut places: Vec<usize> = (0..1 + self.dice.below(most))
            .map(|_| self.dice.below(bound))
            .collect();
        places.sort_unstable();
        places.dedup();
        let (gone, kept) = places.split_at(places.len() / 4);
        self.remove(gone)?;
        let kept: Vec<_> = kept
            .iter()
            .map(|place| (*place, self.position(recipe)))
            .collect();
        self.set(&kept)
    }

    /// Returns a position.
    pub fn position(&mut self, recipe: &Recipe) -> Vec<Leg> {
        let edge = self.dice.one(recipe.edges);
        let mut legs = self.legs(recipe);
        match edge {
            Edge::Natural => {
                let health = self.health();
                steer(&self.judge, &mut legs, health);
            }
            Edge::Near(off) => {
                let health = 1.0 + off * self.dice.share();
                steer(&self.judge, &mut legs, health);
            }
            Edge::Equal => close(&self.judge, &mut legs, 0),
            Edge::Off(units) => close(&self.judge, &mut legs, units),
            Edge::Limit => {
                steer(&self.judge, &mut legs, 1.0);
                let more = self.dice.next() % 2;
                limit(&self.judge, &mut legs, more);
            }
            Edge::Twin => {
                let amount = 1 + (self.dice.next() >> self.dice.one(&[8, 24, 40]));
                legs = vec![(2 * ROUND, amount), (2 * ROUND + 1, amount)];
            }
            Edge::Bare => match self.dice.below(4) {
                0 => legs.iter_mut().for_each(|leg| leg.1 = 0),
                1 => legs.iter_mut().for_each(|leg| leg.1 = 1),
                side => legs.retain(|leg| usize::from(leg.0) % 2 == side % 2),
            },
        }
        legs
    }

    fn legs(&mut self, recipe: &Recipe) -> Vec<Leg> {
        let (most, size) = (self.dice.one(recipe.legs), self.dice.one(recipe.sizes));
        let counts = [1 + self.dice.below(most), 1 + self.dice.below(most)];
        let mut legs = Vec::with_capacity(counts[0] + counts[1] + 1);
        for (side, count) in (0..).zip(counts) {
            for _ in 0..count {
                let slot = 2 * self.dice.below(self.assets()) as u16 + side;
                let amount = size * 1e18 * (0.01 + self.dice.share()) / self.judge.unit(slot);
                let wild = self.dice.next() >> 20;
                legs.push((slot, if amount < 1e18 { amount as u64 } else { wild }));
            }
        }
        legs
    }

    fn health(&mut self) -> f64 {
        let share = self.dice.share();
        match self.dice.below(200) {
            0 => 1.0 - 0.5 * share,
            1..=120 => 1.0 + 0.3 * share,
            _ => 1.3 + 3.0 * share * share,
        }
    }
}

/// Scales the debts to a health.
pub fn steer(judge: &Judge, legs: &mut [Leg], health: f64) {
    let mut sums = [0.0; 2];
    legs.iter().for_each(|(slot, amount)| {
        sums[usize::from(slot & 1)] += *amount as f64 * judge.unit(*slot)
    });
    let factor = sums[0] / sums[1] / health;
    if factor.is_finite() {
        legs.iter_mut()
            .filter(|leg| leg.0 & 1 == 1)
            .for_each(|leg| leg.1 = (leg.1 as f64 * factor) as u64);
    }
}

/// Adds a leg of the filler so that `C − D` becomes so many units, where one leg can do that.
fn close(judge: &Judge, legs: &mut Vec<Leg>, units: i64) {
    steer(judge, legs, 1.0);
    let Some((collateral, debt)) = judge.sums(legs) else {
        return;
    };
    let (lacks, more) = if units < 0 {
        (debt, collateral + u128::from(units.unsigned_abs()))
    } else {
        (debt + units as u128, collateral)
    };
    let (side, gap) = if more > lacks {
        (1, more - lacks)
    } else {
        (0, lacks - more)
    };
    let room = legs.iter().filter(|leg| leg.0 & 1 == side).count() < SIDE_LEGS;
    if let (true, Ok(gap)) = (room, u64::try_from(gap)) {
        legs.push((2 * FILLER + side, gap));
    }
}

/// Sets the last debt to the most that is not liquidatable, and some units more.
pub fn limit(judge: &Judge, legs: &mut [Leg], more: u64) {
    let Some(last) = legs.iter().rposition(|leg| leg.0 & 1 == 1) else {
        return;
    };
    let (mut low, mut high) = (0, u64::MAX);
    while low < high {
        let middle = high - (high - low) / 2;
        legs[last].1 = middle;
        if judge.is_liquidatable(legs) {
            high = middle - 1
        } else {
            low = middle
        }
    }
    legs[last].1 = low.saturating_add(more);
}
