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

use crate::CoreError;
use anchor::Age;
use batch::{distinct, kept, Batch, MOST_LEGS};
use kernels::Kernel;
use market::{Asset, Market};
use order::Order;
use rule::is_liquidatable;
use store::{Rows, Store};
use verdicts::{Crossings, Verdicts};

/// Positions from which on a batch that is a good part of the book is laid as a whole.
const BULK: usize = 4096;

/// One generic market.
#[derive(Clone, Debug)]
pub struct GenericBook {
    kernel: Kernel,
    market: Market,
    clock: (u64, u64),
    store: Store,
    /// Positions with debt, by slot that they have a leg in.
    holders: Vec<u32>,
    verdicts: Verdicts,
    order: Order,
    age: Age,
    /// Rows that a task begun must be told of.
    changed_since: Option<Vec<u32>>,
    tasks: u64,
    asked: (usize, usize),
}

impl GenericBook {
    /// Returns an empty book without prices, every weight 10,000 basis points.
    pub fn new(assets: Vec<Asset>, kernel: Kernel) -> Result<GenericBook, CoreError> {
        let (market, store) = (Market::new(assets)?, Store::default());
        let holders = vec![0; market.factors().slots().len()];
        let order = Order::laid(store.rows(), market.factors(), &holders, |_| false);
        let (verdicts, age) = (Verdicts::default(), Age::default());
        Ok(GenericBook {
            kernel,
            market,
            clock: (0, 0),
            store,
            holders,
            verdicts,
            order,
            age,
            changed_since: None,
            tasks: 0,
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
        self.order.sweep(self.kernel, &mut rows);
        self.ids(rows.into_iter().filter(|row| self.verdict(*row)))
    }

    /// Returns how many positions the screen of a full sweep cannot rule out, those known to be liquidatable aside.
    #[must_use]
    pub fn screen(&self) -> usize {
        let mut rows = Vec::new();
        self.order.sweep(self.kernel, &mut rows);
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
        self.kernel
    }

    /// Judges whom a change of these assets' prices or weights may concern, and who was rearmed.
    fn reprice(&mut self, changed: &[usize]) -> Crossings {
        for asset in changed {
            self.restate(2 * *asset as u16);
            self.restate(2 * *asset as u16 + 1);
        }
        let (mut news, mut suspects) = (Crossings::default(), self.verdicts.take_rearmed());
        let rearmed = suspects.len();
        self.order.recovery_suspects(self.kernel, &mut suspects);
        self.order
            .suspects(self.kernel, &self.holders, &mut suspects);
        self.asked = (suspects.len() - rearmed, 0);
        for (number, row) in suspects.into_iter().enumerate() {
            if self.judge(row, &mut news) {
                self.place(row);
            }
            let hit = number >= rearmed && self.verdicts.is_liquidatable(row);
            self.asked.1 += usize::from(hit);
        }
        self.age.count(self.order.read().0);
        self.tidy();
        news.sorted()
    }

    /// Keeps the order usable: nobody's debt may be without a value at the anchor for longer than one tick.
    fn tidy(&mut self) {
        if self.order.has_unanchored_debt() {
            self.reanchor();
        }
        self.order.tidy(self.store.rows());
    }

    /// Tells the order of a slot's price and whether anybody holds it.
    fn restate(&mut self, slot: u16) {
        let place = usize::from(slot);
        self.order.set_slot(
            slot,
            self.market.factors().of(slot).weighted,
            self.holders[place] > 0,
        );
    }

    /// Tells the order of a row's position and verdict.
    fn place(&mut self, row: u32) {
        self.order.put(
            row,
            self.store.rows().record(row),
            self.verdicts.is_liquidatable(row),
        );
        if let Some(changed) = &mut self.changed_since {
            changed.push(row);
        }
    }

    /// Counts a row's position among the holders of its slots, or no more.
    fn hold(&mut self, row: u32, holds: bool) {
        let record = self.store.rows().record(row);
        if !record.has_debt() {
            return;
        }
        let mut turned = Vec::new();
        for (slot, _) in record.legs() {
            let holders = &mut self.holders[usize::from(slot)];
            *holders = if holds { *holders + 1 } else { *holders - 1 };
            if *holders == u32::from(holds) {
                turned.push(slot);
            }
        }
        turned.into_iter().for_each(|slot| self.restate(slot));
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
