//! The engine's arithmetic: which positions can be liquidated, and what a liquidation would do.
//!
//! Pure: no I/O, clock, logging or Python, and no float in a decision. Accounts, slots and prices come in as
//! arguments; [`book::Book`] keeps one market and answers a price with the positions that it made liquidatable,
//! [`protocols::reference::planning`] says what each pair of legs would give, [`transaction`] signs.
#![deny(unsafe_code)]

pub mod address;
pub mod book;
pub mod errors;
pub mod fixed;
pub mod oracles;
pub mod protocols;
pub mod sabotage;
pub mod scenario;
pub mod transaction;

pub use errors::CoreError;
