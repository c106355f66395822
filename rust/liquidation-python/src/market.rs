//! `MarketBook`: one market of a protocol behind a lock, every call with the GIL released.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use lending_math::state::Side;
use liquidation_core::book::markets::SharedBook;
use liquidation_core::book::report::{health_factor, LegReport};
use liquidation_core::book::{self, Account, Book};
use liquidation_core::CoreError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arguments::{AccountState, Address, Data, Text, Whole};
use crate::errors::to_py_err;
use crate::files;
use crate::tended::{adopt, tend};
use crate::words::{hex, Change};

/// One market of a protocol: every position judged in exact integers at the prices that the program would read.
///
/// Accounts come in by apply, time by tick, both by tick_accounts; each answers with the positions that newly need an
/// act. After every call the set liquidatable() equals what judging each position anew at the clock would give. Calls
/// may come from several threads: one runs at a time, with the GIL released.
#[pyclass(frozen, module = "liquidation_engine._core")]
pub struct MarketBook {
    book: SharedBook,
    protocol: &'static str,
    program: [u8; 32],
    market: [u8; 32],
}

type Row = ([u8; 32], [u8; 32], Option<f64>, bool, u128, u128, u64);

impl From<Book> for MarketBook {
    fn from(book: Book) -> MarketBook {
        let (program, market) = (*book.program(), *book.market());
        MarketBook::shared(Arc::new(Mutex::new(book)), program, market)
    }
}

impl MarketBook {
    /// Returns an empty book of one market.
    pub fn open(
        py: Python<'_>,
        protocol: Text,
        program: Address,
        market: Address,
    ) -> PyResult<MarketBook> {
        known(py, protocol)?;
        let opened = MarketBook::from(Book::new(program.0, market.0));
        opened.with(py, adopt)?;
        Ok(opened)
    }

    /// Returns a book that others hold too.
    pub fn shared(book: SharedBook, program: [u8; 32], market: [u8; 32]) -> MarketBook {
        MarketBook {
            book,
            protocol: "reference",
            program,
            market,
        }
    }

    /// Acts on the book with the GIL released.
    pub fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut Book) -> Result<T, CoreError> + Send,
    ) -> PyResult<T> {
        let tended = || {
            let mut book = self.locked()?;
            let answer = act(&mut book);
            tend(&self.book, &mut book);
            answer
        };
        py.detach(tended).map_err(|error| to_py_err(py, error))
    }

    fn locked(&self) -> Result<MutexGuard<'_, Book>, CoreError> {
        self.book.lock().map_err(|_| CoreError::Broken)
    }
}

