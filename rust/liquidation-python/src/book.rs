//! `PositionBook`: a generic market behind a lock, every call with the GIL released.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::market::Asset;
use liquidation_core::book::generic::verdicts::Crossings;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::scenario::Scenarios;
use liquidation_core::CoreError;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyTuple};

use crate::arguments::{Address, Flag, Names, Text, Whole};
use crate::columns::{Column, Table};
use crate::errors::to_py_err;
use crate::files;
use crate::market::MarketBook;
use crate::progress::Listener;
use crate::scenario;
use crate::shelf::Shelf;

/// A market of your own: amounts by asset, prices and weights, every position judged in exact integers.
///
/// A leg is amount * mantissa * weight_bps * 10**(exponent - decimals + 18) / 10**4 in 1e-18 quote units, rounded down
/// for collateral and up for debt; a position is liquidatable iff the sum of its collateral is below that of its debt.
/// Slot 2 * asset is collateral, 2 * asset + 1 debt. Every weight is 10,000 until set_weights, every price missing (0)
/// until the first tick. `decimals` is uint8[a], `exponents` int8[a] as Pyth's. After every call liquidatable() equals
/// what judging each position anew would give, and each crossing was returned once. Calls may come from several
/// threads: one runs at a time, with the GIL released. Arrays are aligned and without gaps; they are read where they
/// are, so that no thread may write to them meanwhile, and read-only ones will do. Whatever is at fault raises
/// ArgumentError, which says what was found and what was expected, and then nothing changed; BookBroken if an
/// earlier call failed inside.
#[pyclass(frozen, module = "liquidation_engine._core")]
pub struct PositionBook {
    shelf: Mutex<Shelf>,
}

/// Ids as an array.
pub type Ids<'py> = Bound<'py, PyArray1<u64>>;

impl From<GenericBook> for PositionBook {
    fn from(book: GenericBook) -> PositionBook {
        PositionBook {
            shelf: Mutex::new(Shelf::new(book)),
        }
    }
}

impl PositionBook {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut GenericBook) -> Result<T, CoreError> + Send,
    ) -> PyResult<T> {
        py.detach(|| self.locked()?.with(act))
            .map_err(|error| to_py_err(py, error))
    }

    /// Takes new prices of those of its assets that are named, the others as they were; `None` if it has none of them.
    pub fn tick_named(
        &self,
        prices: &HashMap<String, i64>,
        clock: (u64, u64),
    ) -> Result<Option<Crossings>, CoreError> {
        self.locked()?.with(|book| {
            let (assets, before) = (book.market().assets(), book.market().mantissas());
            let named = assets.iter().map(|asset| prices.get(&asset.name).copied());
            let mantissas = named
                .clone()
                .zip(before)
                .map(|(named, before)| named.unwrap_or(i64::try_from(*before).unwrap_or(i64::MAX)));
            if named.flatten().next().is_none() {
                return Ok(None);
            }
            let mantissas: Vec<i64> = mantissas.collect();
            book.tick(&mantissas, clock.0, clock.1).map(Some)
        })
    }

    /// Returns the names of its assets.
    pub fn names(&self) -> Result<Vec<String>, CoreError> {
        let mut shelf = self.locked()?;
        shelf.with(|book| {
            Ok(book
                .market()
                .assets()
                .iter()
                .map(|asset| asset.name.clone())
                .collect())
        })
    }

    fn locked(&self) -> Result<MutexGuard<'_, Shelf>, CoreError> {
        self.shelf.lock().map_err(|_| CoreError::Broken)
    }
}

#[pymethods]
impl PositionBook {
    #[new]
    fn new(
        py: Python<'_>,
        assets: Names,
        decimals: Column<'_, u8>,
        exponents: Column<'_, i8>,
    ) -> PyResult<PositionBook> {
        let (decimals, exponents) = (decimals.values()?, exponents.values()?);
        let book = described(assets.0, decimals, exponents)
            .and_then(|assets| GenericBook::new(assets, kernel()?));
        let book = book.map_err(|error| to_py_err(py, error))?;
        Ok(PositionBook::from(book))
    }

    /// Return an empty book of a protocol's market, its clock at slot 0. The only protocol yet is "reference".
    ///
    /// Raises ArgumentError for another protocol, or addresses that are not 32 bytes.
    #[staticmethod]
    fn for_market(
        py: Python<'_>,
        protocol: Text,
        program: Address,
        market: Address,
    ) -> PyResult<MarketBook> {
        MarketBook::open(py, protocol, program, market)
    }

