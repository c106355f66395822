//! One Rust enum, one Python tree: every error of the core as a subclass of `LiquidationEngineError`.
//!
//! `DecodeError` and `WalletError` are the package's own; the others are made here and exported by the module.

use std::collections::BTreeSet;

use lending_math::Pubkey;
use liquidation_core::address::to_base58;
use liquidation_core::CoreError;
use pyo3::exceptions::{PyException, PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

const ARGUMENT: &str =
    "An argument is of another type, length or range than it must be; the message says what was found and expected.";
const UNKNOWN_POSITION: &str = "The book has no position at this address.";
const REFUSED: &str =
    "The program would refuse; `name` is its error's name (such as 'Healthy'), `code` the number (6011).";
const BOOK_BROKEN: &str =
    "An earlier call on this book failed inside; build a new one from a snapshot.";

struct Tree {
    argument: Py<PyType>,
    unknown_position: Py<PyType>,
    refused: Py<PyType>,
    book_broken: Py<PyType>,
    decode: Py<PyType>,
    wallet: Py<PyType>,
}

static TREE: PyOnceLock<Tree> = PyOnceLock::new();

/// Adds the exceptions that this module makes.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let tree = tree(py)?;
    module.add("ArgumentError", tree.argument.clone_ref(py))?;
    module.add("UnknownPosition", tree.unknown_position.clone_ref(py))?;
    module.add("Refused", tree.refused.clone_ref(py))?;
    module.add("BookBroken", tree.book_broken.clone_ref(py))
}

/// Returns the Python exception of a core error.
pub fn to_py_err(py: Python<'_>, error: CoreError) -> PyErr {
    raised(py, &error).unwrap_or_else(|failure| failure)
}

/// Returns an `ArgumentError`.
pub fn argument_error(py: Python<'_>, message: &str) -> PyErr {
    match tree(py) {
        Ok(tree) => PyErr::from_type(tree.argument.bind(py).clone(), message.to_owned()),
        Err(failure) => failure,
    }
}

/// Returns `MissingAccounts([...])` of these addresses in base58.
pub fn missing_accounts(py: Python<'_>, addresses: &BTreeSet<Pubkey>) -> PyErr {
    let named: Vec<String> = addresses.iter().map(to_base58).collect();
    let raised = || -> PyResult<PyErr> {
        let class = py
            .import("liquidation_engine.errors")?
            .getattr("MissingAccounts")?;
        Ok(PyErr::from_value(class.call1((named,))?))
    };
    raised().unwrap_or_else(|failure| failure)
}

fn raised(py: Python<'_>, error: &CoreError) -> PyResult<PyErr> {
    let tree = tree(py)?;
    let class = match error {
        CoreError::Malformed { .. } | CoreError::NotAPosition(_) | CoreError::Snapshot(_) => {
            &tree.decode
        }
        CoreError::NotAnAddress(_)
        | CoreError::UnknownProtocol(_)
        | CoreError::MissingAccount { .. }
        | CoreError::Argument(_) => &tree.argument,
        CoreError::UnknownPosition(_) => &tree.unknown_position,
        CoreError::Refused(_) => &tree.refused,
        CoreError::NotAKeypair => &tree.wallet,
        CoreError::Broken => &tree.book_broken,
    };
    let exception = class.bind(py).call1((error.to_string(),))?;
    if let CoreError::Refused(refusal) = error {
        exception.setattr("name", refusal.name())?;
        exception.setattr("code", refusal.code())?;
    }
    Ok(PyErr::from_value(exception))
}

fn tree(py: Python<'_>) -> PyResult<&Tree> {
    TREE.get_or_try_init(py, || {
        let errors = py.import("liquidation_engine.errors")?;
        let theirs = |name: &str| -> PyResult<Py<PyType>> {
            Ok(errors.getattr(name)?.cast_into::<PyType>()?.unbind())
        };
        let root = theirs("LiquidationEngineError")?.into_bound(py);
        let value = py.get_type::<PyValueError>();
        let key = py.get_type::<PyKeyError>();
        let made = |name: &str, doc: &str, bases: &[&Bound<'_, PyType>]| made(py, name, doc, bases);
        Ok(Tree {
            argument: made("ArgumentError", ARGUMENT, &[&root, &value])?,
            unknown_position: made("UnknownPosition", UNKNOWN_POSITION, &[&root, &key])?,
            refused: made("Refused", REFUSED, &[&root])?,
            book_broken: made("BookBroken", BOOK_BROKEN, &[&root])?,
            decode: theirs("DecodeError")?,
            wallet: theirs("WalletError")?,
        })
    })
}

/// Returns `class name(*bases)`, as Python's `type` makes it.
fn made(
    py: Python<'_>,
    name: &str,
    doc: &str,
    bases: &[&Bound<'_, PyType>],
) -> PyResult<Py<PyType>> {
    let body = PyDict::new(py);
    body.set_item("__module__", "liquidation_engine._core")?;
    body.set_item("__doc__", doc)?;
    let plain = py.get_type::<PyException>().getattr("__str__")?; // KeyError's would quote the message
    body.set_item("__str__", plain)?;
    let class = py
        .get_type::<PyType>()
        .call1((name, PyTuple::new(py, bases)?, body))?;
    Ok(class.cast_into::<PyType>()?.unbind())
}
