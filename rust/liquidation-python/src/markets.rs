//! `Markets`: many books behind one door; accounts and prices go to those that they concern, with the GIL released.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use liquidation_core::book;
use liquidation_core::book::generic::verdicts::Crossings;
use liquidation_core::book::markets::SharedBook;
use liquidation_core::book::{Account, Book};
use liquidation_core::CoreError;
use pyo3::prelude::*;

use crate::arguments::{AccountState, Address, Data, Prices, Text, Whole};
use crate::book::{arrays, kernel, Ids, PositionBook};
use crate::errors::to_py_err;
use crate::files;
use crate::market::{borrowed, known, MarketBook};
use crate::tended::{adopt, tend};
use crate::words::Change;

/// Many markets: an account goes to the books that it concerns, a price to every book that has the asset.
///
/// Protocols' markets are opened here and answer as MarketBook does; a reserve or a position belongs to one market, an
/// oracle to all markets of its program. Markets of your own are added by name. Calls may come from several threads:
/// one runs at a time, with the GIL released. Raises ArgumentError, and then nothing changed.
#[pyclass(frozen, module = "liquidation_engine._core")]
pub struct Markets {
    markets: Mutex<book::markets::Markets>,
    named: Mutex<Named>,
}

type Changes = Vec<([u8; 32], Change)>;
type Named = Vec<(String, Py<PositionBook>)>;

impl Markets {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut book::markets::Markets) -> Result<T, CoreError> + Send,
    ) -> PyResult<T> {
        let tended = || {
            let mut markets = self.locked()?;
            let answer = act(&mut markets)?;
            each(&markets, |shared, book| {
                tend(shared, book);
                Ok(())
            })?;
            Ok(answer)
        };
        py.detach(tended).map_err(|error| to_py_err(py, error))
    }

    fn locked(&self) -> Result<MutexGuard<'_, book::markets::Markets>, CoreError> {
        self.markets.lock().map_err(|_| CoreError::Broken)
    }

    fn named(&self) -> Result<MutexGuard<'_, Named>, CoreError> {
        self.named.lock().map_err(|_| CoreError::Broken)
    }

    fn tick_named(
        &self,
        prices: &Prices,
        clock: (u64, u64),
    ) -> Result<Vec<(String, Crossings)>, CoreError> {
        let (named, mut told) = (self.named()?, Vec::new());
        let mut unknown: Vec<&String> = prices.0.keys().collect();
        for (_, book) in named.iter() {
            let names = book.get().names()?;
            unknown.retain(|name| !names.contains(name));
        }
        if let Some(name) = unknown.iter().min() {
            let message = format!("found a price for '{name}', expected an asset of some market");
            return Err(CoreError::Argument(message));
        }
        for (name, book) in named.iter() {
            let news = book.get().tick_named(&prices.0, clock)?;
            told.extend(news.map(|news| (name.clone(), news)));
        }
        Ok(told)
    }
}

#[pymethods]
impl Markets {
    #[new]
    fn new() -> Markets {
        Markets {
            markets: Mutex::default(),
            named: Mutex::default(),
        }
    }

    /// Open a protocol's market and return its book, to ask: accounts and time are to come in here.
    ///
    /// Raises ArgumentError for another protocol than "reference", or a market that is open already.
    fn open(
        &self,
        py: Python<'_>,
        protocol: Text,
        program: Address,
        market: Address,
    ) -> PyResult<MarketBook> {
        known(py, protocol)?;
        kernel().map_err(|error| to_py_err(py, error))?; // before anything changes
        self.with(py, |markets| markets.open(program.0, market.0).map(drop))?;
        let books = self.books(py)?;
        let opened = books.into_iter().last();
        let opened = opened.ok_or_else(|| to_py_err(py, CoreError::Broken))?;
        opened.with(py, adopt)?;
        Ok(opened)
    }

    /// Add a market of your own under a name of its own.
    fn add(&self, py: Python<'_>, name: Text, book: Py<PositionBook>) -> PyResult<()> {
        let mut named = self.named().map_err(|error| to_py_err(py, error))?;
        if named.iter().any(|(other, _)| *other == name.0) {
            let message = format!("found market '{}' twice, expected each name once", name.0);
            return Err(to_py_err(py, CoreError::Argument(message)));
        }
        named.push((name.0, book));
        Ok(())
    }

    /// Return the books of the protocols' markets, in the order in which they were opened.
    fn books(&self, py: Python<'_>) -> PyResult<Vec<MarketBook>> {
        self.with(py, |markets| {
            let keys = markets.keys().iter().enumerate();
            let shared =
                keys.filter_map(|(number, key)| Some((markets.book(number)?.clone(), *key)));
            Ok(shared
                .map(|(book, (program, market))| MarketBook::shared(book, program, market))
                .collect())
        })
    }

