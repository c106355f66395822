//! Whom a change of the market's reserves concerns: few of many, and nobody who crosses is left out.
//!
//! The [`Screen`] knows prices and interest. Beside it stand the positions that are under water, whose verdict hangs on more
//! than prices, and those that the screen cannot speak for.

use std::collections::BTreeSet;

use lending_math::state::{Side, MAX_LEGS};

use super::generic::anchor::{AnchorTask, Laid};
use super::generic::kernels::Kernel;
use super::generic::order::Order;
use super::generic::ratios::Worth;
use super::generic::store::{Record, Rows};
use super::index::{Moved, Reserves};
use super::screen::Screen;
use super::store::Row;
use crate::protocols::reference::health::Judgement;
use crate::protocols::reference::screen::{is_large, is_under_water, quantity, worths, Lowest};

/// Reserves that have slots; positions with a leg in a further one are judged whenever anything changes.
const MOST_RESERVES: u32 = 30_000;
/// Slots to begin with; they double as reserves come.
const FIRST_SLOTS: usize = 64;
/// Positions from which on a batch that is a good part of the book is laid as a whole.
const BULK: usize = 4096;

/// The screen and what stands beside it.
#[derive(Clone, Debug)]
pub struct Front {
    rows: Rows,
    screen: Screen,
    /// Under water: parked in the screen.
    sunk: BTreeSet<u32>,
    watched: BTreeSet<u32>,
    lowest: Vec<Lowest>,
    is_bulk: bool,
    /// Whether new orders are laid by whoever owns the book.
    is_tended: bool,
}

impl Front {
    /// Returns the front of an empty market.
    #[must_use]
    pub fn new(kernel: Kernel) -> Front {
        Front {
            rows: Rows::default(),
            screen: Screen::new(kernel, FIRST_SLOTS),
            sunk: BTreeSet::new(),
            watched: BTreeSet::new(),
            lowest: Vec::new(),
            is_bulk: false,
            is_tended: false,
        }
    }

