//! The screen over one market's positions: which of them a change of prices, weights or interest may have made liquidatable.
//!
//! The seam between a rule and the order by health. A market keeps its positions twice: as its own integers, which decide, and as
//! [`Rows`] here: quantities by slot, each worth what the market tells by [`Screen::price`]. A slot is a side of an asset,
//! even for collateral and odd for debt. What the market owes the screen is a bound on each side:
//!
//! - in the screen (`parked` false): a position that the rule would liquidate has `Σ collateral < Σ debt + 32` units of 10⁻¹⁸
//!   quote, quantities times [`Worth::unit`]. A rule that rounds debts up by more says so by larger quantities;
//! - parked: a position that the rule would liquidate no longer has `Σ collateral ≥ Σ debt`.
//!
//! Interest is a price: debts stand as shares, or as amounts divided by their own index, and the index is in the worth.
//! Whatever no price expresses (flags, deadlines, refused prices) is the market's to remember: it asks its rule about those beside
//! the [`Screen::suspects`].

use super::generic::anchor::{Age, AnchorTask, Laid};
use super::generic::kernels::Kernel;
use super::generic::order::Order;
use super::generic::ratios::Worth;
use super::generic::store::{Record, Rows};
use crate::sabotage::{planted, Fault};

/// An order by health, the prices against its anchor, and who holds what.
#[derive(Clone, Debug)]
pub struct Screen {
    kernel: Kernel,
    /// Positions with debt, by slot that they have a leg in.
    holders: Vec<u32>,
    /// [`Worth::weighted`] by slot.
    prices: Vec<f64>,
    order: Order,
    age: Age,
    /// Rows that a task begun must be told of.
    changed_since: Option<Vec<u32>>,
    tasks: u64,
}

impl Screen {
    /// Returns a screen over nobody; every slot is worth nothing.
    #[must_use]
    pub fn new(kernel: Kernel, slots: usize) -> Screen {
        let (holders, worths) = (vec![0; slots], vec![Worth::default(); slots]);
        Screen {
            kernel,
            order: Order::laid(&Rows::default(), &worths, &holders, |_| false),
            holders,
            prices: vec![0.0; slots],
            age: Age::default(),
            changed_since: None,
            tasks: 0,
        }
    }

    /// Returns the instruction set.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Takes another instruction set.
    pub fn use_kernel(&mut self, kernel: Kernel) {
        self.kernel = kernel;
    }

    /// Returns how many slots it knows.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.holders.len()
    }

    /// Takes a slot's present [`Worth::weighted`].
    #[inline]
    pub fn price(&mut self, slot: u16, weighted: f64) {
        let place = usize::from(slot);
        self.prices[place] = weighted;
        self.order.set_slot(slot, weighted, self.holders[place] > 0);
    }

    /// Counts a position among the holders of its slots, or no more.
    pub fn hold(&mut self, record: Record<'_>, holds: bool) {
        if !record.has_debt() {
            return;
        }
        for (slot, _) in record.legs() {
            let holders = &mut self.holders[usize::from(slot)];
            *holders = if holds { *holders + 1 } else { *holders - 1 };
            if *holders == u32::from(holds) {
                self.price(slot, self.prices[usize::from(slot)]);
            }
        }
    }

    /// Takes a row's new legs: into the screen, out of its way if they are `parked`, out of it if there is no debt.
    pub fn place(&mut self, row: u32, record: Record<'_>, parked: bool) {
        self.order.put(row, record, parked);
        if let Some(changed) = &mut self.changed_since {
            changed.push(row);
        }
    }

    /// Adds every row that the changes of prices since it was judged may have made liquidatable, or so no longer.
    pub fn suspects(&mut self, rows: &mut Vec<u32>) {
        self.order.recovery_suspects(self.kernel, rows);
        self.order.suspects(self.kernel, &self.holders, rows);
        self.age.count(self.order.read().0);
    }

    /// Adds every row that is not parked and may be liquidatable, whatever its key, by looking at all of them.
    pub fn sweep(&self, rows: &mut Vec<u32>) {
        self.order.sweep(self.kernel, rows);
    }

    /// Keeps the order usable after prices changed; returns whether it has to be laid anew at once.
    ///
    /// Nobody's debt may be without a value at the anchor for longer than one tick.
    #[must_use]
    pub fn tidy(&mut self, rows: &Rows) -> bool {
        self.order.tidy(rows);
        self.order.has_unanchored_debt()
    }

    /// Returns whether ticks would become cheaper by a new anchor.
    #[must_use]
    pub fn wants_anchor(&self) -> bool {
        let (read, total) = self.order.read();
        self.changed_since.is_none() && self.age.wants(read, total, self.order.later())
    }

    /// Returns how many blocks of 16 the last change of prices meant to read, and how many there are.
    #[must_use]
    pub fn read(&self) -> (usize, usize) {
        self.order.read()
    }

    /// Begins a new anchor at these worths: [`AnchorTask::lay`] may run elsewhere, [`Screen::install`] ends it.
    ///
    /// `worths` are the present ones, maybe of more slots than before. A task begun before is given up: what it laid is not installed any more.
    pub fn begin_anchor(
        &mut self,
        rows: &Rows,
        worths: Vec<Worth>,
        is_parked: impl Fn(u32) -> bool,
    ) -> AnchorTask {
        self.changed_since = Some(Vec::new());
        self.tasks += 1;
        self.holders.resize(worths.len(), 0);
        self.prices = worths.iter().map(|worth| worth.weighted).collect();
        AnchorTask {
            number: self.tasks,
            rows: rows.clone(),
            worths,
            holders: self.holders.clone(),
            parked: self.order.parked().filter(|row| is_parked(*row)).collect(),
        }
    }

    /// Takes what the last task begun has laid into use, after replaying at its anchor what changed since.
    ///
    /// Returns the order that is no longer needed: freeing a large one takes longer than a tick should.
    pub fn install(&mut self, laid: Laid, rows: &Rows, is_parked: impl Fn(u32) -> bool) -> Order {
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
            self.price(slot, self.prices[usize::from(slot)]);
        }
        for row in changed {
            self.order.put(row, rows.record(row), is_parked(row));
        }
        before
    }

    /// Gives up the last task begun: it will not be laid.
    pub fn give_up_anchor(&mut self) {
        self.changed_since = None;
    }

    /// Returns the bytes of what a sweep reads, and of everything.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let (hot, order) = self.order.bytes();
        (hot, order + self.holders.capacity() * 12)
    }
}
