//! NumPy columns, borrowed: a wrong dtype, shape or layout is an `ArgumentError` that says what was found and expected.

use numpy::{Element, PyArray1, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arguments::found;
use crate::errors::argument_error;

/// A one-dimensional array of `T` without gaps.
pub struct Column<'py, T: Element>(Bound<'py, PyArray1<T>>);

impl<T: Element> Column<'_, T> {
    /// Returns the numbers, borrowed from the array; Python's other threads must leave it alone meanwhile.
    #[allow(unsafe_code)]
    pub fn values(&self) -> PyResult<&[T]> {
        // SAFETY: the array lives as long as `self`, and nothing in this crate writes to one that it was given
        Ok(unsafe { self.0.as_slice() }?)
    }
}

impl<'a, 'py, T: Element> FromPyObject<'a, 'py> for Column<'py, T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyArray1<T>>() {
            Ok(array) if array.is_c_contiguous() => Ok(Column(array.to_owned())),
            _ => Err(refused::<T>(object)),
        }
    }
}

#[cold]
fn refused<T: Element>(object: Borrowed<'_, '_, PyAny>) -> PyErr {
    let py = object.py();
    let wanted = format!("a contiguous one-dimensional array of {}", T::get_dtype(py));
    let Ok(array) = object.cast::<PyUntypedArray>() else {
        return found(&object, &wanted);
    };
    let message = match (array.ndim(), array.is_c_contiguous()) {
        (1, false) => format!(
            "found an array of {} with gaps, expected {wanted}",
            array.dtype()
        ),
        (dimensions, _) => format!(
            "found an array of {} with {dimensions} dimensions, expected {wanted}",
            array.dtype()
        ),
    };
    argument_error(py, &message)
}
