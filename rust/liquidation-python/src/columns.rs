//! NumPy arrays, borrowed: a wrong dtype, shape or layout is an `ArgumentError` that says what was found and expected.

use numpy::{
    Element, Ix1, Ix2, PyArray, PyArrayDescrMethods, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arguments::found;
use crate::errors::argument_error;

/// A one-dimensional array of `T`, aligned and without gaps.
pub struct Column<'py, T: Element>(Bound<'py, PyArray<T, Ix1>>);

impl<T: Element> Column<'_, T> {
    /// Returns the numbers, borrowed from the array; Python's other threads must leave it alone meanwhile.
    pub fn values(&self) -> PyResult<&[T]> {
        borrowed(&self.0)
    }
}

/// A two-dimensional array of `T`, row by row, aligned and without gaps.
pub struct Table<'py, T: Element>(Bound<'py, PyArray<T, Ix2>>);

impl<T: Element> Table<'_, T> {
    /// Returns the numbers of all rows, borrowed as a column's, and how many a row has.
    pub fn values(&self) -> PyResult<(&[T], usize)> {
        Ok((borrowed(&self.0)?, self.0.shape()[1]))
    }
}

#[allow(unsafe_code)]
fn borrowed<'a, T: Element, D: numpy::ndarray::Dimension>(
    array: &'a Bound<'_, PyArray<T, D>>,
) -> PyResult<&'a [T]> {
    // SAFETY: the array is aligned, lives as long as the borrow, and nothing in this crate writes to one that it was given
    Ok(unsafe { array.as_slice() }?)
}

impl<'a, 'py, T: Element> FromPyObject<'a, 'py> for Column<'py, T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyArray<T, Ix1>>() {
            Ok(array) if is_plain(&array) => Ok(Column(array.to_owned())),
            _ => Err(refused::<T>(object, 1)),
        }
    }
}

impl<'a, 'py, T: Element> FromPyObject<'a, 'py> for Table<'py, T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyArray<T, Ix2>>() {
            Ok(array) if is_plain(&array) => Ok(Table(array.to_owned())),
            _ => Err(refused::<T>(object, 2)),
        }
    }
}

fn is_plain<T: Element, D: numpy::ndarray::Dimension>(array: &Bound<'_, PyArray<T, D>>) -> bool {
    array.is_c_contiguous() && array.data().is_aligned()
}

#[cold]
fn refused<T: Element>(object: Borrowed<'_, '_, PyAny>, dimensions: usize) -> PyErr {
    let py = object.py();
    let dtype = T::get_dtype(py);
    let dimension = if dimensions == 1 { "one" } else { "two" };
    let wanted = format!("a contiguous {dimension}-dimensional array of {dtype}");
    let Ok(array) = object.cast::<PyUntypedArray>() else {
        return found(&object, &wanted);
    };
    let same = array.ndim() == dimensions && array.dtype().is_equiv_to(&dtype);
    let flaw = match (array.ndim(), same, array.is_c_contiguous()) {
        (_, true, true) => "at an unaligned address".to_owned(),
        (_, true, false) => "with gaps or another order".to_owned(),
        (1, _, _) => "with 1 dimension".to_owned(),
        (count, _, _) => format!("with {count} dimensions"),
    };
    let message = format!(
        "found an array of {} {flaw}, expected {wanted}",
        array.dtype()
    );
    argument_error(py, &message)
}
