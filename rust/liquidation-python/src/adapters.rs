//! `predict`, `health`, `best_plan`, `explain`: questions about a protocol's raw accounts, answered by its adapter.
//!
//! What comes back is plain tuples; `liquidation_engine.protocols.adapter` gives them names.

use std::collections::BTreeMap;

use liquidation_core::errors::CoreError;
use liquidation_core::protocols::adapter::{
    self, Account, Accounts, Adapter, Choice, Clock, Policy, Prediction, Request, Unanswered, Wide,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyTuple};
use pyo3::BoundObject;

use crate::arguments::{Address, Data, Text, Whole};
use crate::errors::{argument_error, missing_accounts, to_py_err};

/// (address, owner, lamports, data) of each account.
type Given = Vec<(Address, Address, Whole, Data)>;
/// (position, debt reserve, collateral reserve, amount, liquidator, min_received, instruction, version).
type Asked = (
    Address,
    Address,
    Address,
    Whole,
    Option<Address>,
    Whole,
    Option<Text>,
    Option<Text>,
);
/// (position, liquidator, [(mint, balance)], min_profit, costs, instruction, version).
type Held = (
    Option<Address>,
    Option<Address>,
    Vec<(Address, Whole)>,
    i128,
    Whole,
    Option<Text>,
    Option<Text>,
);

/// Return the names of the protocols that the questions below are answered for.
#[pyfunction]
pub fn protocol_names() -> Vec<&'static str> {
    adapter::names().collect()
}

/// Return what a protocol's program will do with a liquidation, as a tuple.
#[pyfunction]
pub fn predict(
    py: Python<'_>,
    protocol: &str,
    accounts: Given,
    clock: (u64, i64),
    request: Asked,
) -> PyResult<Py<PyTuple>> {
    let request = asked(request);
    let answer = answer(
        py,
        protocol,
        &accounts,
        clock,
        |adapter, accounts, clock| adapter.predict(accounts, clock, &request),
    )?;
    prediction_tuple(py, &answer)
}

/// Return (numerator, denominator, liquidatable, reason) of a position.
#[pyfunction]
pub fn health(
    py: Python<'_>,
    protocol: &str,
    accounts: Given,
    clock: (u64, i64),
    position: Address,
) -> PyResult<Py<PyTuple>> {
    let health = answer(
        py,
        protocol,
        &accounts,
        clock,
        |adapter, accounts, clock| adapter.health(accounts, clock, position.key()),
    )?;
    let numerator = whole(py, &health.numerator)?;
    let denominator = whole(py, &health.denominator)?;
    tuple(
        py,
        (numerator, denominator, health.liquidatable, health.reason),
    )
}

/// Return whether the book's screen looks at a position, None where it cannot tell.
#[pyfunction]
pub fn screened(
    py: Python<'_>,
    protocol: &str,
    accounts: Given,
    clock: (u64, i64),
    position: Address,
) -> PyResult<Option<bool>> {
    answer(
        py,
        protocol,
        &accounts,
        clock,
        |adapter, accounts, clock| adapter.screened(accounts, clock, position.key()),
    )
}

/// Return (request, prediction, profit), or the reason why there is no plan.
#[pyfunction]
pub fn best_plan(
    py: Python<'_>,
    protocol: &str,
    accounts: Given,
    clock: (u64, i64),
    policy: Held,
) -> PyResult<Py<PyAny>> {
    let policy = held(policy);
    let choice = answer(
        py,
        protocol,
        &accounts,
        clock,
        |adapter, accounts, clock| adapter.best_plan(accounts, clock, &policy),
    )?;
    match choice {
        Choice::Refusal(reason) => Ok(reason.into_pyobject(py)?.into_any().unbind()),
        Choice::Plan(plan) => {
            let request = request_tuple(py, &plan.request)?;
            let prediction = prediction_tuple(py, &plan.prediction)?;
            Ok(tuple(py, (request, prediction, plan.profit))?.into_any())
        }
    }
}

/// Return every term of a position's health: (section, name, value, scale, rounding, note).
#[pyfunction]
pub fn explain(
    py: Python<'_>,
    protocol: &str,
    accounts: Given,
    clock: (u64, i64),
    position: Address,
) -> PyResult<Vec<Py<PyTuple>>> {
    let terms = answer(
        py,
        protocol,
        &accounts,
        clock,
        |adapter, accounts, clock| adapter.explain(accounts, clock, position.key()),
    )?;
    let line = |term: adapter::Term| {
        let value = whole(py, &term.value)?;
        let value = if term.negative { value.neg()? } else { value };
        tuple(
            py,
            (
                term.section,
                term.name,
                value,
                term.scale,
                term.rounding,
                term.note,
            ),
        )
    };
    terms.into_iter().map(line).collect()
}