    /// The names of the assets, in the order of their slots.
    #[getter]
    fn assets(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| self.names())
            .map_err(|error| to_py_err(py, error))
    }

    /// The largest slot and unix time (seconds) that a tick brought.
    #[getter]
    fn clock(&self, py: Python<'_>) -> PyResult<(u64, u64)> {
        self.with(py, |book| Ok(book.clock()))
    }

    /// The screen's instruction set: "avx512", "avx2" or "portable"; LIQUIDATION_KERNEL forces one on new books.
    #[getter]
    fn kernel(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.with(py, |book| Ok(book.kernel().name()))
    }

    /// Insert or replace positions; return (crossed, recovered) at the current prices, ids ascending (uint64).
    ///
    /// `ids` is uint64[n], `offsets` uint32[n + 1] from 0, `slots` uint16[legs] and `amounts` uint64[legs] in smallest
    /// units: position i has the legs offsets[i] to offsets[i + 1], at most 16 a side. A replaced position that is
    /// liquidatable is in `crossed` again. Raises ArgumentError for a wrong dtype, shape, offset or slot, or an id
    /// that comes twice; the book is then unchanged.
    fn set_positions<'py>(
        &self,
        py: Python<'py>,
        ids: Column<'py, u64>,
        offsets: Column<'py, u32>,
        slots: Column<'py, u16>,
        amounts: Column<'py, u64>,
    ) -> PyResult<(Ids<'py>, Ids<'py>)> {
        let (ids, offsets, slots, amounts) = (
            ids.values()?,
            offsets.values()?,
            slots.values()?,
            amounts.values()?,
        );
        let news = self.with(py, |book| book.set_positions(ids, offsets, slots, amounts))?;
        Ok(arrays(py, news))
    }

    /// Take positions (uint64[n]) out; return (crossed, recovered), of which the first is empty.
    ///
    /// `recovered` are those that were liquidatable, ascending (uint64). Raises UnknownPosition, or ArgumentError for a
    /// wrong dtype or shape or an id that comes twice; the book is then unchanged.
    fn remove<'py>(
        &self,
        py: Python<'py>,
        ids: Column<'py, u64>,
    ) -> PyResult<(Ids<'py>, Ids<'py>)> {
        let ids = ids.values()?;
        let news = self.with(py, |book| book.remove(ids))?;
        Ok(arrays(py, news))
    }

    /// Take the weights of collateral and debt (uint32[a] each, basis points); return (crossed, recovered).
    ///
    /// Both uint64, ascending, as of a tick. Raises ArgumentError for a wrong dtype or a length other than a; the book is
    /// then unchanged.
    fn set_weights<'py>(
        &self,
        py: Python<'py>,
        collateral_bps: Column<'py, u32>,
        debt_bps: Column<'py, u32>,
    ) -> PyResult<(Ids<'py>, Ids<'py>)> {
        let (collateral, debt) = (collateral_bps.values()?, debt_bps.values()?);
        let news = self.with(py, |book| book.set_weights(collateral, debt))?;
        Ok(arrays(py, news))
    }

    /// Take the prices' mantissas (int64[a], 0 for none), slot and unix time (seconds); return (crossed, recovered).
    ///
    /// `crossed` are positions that newly are liquidatable (or were rearmed), `recovered` those that no longer are;
    /// both uint64, ascending, each crossing exactly once. The clock never goes back. Raises ArgumentError for a wrong
    /// dtype (floats are never prices), a length other than a, a negative price, or a slot or time that is not an int from
    /// 0 to 2**64 - 1; the book is then unchanged.
    fn tick<'py>(
        &self,
        py: Python<'py>,
        prices: Column<'py, i64>,
        slot: Whole,
        unix_time: Whole,
    ) -> PyResult<(Ids<'py>, Ids<'py>)> {
        let prices = prices.values()?;
        let news = self.with(py, |book| book.tick(prices, slot.0, unix_time.0))?;
        Ok(arrays(py, news))
    }

    /// Return every liquidatable position (uint64, ascending) by looking at all of them.
    fn sweep<'py>(&self, py: Python<'py>) -> PyResult<Ids<'py>> {
        Ok(self.with(py, |book| Ok(book.sweep()))?.into_pyarray(py))
    }

    /// Return every liquidatable position (uint64, ascending) as the last call left it.
    fn liquidatable<'py>(&self, py: Python<'py>) -> PyResult<Ids<'py>> {
        Ok(self
            .with(py, |book| Ok(book.liquidatable()))?
            .into_pyarray(py))
    }

    /// Return how many positions the screen of a full sweep cannot rule out, those known to be liquidatable aside.
    fn screen(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |book| Ok(book.screen()))
    }

    /// Order all positions anew at the current prices: ticks are cheapest right after.
    ///
    /// A book does so by itself, on a thread of its own, when ticks have become dear. With `wait` it is done when this returns,
    /// else it goes on beside later calls, of which one takes the new order into use.
    #[pyo3(signature = (wait=Flag(true)), text_signature = "($self, wait=True)")]
    fn reanchor(&self, py: Python<'_>, wait: Flag) -> PyResult<()> {
        let reanchored = py.detach(|| self.locked().map(|mut shelf| shelf.reanchor(wait.0)));
        reanchored.map_err(|error| to_py_err(py, error))
    }

    /// Let the next tick return a position as crossed again if it is still liquidatable.
    ///
    /// Raises UnknownPosition, or ArgumentError for an id that is not an int from 0 to 2**64 - 1.
    fn rearm(&self, py: Python<'_>, id: Whole) -> PyResult<()> {
        self.with(py, |book| book.rearm(id.0))
    }

    /// Return collateral over debt of each position (float64[n], for display); inf without debt.
    ///
    /// `ids` is uint64[n]. The quotient of the exact sums, rounded to within a few units in the last place: below 1 does
    /// not decide, health_exact does. Raises UnknownPosition, or ArgumentError for a wrong dtype or shape.
    fn health<'py>(
        &self,
        py: Python<'py>,
        ids: Column<'py, u64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let ids = ids.values()?;
        Ok(self.with(py, |book| book.health(ids))?.into_pyarray(py))
    }

    /// Return (collateral, debt) of a position in 1e-18 quote units, exact: liquidatable iff the first is smaller.
    ///
    /// Both with their weights, each leg rounded down for collateral and up for debt. Raises UnknownPosition, or
    /// ArgumentError for an id that is not an int from 0 to 2**64 - 1.
    fn health_exact<'py>(
        &self,
        py: Python<'py>,
        id: Whole,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let (collateral, debt) = self.with(py, |book| book.health_exact(id.0))?;
        let whole = |bytes: [u8; 80]| {
            let int = py.get_type::<PyInt>();
            int.call_method1("from_bytes", (PyBytes::new(py, &bytes), "little"))
        };
        Ok((whole(collateral.to_le_bytes())?, whole(debt.to_le_bytes())?))
    }

    /// Return up to n positions with debt (uint64), lowest health first, of equal ones the lower id first.
    ///
    /// Raises ArgumentError for an n that is not an int from 0 to 2**64 - 1.
    fn nearest<'py>(&self, py: Python<'py>, n: Whole) -> PyResult<Ids<'py>> {
        let count = usize::try_from(n.0).unwrap_or(usize::MAX);
        Ok(self
            .with(py, |book| Ok(book.nearest(count)))?
            .into_pyarray(py))
    }

    /// Return the price mantissa nearest to today's at which a position is liquidatable, all else as it is; None if none is.
    ///
    /// `asset` counts from 0; of two mantissas equally near the lower one is returned, from 0 to 2**63 - 1. Raises
    /// UnknownPosition, or ArgumentError for an unknown asset or one held by several legs on both sides.
    fn liquidation_price(&self, py: Python<'_>, id: Whole, asset: Whole) -> PyResult<Option<u64>> {
        let asset = usize::try_from(asset.0).unwrap_or(usize::MAX);
        self.with(py, |book| book.liquidation_price(id.0, asset))
    }

    /// Return how many positions have a health in each bin (uint64[n - 1]) of `edges` (float64[n]), as numpy.histogram.
    ///
    /// Each edge is above the one before; only the last bin holds its upper one; without debt the health is inf. Raises
    /// ArgumentError for a wrong dtype or shape, fewer than two edges, or one that is not above the one before.
    fn histogram<'py>(&self, py: Python<'py>, edges: Column<'py, f64>) -> PyResult<Ids<'py>> {
        let edges = edges.values()?;
        Ok(self
            .with(py, |book| book.histogram(edges))?
            .into_pyarray(py))
    }

    /// Return (counts uint64[s], debt_at_risk float64[s], shortfall float64[s]) of all positions under shocked prices.
    ///
    /// `shocks` is float64[s, a], a row per scenario: -0.3 is a fall by 30 %. A mantissa becomes
    /// floor(mantissa * (1 + shock)) in IEEE doubles, as numpy computes it; 0 leaves it as it is, at -1 the price is
    /// gone. Counts are of liquidatable positions, by the exact rule; debt_at_risk is the market value of their debts,
    /// without weights and in quote currency, shortfall what of it their collateral's market value leaves uncovered.
    /// With `ids` also (offsets uint64[s + 1], ids uint64[offsets[s]]): scenario i has ids[offsets[i]:offsets[i + 1]],
    /// ascending. `progress` is a callable of (done, total), True for a line on stderr, False for none; without it the
    /// line is drawn where stderr is a terminal and the call takes over a second. Positions are as they are when the
    /// call begins: other threads may use the book meanwhile. What `progress` raises, or Ctrl-C, ends the call.
    /// Raises ArgumentError, also for a shock below -1 or a price from 2**63 on.
    #[pyo3(signature = (shocks, *, ids=Flag(false), progress=None), text_signature = "($self, shocks, *, ids=False, progress=None)")]
    fn scenario<'py>(
        &self,
        py: Python<'py>,
        shocks: Table<'py, f64>,
        ids: Flag,
        progress: Option<Listener>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let (shocks, assets) = shocks.values()?;
        let scenarios = self.with(py, |book| Scenarios::new(book, shocks, assets, ids.0))?;
        let listener = progress.map_or_else(|| Listener::unasked(py), Ok)?;
        scenario::arrays(py, scenario::run(py, scenarios, &listener)?, ids.0)
    }

    /// Return the bytes that the book occupies: {"hot": what a full sweep reads, "total": everything}.
    fn memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let memory = self.with(py, |book| Ok(book.memory()))?;
        let dict = PyDict::new(py);
        dict.set_item("hot", memory.hot)?;
        dict.set_item("total", memory.total)?;
        Ok(dict)
    }

    /// Write the book to a file, whole or not at all: versioned, checksummed, what was returned as crossed included.
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
    fn restore(py: Python<'_>, path: PathBuf) -> PyResult<PositionBook> {
        let bytes = py.detach(|| std::fs::read(&path))?;
        let book = py
            .detach(|| GenericBook::from_bytes(&bytes, kernel()?))
            .map_err(|error| to_py_err(py, error))?;
        Ok(PositionBook::from(book))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |book| Ok(book.len()))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (assets, count) =
            self.with(py, |book| Ok((book.market().assets().len(), book.len())))?;
        Ok(format!("PositionBook(assets={assets}, positions={count})"))
    }
}

