//! A new anchor, laid from a copy while the book goes on, and brought up to date before it takes over.

use super::order::Order;
use super::ratios::Worth;
use super::store::Rows;
use super::GenericBook;

/// Everything that laying an order needs, shared with the book or copied: it may go to another thread.
#[derive(Clone, Debug)]
pub struct AnchorTask {
    pub(in crate::book) number: u64,
    pub(in crate::book) rows: Rows,
    pub(in crate::book) worths: Vec<Worth>,
    pub(in crate::book) holders: Vec<u32>,
    pub(in crate::book) parked: Vec<u32>,
}

/// An order that a task laid.
#[derive(Clone, Debug)]
pub struct Laid {
    pub(in crate::book) number: u64,
    pub(in crate::book) order: Order,
}

impl AnchorTask {
    /// Lays the order at the prices of the task's start.
    #[must_use]
    pub fn lay(&self) -> Laid {
        let mut parked = vec![false; self.rows.len()];
        self.parked
            .iter()
            .for_each(|row| parked[*row as usize] = true);
        let order = Order::laid(&self.rows, &self.worths, &self.holders, |row| {
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

    /// Returns whether laying anew is worth it, after a tick that read so many of all blocks, some of which came later.
    #[must_use]
    pub fn wants(&self, read: usize, total: usize, later: usize) -> bool {
        let worn = self.ticks >= YOUNG && read > 4 * self.fresh + total / 400;
        let lost = self.ticks > 1 && read > total / 16 && read > 2 * self.fresh;
        total > SMALL && (worn || lost || later > SMALL + total / 8)
    }
}

impl GenericBook {
    /// Returns whether ticks would become cheaper by a new anchor.
    #[must_use]
    pub fn wants_anchor(&self) -> bool {
        self.screen.wants_anchor()
    }

    /// Returns how many blocks of 16 the last tick meant to read, and how many there are.
    #[must_use]
    pub fn read(&self) -> (usize, usize) {
        self.screen.read()
    }

    /// Begins a new anchor at the current prices: [`AnchorTask::lay`] may run elsewhere, [`GenericBook::install`] ends it.
    ///
    /// A task begun before is given up: what it laid is not installed any more.
    pub fn begin_anchor(&mut self) -> AnchorTask {
        let (worths, verdicts) = (self.market.factors().worths(), &self.verdicts);
        self.screen.begin_anchor(self.store.rows(), worths, |row| {
            verdicts.is_liquidatable(row)
        })
    }

    /// Takes what the last task begun has laid into use, after replaying at its anchor what changed since.
    ///
    /// Returns the order that is no longer needed: freeing a large one takes longer than a tick should.
    pub fn install(&mut self, laid: Laid) -> Order {
        let verdicts = &self.verdicts;
        self.screen
            .install(laid, self.store.rows(), |row| verdicts.is_liquidatable(row))
    }

    /// Gives up the last task begun: it will not be laid.
    pub fn give_up_anchor(&mut self) {
        self.screen.give_up_anchor();
    }

    /// Lays a new anchor at the current prices, here and now.
    pub fn reanchor(&mut self) {
        let laid = self.begin_anchor().lay();
        self.install(laid);
    }
}
