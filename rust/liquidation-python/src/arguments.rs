//! What Python hands in, checked once: a wrong type or length is an `ArgumentError` that says what was found and expected.

use std::collections::HashMap;

use lending_math::Pubkey;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyString};

use crate::errors::argument_error;

/// Exactly `N` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exactly<const N: usize>(pub [u8; N]);

/// An address.
pub type Address = Exactly<32>;

impl Address {
    /// Returns the 32 bytes.
    pub fn key(&self) -> &Pubkey {
        &self.0
    }
}

impl<'a, 'py, const N: usize> FromPyObject<'a, 'py> for Exactly<N> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let bytes = object
            .cast::<PyBytes>()
            .map_err(|_| found(&object, &format!("{N} bytes")))?;
        let bytes = bytes.as_bytes();
        let exactly = bytes.try_into().map_err(|_| {
            argument_error(
                object.py(),
                &format!("found {} bytes, expected {N}", bytes.len()),
            )
        })?;
        Ok(Exactly(exactly))
    }
}

/// Bytes of any length, borrowed from Python.
pub struct Data(pub PyBackedBytes);

impl<'a, 'py> FromPyObject<'a, 'py> for Data {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let bytes = object
            .cast::<PyBytes>()
            .map_err(|_| found(&object, "bytes"))?;
        Ok(Data(bytes.to_owned().into()))
    }
}

/// A whole number from 0 to 2⁶⁴ − 1: a slot, a time, an amount.
#[derive(Clone, Copy)]
pub struct Whole(pub u64);

impl<'a, 'py> FromPyObject<'a, 'py> for Whole {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let value = object
            .extract::<u64>() // numpy's integers too, floats never
            .map_err(|_| found(&object, "an int from 0 to 2**64 - 1"))?;
        Ok(Whole(value))
    }
}

/// Yes or no.
#[derive(Clone, Copy)]
pub struct Flag(pub bool);

impl<'a, 'py> FromPyObject<'a, 'py> for Flag {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let flag = object.cast::<PyBool>();
        flag.map(|flag| Flag(flag.is_true()))
            .map_err(|_| found(&object, "a bool"))
    }
}

/// A text.
pub struct Text(pub String);

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let text = object
            .cast::<PyString>()
            .map_err(|_| found(&object, "a str"))?;
        Ok(Text(text.to_string()))
    }
}

/// A sequence of texts.
pub struct Names(pub Vec<Text>);

impl<'a, 'py> FromPyObject<'a, 'py> for Names {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let wanted = || found(&object, "a sequence of str");
        if object.is_instance_of::<PyString>() {
            return Err(wanted());
        }
        let items = object.try_iter().map_err(|_| wanted())?;
        let names = items.map(|item| item?.extract::<Text>());
        Ok(Names(names.collect::<PyResult<_>>()?))
    }
}

/// Prices by asset: a dict from names to mantissas, 0 for none.
pub struct Prices(pub HashMap<String, i64>);

impl<'a, 'py> FromPyObject<'a, 'py> for Prices {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let wanted = || found(&object, "a dict of str to int");
        let dict = object.cast::<PyDict>().map_err(|_| wanted())?;
        let mut prices = HashMap::with_capacity(dict.len());
        for (name, price) in dict.iter() {
            let (Text(name), Whole(price)) = (name.extract()?, price.extract()?);
            let price = i64::try_from(price).map_err(|_| {
                let message =
                    format!("found price {price} for asset '{name}', expected 0 to 2**63 - 1");
                argument_error(object.py(), &message)
            })?;
            prices.insert(name, price);
        }
        Ok(Prices(prices))
    }
}

/// One account's state: (address, owner, slot, data).
pub struct AccountState {
    pub address: Address,
    pub owner: Address,
    pub slot: u64,
    pub data: PyBackedBytes,
}

impl<'a, 'py> FromPyObject<'a, 'py> for AccountState {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let wanted = "a tuple (address, owner, slot, data)";
        let fields = object
            .cast::<pyo3::types::PyTuple>()
            .map_err(|_| found(&object, wanted))?;
        if fields.len() != 4 {
            let message = format!("found a tuple of {}, expected {wanted}", fields.len());
            return Err(argument_error(object.py(), &message));
        }
        let address = fields.get_item(0)?.extract::<Address>()?;
        let owner = fields.get_item(1)?.extract::<Address>()?;
        let Whole(slot) = fields.get_item(2)?.extract::<Whole>()?;
        let Data(data) = fields.get_item(3)?.extract::<Data>()?;
        Ok(AccountState {
            address,
            owner,
            slot,
            data,
        })
    }
}

/// Returns the error for an argument of another type or range; ints are shown, everything else by its type alone.
pub fn found(object: &Borrowed<'_, '_, PyAny>, expected: &str) -> PyErr {
    let kind = object
        .get_type()
        .name()
        .map_or_else(|_| "object".to_owned(), |name| name.to_string());
    let shown = if object.is_instance_of::<PyInt>() {
        format!("{kind} {}", **object)
    } else {
        kind
    };
    argument_error(object.py(), &format!("found {shown}, expected {expected}"))
}