    /// Returns the screen's instruction set.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.screen.kernel()
    }

    /// Takes another instruction set.
    pub fn use_kernel(&mut self, kernel: Kernel) {
        self.screen.use_kernel(kernel);
    }

    /// Takes what moved among the reserves and adds every row whose verdict that may change.
    pub fn suspects(&mut self, reserves: &Reserves, moved: &Moved, rows: &mut Vec<u32>) {
        self.reach(reserves);
        let mut risen = false;
        for number in &moved.numbers {
            let standing = reserves.standing(*number);
            if let Some(slot) = slot_of(*number) {
                let [collateral, debt] = worths(standing);
                self.screen.price(slot, collateral);
                self.screen.price(slot + 1, debt);
            }
            risen |= self.lowest[*number as usize].take(standing);
        }
        if !moved.numbers.is_empty() {
            self.screen.suspects(rows);
            rows.extend(&self.watched);
        }
        if moved.shaken || risen {
            rows.extend(&self.sunk);
            let standings = (0..).zip(&mut self.lowest);
            standings.for_each(|(number, lowest)| {
                *lowest = Lowest::default();
                lowest.take(reserves.standing(number));
            });
        }
    }

    /// Prepares for so many positions that are new or changed, in a book of so many.
    pub fn expect(&mut self, changed: usize, all: usize) {
        self.is_bulk = changed >= BULK && changed * 8 > all;
    }

    /// Takes a judgement on a position; `is_new` if its account has changed.
    pub fn put(
        &mut self,
        number: u32,
        row: &Row,
        judgement: &Judgement,
        reserves: &Reserves,
        is_new: bool,
    ) {
        let has = |side: Side| row.legs.iter().any(|leg| leg.side == side);
        let sinks = is_under_water(judgement) && has(Side::Collateral);
        let slots = row.legs.iter().map(|leg| slot_of(leg.reserve));
        let is_known = slots.clone().all(|slot| slot.is_some());
        set(
            &mut self.watched,
            number,
            !is_known || (sinks && is_large(row.legs_at(reserves), judgement)),
        );
        let turned = set(&mut self.sunk, number, sinks);
        if !turned && !is_new {
            return;
        }
        let mut legs = [(0, 0); MAX_LEGS];
        let legs = &mut legs[..row.legs.len().min(MAX_LEGS)];
        if !is_known || !has(Side::Collateral) || !has(Side::Debt) {
            return self.write(number, &[], false);
        }
        for ((place, leg), slot) in legs.iter_mut().zip(&row.legs).zip(slots) {
            let slot = slot.unwrap_or_default() + u16::from(leg.side == Side::Debt);
            *place = (slot, quantity(leg.side, leg.amount, sinks));
        }
        legs.sort_by_key(|(slot, _)| slot & 1);
        self.write(number, legs, sinks);
    }

    /// Takes a position out.
    pub fn remove(&mut self, number: u32) {
        set(&mut self.sunk, number, false);
        set(&mut self.watched, number, false);
        self.write(number, &[], false);
    }

    /// Keeps the order usable; to be called after the last of a call's judgements.
    pub fn tidy(&mut self, reserves: &Reserves) {
        let unanchored = self.screen.tidy(&self.rows);
        let worn = !self.is_tended && self.wants_anchor();
        if unanchored || std::mem::take(&mut self.is_bulk) || worn {
            self.lay(reserves, self.screen.slots());
        }
    }

    /// Leaves it to the owner to lay a new order when one is wanted.
    pub fn tend(&mut self) {
        self.is_tended = true;
    }

    /// Returns whether changes of prices would become cheaper by a new order.
    #[must_use]
    pub fn wants_anchor(&self) -> bool {
        self.screen.wants_anchor()
    }

    /// Begins a new order at the reserves' present worths, of so many slots.
    pub fn begin_anchor(&mut self, reserves: &Reserves, slots: usize) -> AnchorTask {
        let numbers = 0..slots.div_ceil(2) as u32;
        let present = numbers.flat_map(|number| worths(reserves.standing(number)));
        let worths = present.map(|worth| Worth {
            weighted: worth,
            unit: worth,
        });
        let sunk = &self.sunk;
        self.screen
            .begin_anchor(&self.rows, worths.collect(), |row| sunk.contains(&row))
    }

    /// Takes the order of the last task begun into use and returns the one that is no longer needed.
    pub fn install(&mut self, laid: Laid) -> Order {
        let sunk = &self.sunk;
        self.screen
            .install(laid, &self.rows, |row| sunk.contains(&row))
    }

    /// Returns how many slots the screen has.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.screen.slots()
    }

    fn write(&mut self, number: u32, legs: &[(u16, u64)], parked: bool) {
        let known = (number as usize) < self.rows.len();
        let before = known.then(|| self.rows.record(number));
        let slots = |record: Record<'_>| {
            record
                .legs()
                .map(|leg| leg.0)
                .eq(legs.iter().map(|leg| leg.0))
        };
        let holds_as_before = before.is_some_and(slots);
        if let Some(before) = before.filter(|_| !holds_as_before) {
            self.screen.hold(before, false);
        }
        self.rows.write(number, u64::from(number), legs);
        let record = self.rows.record(number);
        if !holds_as_before {
            self.screen.hold(record, true);
        }
        if !self.is_bulk || parked || legs.is_empty() {
            self.screen.place(number, record, parked);
        }
    }

    /// Makes room for all reserves.
    fn reach(&mut self, reserves: &Reserves) {
        self.lowest.resize(reserves.len(), Lowest::default());
        let needed = 2 * reserves.len().min(MOST_RESERVES as usize);
        if needed > self.screen.slots() {
            self.lay(
                reserves,
                needed.next_power_of_two().min(2 * MOST_RESERVES as usize),
            );
        }
    }

    /// Lays a new order at the reserves' present worths, here and now.
    pub fn lay(&mut self, reserves: &Reserves, slots: usize) {
        let laid = self.begin_anchor(reserves, slots).lay();
        self.install(laid);
    }
}

/// Returns the slot of a reserve's collateral; that of its debt is the next.
fn slot_of(reserve: u32) -> Option<u16> {
    (reserve < MOST_RESERVES).then_some(2 * reserve as u16)
}

/// Puts a row into a set or takes it out, and returns whether that changed anything.
fn set(rows: &mut BTreeSet<u32>, row: u32, belongs: bool) -> bool {
    match belongs {
        true => rows.insert(row),
        false => !rows.is_empty() && rows.remove(&row),
    }
}