#[pymethods]
impl MarketBook {
    /// The protocol's name.
    #[getter]
    fn protocol(&self) -> &'static str {
        self.protocol
    }

    /// The program's address, 32 bytes.
    #[getter]
    fn program(&self) -> [u8; 32] {
        self.program
    }

    /// The market's address, 32 bytes.
    #[getter]
    fn market(&self) -> [u8; 32] {
        self.market
    }

    /// The slot and unix time (seconds) that positions are judged at; only ticks move it, and never back.
    #[getter]
    fn clock(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        self.with(py, |book| Ok(book.clock()))
    }

    /// The screen's instruction set: "avx512", "avx2" or "portable"; LIQUIDATION_KERNEL forces one on new books.
    #[getter]
    fn kernel(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.with(py, |book| Ok(book.kernel().name()))
    }

    /// Whether the market refuses liquidations.
    #[getter]
    fn paused(&self, py: Python<'_>) -> PyResult<bool> {
        self.with(py, |book| Ok(book.is_paused()))
    }

    /// Take one account's state at a slot and judge whom it concerns, at the clock.
    ///
    /// A state older than the one known is ignored (kind "older"); of two at one slot the later call counts. Empty data
    /// or another owner removes the account (kind "removed"). Accounts of other markets or kinds are "foreign".
    /// Raises DecodeError for bytes the program did not write, ArgumentError for a wrong type, length or range; the
    /// book is then unchanged.
    fn apply(
        &self,
        py: Python<'_>,
        address: Address,
        owner: Address,
        slot: Whole,
        data: Data,
    ) -> PyResult<Change> {
        let account = Account {
            address: address.key(),
            owner: owner.key(),
            slot: slot.0,
            data: &data.0,
        };
        self.with(py, |book| book.apply(&account)).map(Change::from)
    }

    /// Move the clock to a slot and judge whoever time alone may have changed: interest, prices grown too old.
    ///
    /// A slot before the clock leaves the clock as it is; positions rearmed since are judged all the same.
    fn tick(&self, py: Python<'_>, slot: Whole, unix_time: Whole) -> PyResult<Change> {
        self.with(py, |book| Ok(book.tick(slot.0, unix_time.0)))
            .map(Change::from)
    }

    /// Move the clock and take several accounts' states in one go; each position is judged once, at the end.
    ///
    /// `accounts` is a list of tuples (address, owner, slot, data). Raises as apply does, and then nothing changed.
    fn tick_accounts(
        &self,
        py: Python<'_>,
        accounts: Vec<AccountState>,
        slot: Whole,
        unix_time: Whole,
    ) -> PyResult<Change> {
        self.with(py, |book| {
            book.tick_accounts(&borrowed(&accounts), slot.0, unix_time.0)
        })
        .map(Change::from)
    }

    /// Return every position that needs an act at the clock, bad debt included, in the order of the addresses.
    fn liquidatable(&self, py: Python<'_>) -> PyResult<Vec<[u8; 32]>> {
        self.with(py, |book| Ok(book.liquidatable()))
    }

    /// Let the next tick emit a position again if it still needs an act; an unknown address is left alone.
    fn rearm(&self, py: Python<'_>, address: Address) -> PyResult<()> {
        self.with(py, |book| {
            book.rearm(address.key());
            Ok(())
        })
    }

    /// Return (weighted collateral, weighted debt, liquidatable, reason), the sums in atto-USD, exact.
    ///
    /// The sums are at the last prices, believed or not; 0 where they cannot be computed. `reason` is None where
    /// their comparison decides, else "bad_debt" (liquidatable: to be written off), "paused", "missing_account",
    /// "stale_price", "uncertain_price", "overflow" or "invalid_config" (not liquidatable now).
    /// Raises UnknownPosition.
    fn health(
        &self,
        py: Python<'_>,
        address: Address,
    ) -> PyResult<(u128, u128, bool, Option<&'static str>)> {
        let judgement = self.with(py, |book| book.judgement(address.key()))?;
        let health = judgement.health.unwrap_or_default();
        let reason = judgement.verdict.reason().map(|reason| reason.name());
        Ok((
            health.weighted_collateral,
            health.weighted_debt,
            judgement.verdict.needs_an_act(),
            reason,
        ))
    }

    /// Return every figure behind a position's verdict as a dict, each rounding included.
    ///
    /// Raises UnknownPosition.
    fn explain<'py>(&self, py: Python<'py>, address: Address) -> PyResult<Bound<'py, PyDict>> {
        let report = self.with(py, |book| book.report(address.key()))?;
        let health = report.judgement.health;
        let dict = PyDict::new(py);
        dict.set_item("owner", report.owner)?;
        dict.set_item("version", report.version)?;
        dict.set_item("slot", report.slot)?;
        dict.set_item("clock_slot", report.clock.0)?;
        dict.set_item("clock_unix_time", report.clock.1)?;
        dict.set_item(
            "weighted_collateral",
            health.map(|health| health.weighted_collateral),
        )?;
        dict.set_item("weighted_debt", health.map(|health| health.weighted_debt))?;
        dict.set_item("collateral", health.map(|health| health.collateral))?;
        dict.set_item("debt", health.map(|health| health.debt))?;
        dict.set_item("borrow_limit", health.map(|health| health.borrow_limit))?;
        dict.set_item("health_factor", health.as_ref().and_then(health_factor))?;
        dict.set_item("liquidatable", report.judgement.verdict.needs_an_act())?;
        dict.set_item(
            "reason",
            report
                .judgement
                .verdict
                .reason()
                .map(|reason| reason.name()),
        )?;
        dict.set_item("next_look_slot", report.next_look)?;
        dict.set_item("digest", hex(&report.digest))?;
        dict.set_item("candidate_id", hex(&report.candidate_id))?;
        let legs = report
            .legs
            .iter()
            .map(|leg| leg_dict(py, leg))
            .collect::<PyResult<Vec<_>>>()?;
        dict.set_item("legs", legs)?;
        Ok(dict)
    }

    /// Return what a position is: owner, version, legs, digest, candidate_id and the slot of this state.
    ///
    /// `legs` are tuples (reserve, side "collateral" or "debt", amount, tokens, mint): amount is tokens of collateral
    /// or shares of debt, tokens are at the clock and None where they cannot be computed. Raises UnknownPosition.
    fn position<'py>(&self, py: Python<'py>, address: Address) -> PyResult<Bound<'py, PyDict>> {
        let report = self.with(py, |book| book.report(address.key()))?;
        let leg = |leg: &LegReport| {
            (
                leg.reserve,
                side(leg.side),
                leg.amount,
                leg.tokens,
                leg.mint,
            )
        };
        let dict = PyDict::new(py);
        dict.set_item("owner", report.owner)?;
        dict.set_item("version", report.version)?;
        dict.set_item("legs", report.legs.iter().map(leg).collect::<Vec<_>>())?;
        dict.set_item("digest", hex(&report.digest))?;
        dict.set_item("candidate_id", hex(&report.candidate_id))?;
        dict.set_item("slot", report.slot)?;
        Ok(dict)
    }

    /// Return the addresses of all positions, in order.
    fn positions(&self, py: Python<'_>) -> PyResult<Vec<[u8; 32]>> {
        self.with(py, |book| Ok(book.positions()))
    }

    /// Return the addresses of all accounts kept, of every kind, in order: what a fresh snapshot is compared with.
    fn addresses(&self, py: Python<'_>) -> PyResult<Vec<[u8; 32]>> {
        self.with(py, |book| Ok(book.addresses()))
    }

    /// Return a tuple per position: (address, owner, health factor or None, liquidatable, C, D, slot of its state).
    ///
    /// C (rounded down) and D (rounded up) are unweighted micro-USD; the health factor Cw/Dw is for display and None
    /// without debt. With `max_health` only positions with a health factor up to it. In the order of the addresses.
    #[pyo3(signature = (max_health=None))]
    fn rows(&self, py: Python<'_>, max_health: Option<f64>) -> PyResult<Vec<Row>> {
        let lines = self.with(py, |book| Ok(book.lines(max_health)))?;
        Ok(lines.into_iter().map(row).collect())
    }

    /// Write the book to a file, whole or not at all: versioned, checksummed, what was emitted as crossed included.
    ///
    /// Raises OSError.
    fn snapshot(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let bytes = self.with(py, |book| Ok(book.to_bytes()))?;
        Ok(py.detach(|| files::replace(&path, &bytes))?)
    }

    /// Return the book that a file holds: it answers every call as the one that was written would.
    ///
    /// Raises OSError, or DecodeError for a file of another version, cut short or changed.
    #[staticmethod]
    fn restore(py: Python<'_>, path: PathBuf) -> PyResult<MarketBook> {
        let bytes = py.detach(|| std::fs::read(&path))?;
        let book = py.detach(|| {
            let mut book = Book::from_bytes(&bytes)?;
            adopt(&mut book)?;
            Ok(book)
        });
        book.map(MarketBook::from)
            .map_err(|error| to_py_err(py, error))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |book| Ok(book.len()))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let market = liquidation_core::address::to_base58(&self.market);
        let (count, slot) = self.with(py, |book| Ok((book.len(), book.clock().0)))?;
        Ok(format!(
            "MarketBook({:?}, market={market:?}, positions={count}, slot={slot})",
            self.protocol
        ))
    }
}

