//! An independent judge of the generic market: big integers, every position anew after every change, nothing clever.
//!
//! A leg is `amount · mantissa · weight_bps · 10^(exponent − decimals + 18) / 10⁴` in 10⁻¹⁸ quote units, rounded down for
//! collateral (even slots) and up for debt (odd slots); liquidatable iff the collateral's sum is below the debt's.
//! [`judge`] does the same for many positions through many ticks.
#![forbid(unsafe_code)]

pub mod dice;
pub mod judge;

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;

/// Slot and amount in smallest units.
pub type Leg = (u16, u64);

/// A market and its positions.
#[derive(Clone, Debug)]
pub struct Oracle {
    powers: Vec<i32>,
    /// Prices' mantissas by asset.
    pub prices: Vec<i64>,
    /// Basis points of collateral and of debt by asset.
    pub weights: [Vec<u32>; 2],
    /// Legs by id.
    pub positions: BTreeMap<u64, Vec<Leg>>,
    told: BTreeSet<u64>,
    standing: BTreeSet<u64>,
}

/// Ids that crossed and ids that recovered.
pub type Told = (Vec<u64>, Vec<u64>);

impl Oracle {
    /// Returns a market without prices, all weights 10,000.
    #[must_use]
    pub fn new(decimals: &[u8], exponents: &[i8]) -> Oracle {
        let powers = decimals
            .iter()
            .zip(exponents)
            .map(|(decimals, exponent)| i32::from(*exponent) - i32::from(*decimals) + 14);
        let (prices, weights) = (vec![0; decimals.len()], vec![10_000; decimals.len()]);
        Oracle {
            powers: powers.collect(),
            prices,
            weights: [weights.clone(), weights],
            positions: BTreeMap::new(),
            told: BTreeSet::new(),
            standing: BTreeSet::new(),
        }
    }

    /// Returns the value of a leg.
    #[must_use]
    pub fn leg(&self, (slot, amount): Leg) -> BigInt {
        let (asset, debt) = (usize::from(slot) / 2, slot % 2 == 1);
        let weight = self.weights[usize::from(debt)][asset];
        let product =
            BigInt::from(amount) * BigInt::from(self.prices[asset]) * BigInt::from(weight);
        let scale = BigInt::from(10).pow(self.powers[asset].unsigned_abs());
        if self.powers[asset] >= 0 {
            return product * scale;
        }
        let up = if debt {
            &scale - BigInt::from(1)
        } else {
            BigInt::ZERO
        };
        (product + up) / scale
    }

    /// Returns the sums of collateral and debt.
    #[must_use]
    pub fn sums(&self, legs: &[Leg]) -> (BigInt, BigInt) {
        let side = |debt: u16| {
            legs.iter()
                .filter(|leg| leg.0 % 2 == debt)
                .map(|leg| self.leg(*leg))
                .sum()
        };
        (side(0), side(1))
    }

    /// Returns whether legs are liquidatable.
    #[must_use]
    pub fn is_liquidatable(&self, legs: &[Leg]) -> bool {
        let (collateral, debt) = self.sums(legs);
        collateral < debt
    }

    /// Returns every liquidatable id as of the last call below.
    #[must_use]
    pub fn liquidatable(&self) -> Vec<u64> {
        self.standing.iter().copied().collect()
    }

    /// Judges everybody after prices or weights changed.
    pub fn reprice(&mut self) -> Told {
        let now: BTreeSet<u64> = self
            .positions
            .iter()
            .filter(|(_, legs)| self.is_liquidatable(legs))
            .map(|(id, _)| *id)
            .collect();
        let crossed = now.difference(&self.told).copied().collect();
        let recovered = self.standing.difference(&now).copied().collect();
        (self.told, self.standing) = (now.clone(), now);
        (crossed, recovered)
    }

    /// Inserts or replaces positions: a liquidatable one among them is told, whatever it was before.
    pub fn set(&mut self, positions: &[(u64, Vec<Leg>)]) -> Told {
        let (mut crossed, mut recovered) = (BTreeSet::new(), BTreeSet::new());
        for (id, legs) in positions {
            let liquidatable = self.is_liquidatable(legs);
            self.positions.insert(*id, legs.clone());
            if liquidatable {
                self.standing.insert(*id);
                self.told.insert(*id);
                crossed.insert(*id);
            } else if self.standing.remove(id) {
                self.told.remove(id);
                recovered.insert(*id);
            }
        }
        (
            crossed.into_iter().collect(),
            recovered.into_iter().collect(),
        )
    }

    /// Takes positions out.
    pub fn remove(&mut self, ids: &[u64]) -> Told {
        let mut recovered = BTreeSet::new();
        for id in ids {
            self.positions.remove(id);
            self.told.remove(id);
            if self.standing.remove(id) {
                recovered.insert(*id);
            }
        }
        (Vec::new(), recovered.into_iter().collect())
    }

    /// Lets the next repricing tell an id again.
    pub fn rearm(&mut self, id: u64) {
        self.told.remove(&id);
    }
}
