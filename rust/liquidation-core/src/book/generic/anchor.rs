//! A new anchor, laid from a copy while the book goes on, and brought up to date before it takes over.

use super::order::Order;
use super::rule::Factors;
use super::store::Rows;
use super::GenericBook;
use crate::sabotage::{planted, Fault};

/// Everything that laying an order needs, shared with the book or copied: it may go to another thread.
#[derive(Clone, Debug)]
pub struct AnchorTask {
    number: u64,
    rows: Rows,
    factors: Factors,
    holders: Vec<u32>,
    parked: Vec<u32>,
}

/// An order that a task laid.
#[derive(Clone, Debug)]
pub struct Laid {
    number: u64,
    order: Order,
}

impl AnchorTask {
    /// Lays the order at the prices of the task's start.
    #[must_use]
    pub fn lay(&self) -> Laid {
        let mut parked = vec![false; self.rows.len()];
        self.parked
            .iter()
            .for_each(|row| parked[*row as usize] = true);
        let order = Order::laid(&self.rows, &self.factors, &self.holders, |row| {
            parked[row as usize]
        });
        Laid {
            number: self.number,
            order,
        }
    }
}

/// When the order that is in use began, and what a tick cost it then.
#[derive(Clone, Debug, Default)]
pub struct Age {
    ticks: u32,
    fresh: usize,
}

/// Ticks that an order is used for at least, unless everything would be read.
const YOUNG: u32 = 16;
/// Blocks below which laying anew gains nothing.
const SMALL: usize = 64;

impl Age {
    /// Counts a tick that read so many blocks.
    pub fn count(&mut self, read: usize) {
        if self.ticks == 0 {
            self.fresh = read;
        }
        self.ticks = self.ticks.saturating_add(1);
    }

    fn wants(&self, read: usize, total: usize, later: usize) -> bool {
        let worn = self.ticks >= YOUNG && read > 4 * self.fresh + total / 400;
        let lost = self.ticks > 1 && read > total / 16 && read > 2 * self.fresh;
        total > SMALL && (worn || lost || later > SMALL + total / 8)
    }
}

impl GenericBook {
    /// Returns whether ticks would become cheaper by a new anchor.
    #[must_use]
    pub fn wants_anchor(&self) -> bool {
        let (read, total) = self.order.read();
        self.changed_since.is_none() && self.age.wants(read, total, self.order.later())
    }

    /// Returns how many blocks of 16 the last tick meant to read, and how many there are.
    #[must_use]
    pub fn read(&self) -> (usize, usize) {
        self.order.read()
    }

    /// Begins a new anchor at the current prices: [`AnchorTask::lay`] may run elsewhere, [`GenericBook::install`] ends it.
    ///
    /// A task begun before is given up: what it laid is not installed any more.
    pub fn begin_anchor(&mut self) -> AnchorTask {
        self.changed_since = Some(Vec::new());
        self.tasks += 1;
        AnchorTask {
            number: self.tasks,
            rows: self.store.rows().clone(),
            factors: self.market.factors().clone(),
            holders: self.holders.clone(),
            parked: self
                .order
                .parked()
                .filter(|row| self.verdicts.is_liquidatable(*row))
                .collect(),
        }
    }

    /// Takes what the last task begun has laid into use, after replaying at its anchor what changed since.
    ///
    /// Returns the order that is no longer needed: freeing a large one takes longer than a tick should.
    pub fn install(&mut self, laid: Laid) -> Order {
        if laid.number != self.tasks {
            return laid.order;
        }
        let Some(mut changed) = self.changed_since.take() else {
            return laid.order;
        };
        if planted(Fault::UpdateLostAtSwap) {
            changed.clear();
        }
        let before = std::mem::replace(&mut self.order, laid.order);
        self.age = Age::default();
        for slot in 0..self.holders.len() as u16 {
            self.restate(slot);
        }
        for row in changed {
            self.order.put(
                row,
                self.store.rows().record(row),
                self.verdicts.is_liquidatable(row),
            );
        }
        before
    }

    /// Gives up the last task begun: it will not be laid.
    pub fn give_up_anchor(&mut self) {
        self.changed_since = None;
    }

    /// Lays a new anchor at the current prices, here and now.
    pub fn reanchor(&mut self) {
        let laid = self.begin_anchor().lay();
        self.install(laid);
    }
}
