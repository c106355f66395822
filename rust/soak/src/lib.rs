//! Never miss, tried: markets of many kinds run in a book and beside it in an independent judge, call by call.
//!
//! [`kinds`] lists the markets and what happens in them, [`positions`] what they are filled with, [`market`] makes every
//! call on both sides and compares, [`tally`] counts, [`run`] goes through seeds, kinds and kernels until the goals are
//! reached, [`report`] says what came of it. [`teeth`] plants faults in the book to show that they are found.
//! `docs/soak.md` says how a position-tick is counted.

pub mod arguments;
pub mod kinds;
pub mod market;
pub mod positions;
pub mod report;
pub mod run;
pub mod stories;
pub mod tally;
#[cfg(feature = "sabotage")]
pub mod teeth;
