//! Small words: what a call changed, digests, ids, addresses as text, signatures.

use liquidation_core::book;
use liquidation_core::protocols::reference::digest;
use liquidation_core::{address, transaction};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arguments::{Address, Data, Exactly, Text};
use crate::errors::{argument_error, to_py_err};

/// What a call on a book changed; positions in the order of their addresses.
#[pyclass(frozen, get_all, module = "liquidation_engine._core")]
pub struct Change {
    crossed: Vec<[u8; 32]>,
    recovered: Vec<[u8; 32]>,
    kind: &'static str,
    evaluated: usize,
}

impl From<book::Change> for Change {
    fn from(change: book::Change) -> Change {
        let book::Change {
            crossed,
            recovered,
            kind,
            evaluated,
        } = change;
        Change {
            crossed,
            recovered,
            kind,
            evaluated,
        }
    }
}

#[pymethods]
impl Change {
    fn __repr__(&self) -> String {
        let (crossed, recovered) = (self.crossed.len(), self.recovered.len());
        format!(
            "Change(kind={:?}, crossed={crossed}, recovered={recovered}, evaluated={})",
            self.kind, self.evaluated
        )
    }
}

/// Return the ed25519 signature (64 bytes) of `message` under a keypair: 32 secret bytes, then their public key.
///
/// Raises WalletError if the two halves do not belong together.
#[pyfunction]
pub fn sign_message(
    py: Python<'_>,
    secret_64: Exactly<64>,
    message: Data,
) -> PyResult<Bound<'_, PyBytes>> {
    let signature = py
        .detach(|| transaction::sign(&secret_64.0, &message.0))
        .map_err(|error| to_py_err(py, error))?;
    Ok(PyBytes::new(py, &signature))
}

/// Return the digest of a position account's material fields as 64 hex digits: version and legs, not the slot.
///
/// Raises DecodeError if the bytes are not a position.
#[pyfunction]
pub fn state_digest(py: Python<'_>, position_data: Data) -> PyResult<String> {
    digest::state_digest(&position_data.0)
        .map(|digest| hex(&digest))
        .map_err(|error| to_py_err(py, error))
}

/// Return the id of the need to liquidate a position in a state, as 32 hex digits.
///
/// It is the first half of sha256(position, digest): the same on any instance, after any restart.
#[pyfunction]
pub fn candidate_id(py: Python<'_>, position: Address, digest: Text) -> PyResult<String> {
    let state = from_hex(&digest.0).ok_or_else(|| {
        argument_error(py, "digest: expected 64 hex digits, as state_digest gives")
    })?;
    Ok(hex(&digest::candidate_id(position.key(), &state)))
}

/// Return a 32-byte address in base58.
#[pyfunction]
pub fn to_base58(address: Address) -> String {
    address::to_base58(address.key())
}

/// Return the 32 bytes of an address in base58.
///
/// Raises ArgumentError for any other text.
#[pyfunction]
pub fn from_base58(py: Python<'_>, text: Text) -> PyResult<Bound<'_, PyBytes>> {
    let address = address::from_base58(&text.0).map_err(|error| to_py_err(py, error))?;
    Ok(PyBytes::new(py, &address))
}

/// Returns lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}