    /// Take one account's state at a slot; return (market, Change) of every market that it concerns.
    ///
    /// Raises as MarketBook.apply does, and then no book has changed.
    fn apply(
        &self,
        py: Python<'_>,
        address: Address,
        owner: Address,
        slot: Whole,
        data: Data,
    ) -> PyResult<Changes> {
        let account = Account {
            address: address.key(),
            owner: owner.key(),
            slot: slot.0,
            data: &data.0,
        };
        self.with(py, |markets| {
            let changes = markets.apply(&account)?;
            Ok(addressed(markets, changes))
        })
    }

    /// Move every clock and judge whoever time alone may have changed; return (market, Change) of every market.
    fn tick(&self, py: Python<'_>, slot: Whole, unix_time: Whole) -> PyResult<Changes> {
        self.tick_accounts(py, Vec::new(), slot, unix_time)
    }

    /// Move every clock and take several accounts' states in one go; return (market, Change) of every market.
    ///
    /// `accounts` is a list of tuples (address, owner, slot, data). Raises as apply does, and then no book has changed.
    fn tick_accounts(
        &self,
        py: Python<'_>,
        accounts: Vec<AccountState>,
        slot: Whole,
        unix_time: Whole,
    ) -> PyResult<Changes> {
        self.with(py, |markets| {
            let changes = markets.tick_accounts(&borrowed(&accounts), slot.0, unix_time.0)?;
            Ok(addressed(markets, changes))
        })
    }

    /// Take prices' mantissas by asset (0 for none), slot and unix time (seconds); return (name, crossed, recovered).
    ///
    /// Every market of your own that has one of the assets is ticked, its other prices as they were. Raises
    /// ArgumentError for an asset that no market has; then nothing changed.
    fn tick_prices<'py>(
        &self,
        py: Python<'py>,
        prices: Prices,
        slot: Whole,
        unix_time: Whole,
    ) -> PyResult<Vec<(String, Ids<'py>, Ids<'py>)>> {
        let told = py.detach(|| self.tick_named(&prices, (slot.0, unix_time.0)));
        let told = told.map_err(|error| to_py_err(py, error))?;
        let told = told.into_iter().map(|(name, news)| {
            let (crossed, recovered) = arrays(py, news);
            (name, crossed, recovered)
        });
        Ok(told.collect())
    }

    /// Return (market, position) of every position of a protocol's market that needs an act.
    fn liquidatable(&self, py: Python<'_>) -> PyResult<Vec<([u8; 32], [u8; 32])>> {
        self.with(py, |markets| {
            let needing = markets.liquidatable()?.into_iter();
            let keys = markets.keys();
            Ok(needing
                .map(|(number, position)| (keys[number].1, position))
                .collect())
        })
    }

    /// Let the next tick emit a position again if it still needs an act; an unknown address is left alone.
    fn rearm(&self, py: Python<'_>, address: Address) -> PyResult<()> {
        self.with(py, |markets| markets.rearm(address.key()))
    }

    /// Write the protocols' markets to a file, whole or not at all; markets of your own have files of their own.
    ///
    /// Raises OSError.
    fn snapshot(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let bytes = self.with(py, |markets| markets.to_bytes())?;
        Ok(py.detach(|| files::replace(&path, &bytes))?)
    }

    /// Return the protocols' markets that a file holds.
    ///
    /// Raises OSError, or DecodeError for a file of another version, cut short or changed.
    #[staticmethod]
    fn restore(py: Python<'_>, path: PathBuf) -> PyResult<Markets> {
        let bytes = py.detach(|| std::fs::read(&path))?;
        let restored = || {
            let markets = book::markets::Markets::from_bytes(&bytes)?;
            each(&markets, |_, book| adopt(book))?;
            Ok(markets)
        };
        let markets = py.detach(restored).map_err(|error| to_py_err(py, error))?;
        Ok(Markets {
            markets: Mutex::new(markets),
            named: Mutex::default(),
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        let named = self.named().map_err(|error| to_py_err(py, error))?.len();
        self.with(py, |markets| Ok(markets.keys().len() + named))
    }
}

/// Acts on every book, each held alone.
fn each(
    markets: &book::markets::Markets,
    act: impl Fn(&SharedBook, &mut Book) -> Result<(), CoreError>,
) -> Result<(), CoreError> {
    let numbers = 0..markets.keys().len();
    for shared in numbers.filter_map(|number| markets.book(number)) {
        act(shared, &mut *shared.lock().map_err(|_| CoreError::Broken)?)?;
    }
    Ok(())
}

/// Returns changes beside the markets' addresses.
fn addressed(markets: &book::markets::Markets, changes: Vec<(usize, book::Change)>) -> Changes {
    let keys = markets.keys();
    let changes = changes.into_iter();
    changes
        .map(|(number, change)| (keys[number].1, Change::from(change)))
        .collect()
}