/// Fails for a protocol that there is no book for.
pub fn known(py: Python<'_>, protocol: Text) -> PyResult<()> {
    match protocol.0.as_str() {
        "reference" => Ok(()),
        other => Err(to_py_err(
            py,
            CoreError::Argument(format!("found protocol '{other}', expected 'reference'")),
        )),
    }
}

/// Returns the accounts as the core takes them.
pub fn borrowed(accounts: &[AccountState]) -> Vec<Account<'_>> {
    let account = |state| {
        let AccountState {
            address,
            owner,
            slot,
            data,
        }: &AccountState = state;
        Account {
            address: address.key(),
            owner: owner.key(),
            slot: *slot,
            data,
        }
    };
    accounts.iter().map(account).collect()
}

fn row(line: book::report::Line) -> Row {
    let book::report::Line {
        address,
        owner,
        health_factor,
        liquidatable,
        collateral_micro_usd,
        debt_micro_usd,
        slot,
    } = line;
    (
        address,
        owner,
        health_factor,
        liquidatable,
        collateral_micro_usd,
        debt_micro_usd,
        slot,
    )
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Collateral => "collateral",
        Side::Debt => "debt",
    }
}

fn leg_dict<'py>(py: Python<'py>, leg: &LegReport) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("reserve", PyBytes::new(py, &leg.reserve))?;
    dict.set_item("mint", leg.mint)?;
    dict.set_item("side", side(leg.side))?;
    dict.set_item("amount", leg.amount)?;
    dict.set_item("tokens", leg.tokens)?;
    dict.set_item("index", leg.index)?;
    dict.set_item("unit_price", leg.unit)?;
    dict.set_item("weight_bps", leg.weight_bps)?;
    dict.set_item("value", leg.value)?;
    dict.set_item("weighted", leg.weighted)?;
    dict.set_item("price", leg.oracle.map(|oracle| oracle.0))?;
    dict.set_item("exponent", leg.oracle.map(|oracle| oracle.1))?;
    dict.set_item("confidence", leg.oracle.map(|oracle| oracle.2))?;
    dict.set_item("oracle_slot", leg.oracle.map(|oracle| oracle.3))?;
    dict.set_item("refusal", leg.refusal)?;
    Ok(dict)
}
