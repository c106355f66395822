//! A generic market: positions of amounts, assets of prices and weights, one exact rule ([`rule`]).
//!
//! After every call the set of liquidatable positions equals what judging each of them anew would give, and each
//! crossing was told once.

pub mod batch;
pub mod ids;
pub mod market;
pub mod price;
pub mod report;
pub mod rule;
pub mod store;
pub mod verdicts;
pub mod wide;

use crate::CoreError;
use batch::{distinct, kept, Batch, MOST_LEGS};
use market::{Asset, Market};
use rule::is_liquidatable;
use store::Store;
use verdicts::{Crossings, Verdicts};

/// One generic market.
#[derive(Clone, Debug)]
pub struct GenericBook {
    market: Market,
    clock: (u64, u64),
    store: Store,
    verdicts: Verdicts,
}

impl GenericBook {
    /// Returns an empty book without prices, every weight 10,000 basis points.
    pub fn new(assets: Vec<Asset>) -> Result<GenericBook, CoreError> {
        let market = Market::new(assets)?;
        Ok(GenericBook {
            market,
            clock: (0, 0),
            store: Store::default(),
            verdicts: Verdicts::default(),
        })
    }

    /// Inserts or replaces positions and judges them at the current prices.
    ///
    /// A replaced position is told again if it is liquidatable: its need is another one. If a column is at fault
    /// nothing changes.
    pub fn set_positions(
        &mut self,
        ids: &[u64],
        offsets: &[u32],
        slots: &[u16],
        amounts: &[u64],
    ) -> Result<Crossings, CoreError> {
        let batch = Batch::checked(ids, offsets, slots, amounts, self.market.factors().len())?;
        let (mut news, mut legs) = (Crossings::default(), Vec::with_capacity(MOST_LEGS));
        for (id, raw) in batch.positions() {
            kept(raw, &mut legs);
            let row = self.store.put(id, &legs);
            self.verdicts.reach(row);
            self.verdicts.forget(row);
            self.judge(row, &mut news);
        }
        Ok(news.sorted())
    }

    /// Takes positions out; those that were liquidatable are recovered. If one is unknown nothing changes.
    pub fn remove(&mut self, ids: &[u64]) -> Result<Crossings, CoreError> {
        distinct(ids)?;
        if let Some(id) = ids.iter().find(|id| self.store.row(**id).is_none()) {
            return Err(CoreError::UnknownPosition(id.to_string()));
        }
        let mut news = Crossings::default();
        for id in ids {
            if let Some(row) = self.store.remove(*id) {
                self.verdicts.settle(row, *id, false, &mut news);
            }
        }
        Ok(news.sorted())
    }

    /// Takes new weights, in basis points, and judges whom they concern.
    pub fn set_weights(
        &mut self,
        collateral_bps: &[u32],
        debt_bps: &[u32],
    ) -> Result<Crossings, CoreError> {
        let mut changed = Vec::new();
        self.market.weigh(collateral_bps, debt_bps, &mut changed)?;
        Ok(self.judge_all())
    }

    /// Takes new prices (0: none) and the clock, and tells what crossed and what recovered.
    pub fn tick(
        &mut self,
        mantissas: &[i64],
        slot: u64,
        unix_time: u64,
    ) -> Result<Crossings, CoreError> {
        let mut changed = Vec::new();
        self.market.price(mantissas, &mut changed)?;
        self.clock = (self.clock.0.max(slot), self.clock.1.max(unix_time));
        Ok(self.judge_all())
    }

    /// Returns every liquidatable position by looking at all of them, ids ascending.
    #[must_use]
    pub fn sweep(&self) -> Vec<u64> {
        let rows = self.store.rows().present().filter(|row| self.verdict(*row));
        self.ids(rows)
    }

    /// Returns every liquidatable position as the last calls left it, ids ascending.
    #[must_use]
    pub fn liquidatable(&self) -> Vec<u64> {
        self.ids(self.verdicts.liquidatable())
    }

    /// Lets the next tick tell a position again if it is still liquidatable.
    pub fn rearm(&mut self, id: u64) -> Result<(), CoreError> {
        let row = self.known(id)?;
        self.verdicts.rearm(row);
        Ok(())
    }

    /// Returns the assets, prices and weights.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Returns the largest slot and unix time (seconds) that a tick brought.
    #[must_use]
    pub fn clock(&self) -> (u64, u64) {
        self.clock
    }

    /// Returns how many positions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    fn judge_all(&mut self) -> Crossings {
        let (mut news, _) = (Crossings::default(), self.verdicts.take_rearmed());
        for row in self.store.rows().present().collect::<Vec<_>>() {
            self.judge(row, &mut news);
        }
        news.sorted()
    }

    fn judge(&mut self, row: u32, news: &mut Crossings) {
        let verdict = self.verdict(row);
        self.verdicts
            .settle(row, self.store.rows().id(row), verdict, news);
    }

    fn verdict(&self, row: u32) -> bool {
        is_liquidatable(self.market.factors(), self.store.rows().record(row).legs())
    }

    fn known(&self, id: u64) -> Result<u32, CoreError> {
        let row = self.store.row(id);
        row.ok_or_else(|| CoreError::UnknownPosition(id.to_string()))
    }

    fn ids(&self, rows: impl Iterator<Item = u32>) -> Vec<u64> {
        let mut ids: Vec<_> = rows.map(|row| self.store.rows().id(row)).collect();
        ids.sort_unstable();
        ids
    }
}
