//! One market: every position judged at the prices that the program would read, each crossing told once.
//!
//! Accounts come in by [`Book::apply`], time by [`Book::tick`], both at once by [`Book::tick_accounts`]; each answers
//! with the positions that newly need an act and those that need one no more. After every call the set of positions
//! that need an act equals what judging each of them anew at the clock would give.

pub mod addresses;
pub mod emission;
pub mod front;
pub mod generic;
pub mod index;
pub mod markets;
mod news;
pub mod report;
pub mod screen;
pub mod sealed;
mod snapshot;
pub mod store;
pub mod timers;

use lending_math::Pubkey;

use crate::address::to_base58;
use crate::protocols::reference::health::{judge, Judgement};
use crate::CoreError;
use emission::{Emission, Event};
use front::Front;
use generic::anchor::{AnchorTask, Laid};
use generic::kernels::Kernel;
use generic::order::Order;
use index::{Moved, Reserves};
pub use news::Account;
use news::{read, News};
use store::{Known, Row, Store};
use timers::{Timers, NEVER};

/// What a call changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Positions that newly need an act, in the order of their addresses.
    pub crossed: Vec<Pubkey>,
    /// Positions that need an act no more, removed ones included, in the order of their addresses.
    pub recovered: Vec<Pubkey>,
    /// What the call was about: an account's kind, `removed`, `older`, `foreign` or `tick`.
    pub kind: &'static str,
    /// How many positions were judged.
    pub evaluated: usize,
}

/// What makes verdicts doubtful in a call.
#[derive(Debug, Default)]
struct Doubt {
    /// Rows whose account changed.
    changed: Vec<u32>,
    /// Rows whose time has come.
    due: Vec<u32>,
    moved: Moved,
    recovered: Vec<Pubkey>,
}

/// One market of the reference program.
#[derive(Clone, Debug)]
pub struct Book {
    program: Pubkey,
    market: Pubkey,
    paused: bool,
    clock: (u64, u64),
    reserves: Reserves,
    store: Store,
    emission: Emission,
    timers: Timers,
    front: Front,
}

impl Book {
    /// Returns an empty book of one market, its clock at slot 0, its screen as fast as the processor can.
    #[must_use]
    pub fn new(program: Pubkey, market: Pubkey) -> Book {
        Book {
            program,
            market,
            paused: false,
            clock: (0, 0),
            reserves: Reserves::default(),
            store: Store::default(),
            emission: Emission::default(),
            timers: Timers::default(),
            front: Front::new(Kernel::best()),
        }
    }

