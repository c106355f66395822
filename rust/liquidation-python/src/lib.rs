//! The doorway between Python and the core: borrow, release the GIL, call, hand back.

mod adapters;
mod arguments;
mod book;
mod columns;
mod errors;
mod files;
mod market;
mod markets;
mod planning;
mod progress;
mod scenario;
mod screen;
mod shelf;
mod tended;
mod words;

use pyo3::prelude::*;

/// The arithmetic core of liquidation_engine, compiled from Rust.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::adapters::{best_plan, explain, health, predict, protocol_names, screened};
    #[pymodule_export]
    use crate::book::PositionBook;
    #[pymodule_export]
    use crate::market::MarketBook;
    #[pymodule_export]
    use crate::markets::Markets;
    #[pymodule_export]
    use crate::planning::{quotes, Quote};
    #[pymodule_export]
    use crate::screen::Screen;
    #[pymodule_export]
    use crate::words::{candidate_id, from_base58, sign_message, state_digest, to_base58, Change};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::errors::register(module)
    }
}
