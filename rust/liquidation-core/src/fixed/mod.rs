//! The protocols' own fixed-point numbers, each with its rounding and its overflow.

pub mod i80f48;
