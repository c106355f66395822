//! A generic market: positions of amounts, assets of prices and weights, one exact rule ([`rule`]).
//!
//! After every call the set of liquidatable positions equals what judging each of them anew would give, and each
//! crossing was told once.

pub mod anchor;
pub mod batch;
pub mod blocks;
pub mod ids;
pub mod kernels;
pub mod lane;
pub mod market;
pub mod order;
mod pages;
pub mod parked;
pub mod partition;
pub mod price;
pub mod ratios;
pub mod report;
pub mod round;
pub mod rule;
mod snapshot;
pub mod sorting;
pub mod spread;
pub mod store;
pub mod verdicts;
pub mod wide;

use super::screen::Screen;
use crate::CoreError;
use batch::{distinct, kept, Batch, MOST_LEGS};
use kernels::Kernel;
use market::{Asset, Market};
use rule::is_liquidatable;
use store::{Rows, Store};
use verdicts::{Crossings, Verdicts};

/// Positions from which on a batch that is a good part of the book is laid as a whole.
const BULK: usize = 4096;

/// One generic market.
#[derive(Clone, Debug)]
pub struct GenericBook {
    market: Market,
    clock: (u64, u64),
    store: Store,
    verdicts: Verdicts,
    screen: Screen,
    asked: (usize, usize),
}

impl GenericBook {
    /// Returns an empty book without prices, every weight 10,000 basis points.
    pub fn new(assets: Vec<Asset>, kernel: Kernel) -> Result<GenericBook, CoreError> {
        let market = Market::new(assets)?;
        let screen = Screen::new(kernel, market.factors().slots().len());
        Ok(GenericBook {
            market,
            clock: (0, 0),
            store: Store::default(),
            verdicts: Verdicts::default(),
            screen,
            asked: (0, 0),
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
        let batch = Batch::checked(
            ids,
            offsets,
            slots,
            amounts,
            self.market.factors().slots().len(),
        )?;
        let (mut news, mut legs) = (Crossings::default(), Vec::with_capacity(MOST_LEGS));
        let bulk = batch.len() >= BULK && batch.len() * 8 > self.store.len();
        for (id, raw) in batch.positions() {
            kept(raw, &mut legs);
            if let Some(row) = self.store.row(id) {
                self.hold(row, false);
            }
            let row = self.store.put(id, &legs);
            self.hold(row, true);
            self.verdicts.reach(row);
            self.verdicts.forget(row);
            self.judge(row, &mut news);
            if !bulk || self.verdicts.is_liquidatable(row) {
                self.place(row); // whoever is liquidatable is parked: a new anchor starts from those
            }
        }
        if bulk {
            self.reanchor();
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
            if let Some(row) = self.store.row(*id) {
                self.hold(row, false);
                self.store.remove(*id);
                self.verdicts.settle(row, *id, false, &mut news);
                self.place(row);
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
        Ok(self.reprice(&changed))
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
        Ok(self.reprice(&changed))
    }

    /// Returns every liquidatable position by looking at all of them, ids ascending.
    #[must_use]
    pub fn sweep(&self) -> Vec<u64> {
        let mut rows: Vec<u32> = self.verdicts.liquidatable().collect();
        self.screen.sweep(&mut rows);
        self.ids(rows.into_iter().filter(|row| self.verdict(*row)))
    }

    /// Returns how many positions the screen of a full sweep cannot rule out, those known to be liquidatable aside.
    #[must_use]
    pub fn screen(&self) -> usize {
        let mut rows = Vec::new();
        self.screen.sweep(&mut rows);
        rows.len()
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

    /// Returns how many positions the screen asked about at the last change of prices or weights, and how many of those
    /// are liquidatable.
    #[must_use]
    pub fn asked(&self) -> (usize, usize) {
        self.asked
    }

    /// Returns the assets, prices and weights.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Returns the positions; a copy shares them until they change.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        self.store.rows()
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

    /// Returns the instruction set of the screen.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.screen.kernel()
    }

    /// Judges whom a change of these assets' prices or weights may concern, and who was rearmed.
    fn reprice(&mut self, changed: &[usize]) -> Crossings {
        for asset in changed {
            self.restate(2 * *asset as u16);
            self.restate(2 * *asset as u16 + 1);
        }
        let (mut news, mut suspects) = (Crossings::default(), self.verdicts.take_rearmed());
        let rearmed = suspects.len();
        self.screen.suspects(&mut suspects);
        self.asked = (suspects.len() - rearmed, 0);
        for (number, row) in suspects.into_iter().enumerate() {
            if self.judge(row, &mut news) {
                self.place(row);
            }
            let hit = number >= rearmed && self.verdicts.is_liquidatable(row);
            self.asked.1 += usize::from(hit);
        }
        if self.screen.tidy(self.store.rows()) {
            self.reanchor();
        }
        news.sorted()
    }

    /// Tells the screen of a slot's price.
    fn restate(&mut self, slot: u16) {
        let weighted = self.market.factors().of(slot).weighted as f64;
        self.screen.price(slot, weighted);
    }

    /// Tells the screen of a row's position and verdict.
    fn place(&mut self, row: u32) {
        let record = self.store.rows().record(row);
        self.screen
            .place(row, record, self.verdicts.is_liquidatable(row));
    }

    /// Counts a row's position among the holders of its slots, or no more.
    fn hold(&mut self, row: u32, holds: bool) {
        self.screen.hold(self.store.rows().record(row), holds);
    }

    /// Asks the exact rule about a row and returns whether its verdict changed.
    fn judge(&mut self, row: u32, news: &mut Crossings) -> bool {
        let (before, now) = (self.verdicts.is_liquidatable(row), self.verdict(row));
        self.verdicts
            .settle(row, self.store.rows().id(row), now, news);
        before != now
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