/// Asks the adapter without the GIL, and turns what keeps it from answering into an exception.
fn answer<T: Send>(
    py: Python<'_>,
    protocol: &str,
    given: &Given,
    (slot, unix_timestamp): (u64, i64),
    ask: impl Fn(&dyn Adapter, &Accounts, Clock) -> Result<T, Unanswered> + Send + Sync,
) -> PyResult<T> {
    let Some(adapter) = adapter::named(protocol) else {
        return Err(to_py_err(
            py,
            CoreError::UnknownProtocol(protocol.to_owned()),
        ));
    };
    let clock = Clock {
        slot,
        unix_timestamp,
    };
    let accounts: Accounts = given.iter().map(account).collect();
    if accounts.len() != given.len() {
        return Err(argument_error(
            py,
            "found an address twice among the accounts",
        ));
    }
    py.detach(|| ask(adapter, &accounts, clock))
        .map_err(|unanswered| match unanswered {
            Unanswered::Missing(addresses) => missing_accounts(py, &addresses),
            Unanswered::Wrong(error) => to_py_err(py, error),
        })
}

fn account(
    (address, owner, lamports, data): &(Address, Address, Whole, Data),
) -> ([u8; 32], Account<'_>) {
    let account = Account {
        owner: owner.0,
        lamports: lamports.0,
        data: &data.0,
    };
    (address.0, account)
}

fn asked(given: Asked) -> Request {
    let (position, debt, collateral, amount, liquidator, min_received, instruction, version) =
        given;
    Request {
        position: position.0,
        debt_reserve: debt.0,
        collateral_reserve: collateral.0,
        amount: amount.0,
        liquidator: liquidator.map(|address| address.0),
        min_received: min_received.0,
        instruction: instruction.map(|text| text.0),
        version: version.map(|text| text.0),
    }
}

fn held(given: Held) -> Policy {
    let (position, liquidator, balances, min_profit, costs, instruction, version) = given;
    let balances: BTreeMap<_, _> = balances
        .into_iter()
        .map(|(mint, balance)| (mint.0, balance.0))
        .collect();
    Policy {
        position: position.map(|address| address.0),
        liquidator: liquidator.map(|address| address.0),
        balances,
        min_profit,
        costs: costs.0,
        instruction: instruction.map(|text| text.0),
        version: version.map(|text| text.0),
    }
}

fn request_tuple(py: Python<'_>, request: &Request) -> PyResult<Py<PyTuple>> {
    let bytes = |address: &[u8; 32]| PyBytes::new(py, address);
    tuple(
        py,
        (
            bytes(&request.position),
            bytes(&request.debt_reserve),
            bytes(&request.collateral_reserve),
            request.amount,
            request.liquidator.as_ref().map(bytes),
            request.min_received,
            request.instruction.clone(),
            request.version.clone(),
        ),
    )
}

fn prediction_tuple(py: Python<'_>, prediction: &Prediction) -> PyResult<Py<PyTuple>> {
    let after = PyDict::new(py);
    for (address, data) in &prediction.accounts_after {
        after.set_item(PyBytes::new(py, address), PyBytes::new(py, data))?;
    }
    tuple(
        py,
        (
            prediction.repaid,
            prediction.debt_relieved,
            prediction.seized,
            prediction.seized_shares,
            prediction.protocol_fee,
            (prediction.bonus.numerator, prediction.bonus.denominator),
            prediction.bonus.bps_half_up(),
            prediction.error,
            after,
        ),
    )
}

fn tuple<'py>(
    py: Python<'py>,
    values: impl IntoPyObject<'py, Target = PyTuple, Error = PyErr>,
) -> PyResult<Py<PyTuple>>
where
{
    Ok(values.into_pyobject(py)?.into_bound().unbind())
}

/// Returns an unsigned little-endian number as Python's int.
fn whole<'py>(py: Python<'py>, wide: &Wide) -> PyResult<Bound<'py, PyAny>> {
    py.get_type::<PyInt>()
        .call_method1("from_bytes", (PyBytes::new(py, wide), "little"))
}
