//! `PositionBook.scenario`: steps with the GIL released, and between them whoever listens.

use liquidation_core::scenario::{Outcome, Scenarios};
use numpy::IntoPyArray;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::progress::Listener;

/// Runs all scenarios; ends early with what the listener or a signal raises.
pub fn run(py: Python<'_>, mut scenarios: Scenarios, listener: &Listener) -> PyResult<Outcome> {
    while py.detach(|| scenarios.step()) {
        listener.tell(py, "scenarios", scenarios.done(), scenarios.len())?;
    }
    listener.tell(py, "scenarios", scenarios.done(), scenarios.len())?;
    Ok(scenarios.outcome())
}

/// Returns (counts, debt_at_risk, shortfall), and (offsets, ids) behind them if they were asked for; nothing is copied.
pub fn arrays(py: Python<'_>, outcome: Outcome, with_ids: bool) -> PyResult<Bound<'_, PyTuple>> {
    let counts = outcome.counts.into_pyarray(py).into_any();
    let debt = outcome.debt_at_risk.into_pyarray(py).into_any();
    let shortfall = outcome.shortfall.into_pyarray(py).into_any();
    if !with_ids {
        return PyTuple::new(py, [counts, debt, shortfall]);
    }
    let offsets = outcome.offsets.into_pyarray(py).into_any();
    let ids = outcome.ids.into_pyarray(py).into_any();
    PyTuple::new(py, [counts, debt, shortfall, offsets, ids])
}
