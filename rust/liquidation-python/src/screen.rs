//! `Screen`: one market of a real protocol behind a lock, every call with the GIL released.

use std::sync::Mutex;

use liquidation_core::protocols::adapter::{self, Account, Clock};
use liquidation_core::CoreError;
use pyo3::prelude::*;

use crate::arguments::{Address, Data, Text, Whole};
use crate::errors::to_py_err;

/// One market of a real protocol, kept so that a change of prices or time tells at once who has to be judged exactly.
///
/// Accounts come in by apply: reserves and positions as they are found, then what wanted() names. Calls may come from several threads: one
/// runs at a time, with the GIL released. Raises ArgumentError for a protocol that has no screen, or a market that is not 32 bytes.
#[pyclass(frozen, module = "liquidation_engine._core")]
pub struct Screen(Mutex<Box<dyn adapter::Screen>>);

impl Screen {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        act: impl FnOnce(&mut dyn adapter::Screen) -> Result<T, CoreError> + Send,
    ) -> PyResult<T> {
        py.detach(|| act(&mut **self.0.lock().map_err(|_| CoreError::Broken)?))
            .map_err(|error| to_py_err(py, error))
    }
}

#[pymethods]
impl Screen {
    #[new]
    fn new(py: Python<'_>, protocol: Text, market: Address) -> PyResult<Screen> {
        let adapter = adapter::named(&protocol.0);
        let screen = adapter.and_then(|adapter| adapter.screen(market.key()));
        let screen = screen.ok_or_else(|| {
            CoreError::Argument(format!(
                "found protocol '{}', expected one with a screen",
                protocol.0
            ))
        });
        let screen = screen.map_err(|error| to_py_err(py, error))?;
        Ok(Screen(Mutex::new(screen)))
    }

    /// Take one account's state; return whether it concerns this market and is not older than the one known.
    ///
    /// The balance counts where a price hangs on it, as a staked token's does. Empty data or another owner closes the account.
    /// Raises DecodeError for bytes the program did not write, and nothing changes.
    #[pyo3(signature = (address, owner, slot, data, lamports=Whole(1)), text_signature = "($self, address, owner, slot, data, lamports=1)")]
    fn apply(
        &self,
        py: Python<'_>,
        address: Address,
        owner: Address,
        slot: Whole,
        data: Data,
        lamports: Whole,
    ) -> PyResult<bool> {
        let account = Account {
            owner: *owner.key(),
            lamports: lamports.0,
            data: &data.0,
        };
        self.with(py, |screen| screen.take(address.key(), &account, slot.0))
    }

    /// Return the accounts that prices hang on and that were not seen yet.
    fn wanted(&self, py: Python<'_>) -> PyResult<Vec<[u8; 32]>> {
        self.with(py, |screen| Ok(screen.wanted()))
    }

    /// Return every position that may be liquidatable then, in the order of the addresses: all that are, and few besides.
    fn suspects(&self, py: Python<'_>, slot: Whole, unix_time: i64) -> PyResult<Vec<[u8; 32]>> {
        let clock = Clock {
            slot: slot.0,
            unix_timestamp: unix_time,
        };
        self.with(py, |screen| screen.suspects(clock))
    }
}
