//! Kamino's arithmetic against what the program did.

#![allow(clippy::unwrap_used, clippy::panic)]

mod limits;
mod plans;
mod screen;
mod vectors;
mod versions;