    /// Returns the screen's instruction set.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.front.kernel()
    }

    /// Has the screen use an instruction set: all confirm the same positions.
    pub fn use_kernel(&mut self, kernel: Kernel) {
        self.front.use_kernel(kernel);
    }

    /// Takes one account's state and judges whom it concerns, at the clock.
    ///
    /// A state older than the one known is ignored (`older`), of two at the same slot the later call counts. Empty data or
    /// a foreign owner removes the account. Bytes that the program did not write are `Malformed`, and nothing changes.
    pub fn apply(&mut self, account: &Account<'_>) -> Result<Change, CoreError> {
        let news = read(account, &self.program, &self.market)?;
        Ok(self.take_all([(*account, news)], None))
    }

    /// Moves the clock to a slot and judges whoever time alone may have changed; the clock never goes back.
    pub fn tick(&mut self, slot: u64, unix_time: u64) -> Change {
        self.take_all([], Some((slot, unix_time)))
    }

    /// Moves the clock and takes several accounts' states in one go: each position concerned is judged once, at the end.
    ///
    /// If one account is `Malformed` nothing changes.
    pub fn tick_accounts(
        &mut self,
        accounts: &[Account<'_>],
        slot: u64,
        unix_time: u64,
    ) -> Result<Change, CoreError> {
        for account in accounts {
            read(account, &self.program, &self.market)?;
        }
        let (program, market) = (self.program, self.market);
        // read again rather than kept: a million decoded positions would fill the memory
        let news = accounts
            .iter()
            .filter_map(|account| Some((*account, read(account, &program, &market).ok()?)));
        Ok(self.take_all(news, Some((slot, unix_time))))
    }

    /// Moves the clock, if there is one, takes states that were read, and judges each position concerned once.
    fn take_all<'a>(
        &mut self,
        news: impl IntoIterator<Item = (Account<'a>, News)>,
        clock: Option<(u64, u64)>,
    ) -> Change {
        let (mut doubt, mut kind) = (Doubt::default(), "tick");
        if let Some((slot, unix_time)) = clock {
            self.advance(slot, unix_time, &mut doubt);
        }
        for (account, news) in news {
            let taken = self.take(&account, news, &mut doubt);
            kind = if clock.is_none() { taken } else { kind };
        }
        self.settle(doubt, kind)
    }

    /// Returns every position that needs an act at the clock, in the order of the addresses.
    #[must_use]
    pub fn liquidatable(&self) -> Vec<Pubkey> {
        let rows = self
            .emission
            .needing()
            .filter_map(|number| self.store.row(number));
        let mut addresses: Vec<_> = rows.map(|row| row.address).collect();
        addresses.sort_unstable();
        addresses
    }

    /// Lets the next tick emit a position again if it still needs an act; an unknown one is left alone.
    pub fn rearm(&mut self, address: &Pubkey) {
        if let Some(number) = self.store.number(address) {
            self.emission.clear(number);
            self.timers.set(number, 0);
        }
    }

    /// Leaves it to the owner to lay a new order when [`Book::wants_anchor`]; else the book does so within a call.
    pub fn tend(&mut self) {
        self.front.tend();
    }

    /// Returns whether prices would become cheaper to take by a new order.
    #[must_use]
    pub fn wants_anchor(&self) -> bool {
        self.front.wants_anchor()
    }

    /// Begins a new order at the present prices: [`AnchorTask::lay`] may run elsewhere, [`Book::install`] ends it.
    pub fn begin_anchor(&mut self) -> AnchorTask {
        self.front.begin_anchor(&self.reserves, self.front.slots())
    }

    /// Takes the order of the last task begun into use, what changed since included, and returns the one before.
    pub fn install(&mut self, laid: Laid) -> Order {
        self.front.install(laid)
    }

    /// Lays a new order at the present prices, here and now.
    pub fn reanchor(&mut self) {
        self.front.lay(&self.reserves, self.front.slots());
    }

    /// Returns a position's judgement at the clock.
    pub fn judgement(&self, address: &Pubkey) -> Result<Judgement, CoreError> {
        self.row(address)
            .map(|row| judge(row.legs_at(&self.reserves), self.paused))
    }

    fn row(&self, address: &Pubkey) -> Result<&Row, CoreError> {
        let row = self
            .store
            .number(address)
            .and_then(|number| self.store.row(number));
        row.ok_or_else(|| CoreError::UnknownPosition(to_base58(address)))
    }

    fn advance(&mut self, slot: u64, unix_time: u64, doubt: &mut Doubt) {
        self.clock.1 = self.clock.1.max(unix_time);
        if slot > self.clock.0 {
            self.clock.0 = slot;
            doubt.moved.add(self.reserves.move_to(slot));
        }
        self.timers.add_due(self.clock.0, &mut doubt.due);
    }

    fn take(&mut self, account: &Account<'_>, news: News, doubt: &mut Doubt) -> &'static str {
        if news == News::Foreign {
            return "foreign";
        }
        let known = self.store.known(account.address);
        if known.is_some_and(|(_, slot)| account.slot < slot) {
            return "older";
        }
        let kind = news.kind();
        let becomes = match news {
            News::Market(market) => {
                doubt.moved.shaken |= self.paused != market.paused;
                self.paused = market.paused;
                Known::Market
            }
            News::Reserve(reserve) => {
                doubt.moved.add(self.reserves.put_reserve(
                    account.address,
                    Some(reserve),
                    self.clock.0,
                ));
                Known::Reserve
            }
            News::Oracle(oracle) => {
                doubt.moved.add(self.reserves.put_oracle(
                    account.address,
                    Some(oracle),
                    self.clock.0,
                ));
                Known::Oracle
            }
            News::Position(position) => {
                let row = Row::new(account.address, &position, account.slot, &mut self.reserves);
                Known::Position(self.keep(row, doubt))
            }
            News::Gone | News::Foreign => Known::Gone,
        };
        match known {
            Some((known, _)) if known != becomes => self.forget(account.address, known, doubt),
            _ => {}
        }
        self.store.learn(account.address, becomes, account.slot);
        kind
    }

    /// Keeps a position's new state in its row, and clears its emission if the need is another one.
    fn keep(&mut self, row: Row, doubt: &mut Doubt) -> u32 {
        let number = self
            .store
            .number(&row.address)
            .unwrap_or_else(|| self.store.reserve_number());
        let is_another = |earlier: &Row| !earlier.is_materially(&row);
        if self.store.row(number).is_some_and(is_another) {
            self.emission.clear(number);
        }
        self.store.replace(number, row);
        doubt.changed.push(number);
        number
    }

    /// Takes out what an address was before.
    fn forget(&mut self, address: &Pubkey, known: Known, doubt: &mut Doubt) {
        match known {
            Known::Market | Known::Gone => {}
            Known::Reserve => {
                doubt
                    .moved
                    .add(self.reserves.put_reserve(address, None, self.clock.0))
            }
            Known::Oracle => doubt
                .moved
                .add(self.reserves.put_oracle(address, None, self.clock.0)),
            Known::Position(number) => {
                self.store.remove(number);
                self.front.remove(number);
                self.timers.set(number, NEVER);
                if self.emission.settle(number, false).is_some() {
                    doubt.recovered.push(*address);
                }
            }
        }
    }

    /// Judges the rows in doubt, each once, and returns what that changed.
    fn settle(&mut self, mut doubt: Doubt, kind: &'static str) -> Change {
        let (mut crossed, mut recovered, mut evaluated) = (Vec::new(), Vec::new(), 0);
        for number in self.asked_about(&mut doubt) {
            let Some(row) = self.store.row(number) else {
                continue;
            };
            let judgement = judge(row.legs_at(&self.reserves), self.paused);
            let is_new = doubt.changed.binary_search(&number).is_ok();
            self.front
                .put(number, row, &judgement, &self.reserves, is_new);
            evaluated += 1;
            match self
                .emission
                .settle(number, judgement.verdict.needs_an_act())
            {
                Some(Event::Crossed) => crossed.push(row.address),
                Some(Event::Recovered) => recovered.push(row.address),
                None => {}
            }
            self.timers.set(number, NEVER);
        }
        self.front.tidy(&self.reserves);
        recovered.extend(doubt.recovered);
        recovered.retain(|address| !self.needs_an_act(address)); // closed and opened again in one batch
        crossed.sort_unstable();
        recovered.sort_unstable();
        Change {
            crossed,
            recovered,
            kind,
            evaluated,
        }
    }

    fn needs_an_act(&self, address: &Pubkey) -> bool {
        self.store
            .number(address)
            .is_some_and(|number| self.emission.needs(number))
    }

    /// Returns the rows that a call must judge, in order.
    fn asked_about(&mut self, doubt: &mut Doubt) -> Vec<u32> {
        doubt.changed.sort_unstable();
        doubt.changed.dedup();
        let mut rows = doubt.changed.clone();
        rows.append(&mut doubt.due);
        self.front.expect(doubt.changed.len(), self.store.count());
        self.front.suspects(&self.reserves, &doubt.moved, &mut rows);
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}