/// Returns the kernel that the environment forces, or the best one.
pub fn kernel() -> Result<Kernel, CoreError> {
    match std::env::var("LIQUIDATION_KERNEL") {
        Ok(name) => Kernel::named(&name),
        Err(_) => Ok(Kernel::best()),
    }
}

fn described(names: Vec<Text>, decimals: &[u8], exponents: &[i8]) -> Result<Vec<Asset>, CoreError> {
    for (what, found) in [("decimals", decimals.len()), ("exponents", exponents.len())] {
        if found != names.len() {
            let message = format!(
                "found {found} {what}, expected {}: one per asset",
                names.len()
            );
            return Err(CoreError::Argument(message));
        }
    }
    let columns = names.into_iter().zip(decimals.iter().zip(exponents));
    let asset = |(name, (decimals, exponent)): (Text, (&u8, &i8))| Asset {
        name: name.0,
        decimals: *decimals,
        exponent: *exponent,
    };
    Ok(columns.map(asset).collect())
}

/// Returns both lists as arrays: a long one is handed over as it is, a short one is cheaper to copy.
pub fn arrays(py: Python<'_>, news: Crossings) -> (Ids<'_>, Ids<'_>) {
    (array(py, news.crossed), array(py, news.recovered))
}

fn array(py: Python<'_>, ids: Vec<u64>) -> Ids<'_> {
    const SHORT: usize = 64;
    if ids.len() > SHORT {
        ids.into_pyarray(py)
    } else {
        PyArray1::from_slice(py, &ids)
    }
}
