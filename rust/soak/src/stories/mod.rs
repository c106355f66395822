//! What happens in the markets: each story fills one and moves it, and ends at the first difference.

pub mod anchors;
pub mod moves;
pub mod shapes;
pub mod shocks;

use crate::market::{Checked, Market};

impl Market {
    /// Returns the present prices.
    #[must_use]
    pub fn prices(&self) -> Vec<i64> {
        self.judge.prices().to_vec()
    }

    /// Returns prices after a common move and one of each asset's own, in shares of 1; a missing price stays missing.
    pub fn moved(&mut self, common: f64, own: f64) -> Vec<i64> {
        let mut prices = self.prices();
        let common = 1.0 + common * (2.0 * self.dice.share() - 1.0);
        for price in prices.iter_mut().filter(|price| **price > 0) {
            let own = 1.0 + own * (2.0 * self.dice.share() - 1.0);
            *price = times(*price, common * own);
        }
        prices
    }

    /// Returns prices of which so many, at most, have moved.
    pub fn few_moved(&mut self, most: usize, own: f64) -> Vec<i64> {
        let mut prices = self.prices();
        for _ in 0..1 + self.dice.below(most) {
            let asset = self.dice.below(prices.len());
            prices[asset] = times(prices[asset], 1.0 + own * (2.0 * self.dice.share() - 1.0));
        }
        prices
    }

    /// Changes prices as [`Market::moved`] says.
    pub fn move_all(&mut self, common: f64, own: f64) -> Checked {
        let prices = self.moved(common, own);
        self.tick(&prices)
    }

    /// Changes prices as [`Market::few_moved`] says.
    pub fn move_few(&mut self, most: usize, own: f64) -> Checked {
        let prices = self.few_moved(most, own);
        self.tick(&prices)
    }
}

/// Returns a price times a factor, from 1 to the largest that there is.
#[must_use]
pub fn times(price: i64, factor: f64) -> i64 {
    ((price as f64 * factor).round() as i64).clamp(1, i64::MAX)
}
