//! Whom a long call tells how far it is, and how it is stopped.

use std::cell::Cell;
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::arguments::found;

/// A call that is over sooner draws no line unasked.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who listens: a callable, a line on stderr, or nobody.
pub struct Listener {
    callable: Option<Py<PyAny>>,
    /// When a line may first be drawn.
    line: Option<Instant>,
    drawn: Cell<bool>,
}

impl Listener {
    /// Returns the one that a terminal gets when nothing was said.
    pub fn unasked(py: Python<'_>) -> PyResult<Listener> {
        let from = Instant::now() + PATIENCE;
        let answer = py.import("sys")?.getattr("stderr")?.call_method0("isatty");
        let is_terminal = answer.and_then(|answer| answer.is_truthy());
        // None, closed, or somebody's own that does not know: no terminal
        Ok(Listener::line(is_terminal.unwrap_or(false).then_some(from)))
    }

    /// Tells that so many of `total` are done; lets Ctrl-C, or an exception of the callable, end the call.
    pub fn tell(&self, py: Python<'_>, what: &str, done: usize, total: usize) -> PyResult<()> {
        if let Some(callable) = &self.callable {
            callable.call1(py, (done, total))?;
        }
        if self.line.is_some_and(|from| Instant::now() >= from) {
            self.drawn.set(true);
            self.draw(py, &format!("\r{what}: {done} of {total}"))?;
        }
        if done == total && self.drawn.get() {
            self.draw(py, "\n")?;
        }
        py.check_signals()
    }

    fn line(line: Option<Instant>) -> Listener {
        Listener {
            callable: None,
            line,
            drawn: Cell::new(false),
        }
    }

    fn draw(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        let stderr = py.import("sys")?.getattr("stderr")?;
        if !stderr.is_none() {
            stderr.call_method1("write", (text,))?;
            stderr.call_method0("flush")?;
        }
        Ok(())
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Listener {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(wanted) = object.cast::<PyBool>() {
            return Ok(Listener::line(wanted.is_true().then(Instant::now)));
        }
        if !object.is_callable() {
            return Err(found(
                &object,
                "a callable of (done, total), a bool or None",
            ));
        }
        Ok(Listener {
            callable: Some(object.to_owned().unbind()),
            ..Listener::line(None)
        })
    }
}
