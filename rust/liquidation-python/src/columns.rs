//! NumPy columns, borrowed: a wrong dtype, shape or layout is an `ArgumentError` that says what was found and expected.

use numpy::{
    Element, PyArray1, PyArrayMethods, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arguments::found;
use crate::errors::argument_error;

/// A one-dimensional array of `T` without gaps.
pub struct Column<'py, T: Element>(PyReadonlyArray1<'py, T>);

impl<T: Element> Column<'_, T> {
    /// Returns the numbers, borrowed from the array.
    pub fn values(&self) -> PyResult<&[T]> {
        Ok(self.0.as_slice()?)
    }
}

impl<'a, 'py, T: Element> FromPyObject<'a, 'py> for Column<'py, T> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let wanted = format!("a contiguous one-dimensional array of {}", T::get_dtype(py));
        if let Ok(array) = object.cast::<PyArray1<T>>() {
            if !array.is_c_contiguous() {
                return Err(argument_error(
                    py,
                    &format!("found an array with gaps, expected {wanted}"),
                ));
            }
            return match array.try_readonly() {
                Ok(column) => Ok(Column(column)),
                Err(_) => Err(argument_error(
                    py,
                    "found an array that is being written to, expected one at rest",
                )),
            };
        }
        let Ok(array) = object.cast::<PyUntypedArray>() else {
            return Err(found(&object, &wanted));
        };
        let message = format!(
            "found an array of {} with {} dimensions, expected {wanted}",
            array.dtype(),
            array.ndim()
        );
        Err(argument_error(py, &message))
    }
}
