//! What the book says about positions beyond the verdict: health, who is next, at which price.

use std::cmp::Ordering;

use super::rule::sums;
use super::wide::Wide;
use super::GenericBook;
use crate::CoreError;

/// Bytes that a book occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What a full sweep reads.
    pub hot: usize,
    /// Everything.
    pub total: usize,
}

impl GenericBook {
    /// Returns the exact sums of collateral and debt in 10⁻¹⁸ quote units.
    pub fn health_exact(&self, id: u64) -> Result<(Wide, Wide), CoreError> {
        self.known(id).map(|row| self.sums(row))
    }

    /// Returns collateral over debt for display; infinite without debt.
    pub fn health(&self, ids: &[u64]) -> Result<Vec<f64>, CoreError> {
        ids.iter()
            .map(|id| self.known(*id).map(|row| self.ratio(row)))
            .collect()
    }

    /// Returns up to `count` positions with debt, lowest health first, equal ones by id.
    #[must_use]
    pub fn nearest(&self, count: usize) -> Vec<u64> {
        let rows = self.store.rows();
        let indebted = rows.present().filter(|row| rows.record(*row).has_debt());
        let mut order: Vec<_> = indebted
            .map(|row| (self.ratio(row), rows.id(row)))
            .collect();
        let by_health = |one: &(f64, u64), other: &(f64, u64)| {
            one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
        };
        if count < order.len() && count > 0 {
            order.select_nth_unstable_by(count - 1, by_health);
        }
        order.truncate(count);
        order.sort_unstable_by(by_health);
        order.into_iter().map(|(_, id)| id).collect()
    }

    /// Returns how many positions have a health in each bin; the last bin includes its upper edge.
    pub fn histogram(&self, edges: &[f64]) -> Result<Vec<u64>, CoreError> {
        if edges.len() < 2 {
            let message = format!("found {} edges, expected at least 2", edges.len());
            return Err(CoreError::Argument(message));
        }
        let rises = |pair: &[f64]| pair[0].partial_cmp(&pair[1]) == Some(Ordering::Less);
        if let Some(pair) = edges.windows(2).find(|pair| !rises(pair)) {
            let (before, edge) = (pair[0], pair[1]);
            let message =
                format!("found edge {edge} after {before}, expected each above the one before");
            return Err(CoreError::Argument(message));
        }
        let (mut counts, last) = (vec![0; edges.len() - 1], edges[edges.len() - 1]);
        for row in self.store.rows().present() {
            let health = self.ratio(row);
            let above = edges.partition_point(|edge| *edge <= health);
            match above {
                0 => {}
                bin if bin < edges.len() => counts[bin - 1] += 1,
                _ if health == last => counts[edges.len() - 2] += 1,
                _ => {}
            }
        }
        Ok(counts)
    }

    /// Returns the bytes that the book occupies.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let (hot, screen) = self.screen.bytes();
        let total = screen + self.store.bytes() + self.verdicts.bytes();
        Memory { hot, total }
    }

    fn sums(&self, row: u32) -> (Wide, Wide) {
        sums(self.market.factors(), self.store.rows().record(row).legs())
    }

    fn ratio(&self, row: u32) -> f64 {
        let (collateral, debt) = self.sums(row);
        if debt.is_zero() {
            f64::INFINITY
        } else {
            collateral.to_f64() / debt.to_f64()
        }
    }
}
