//! The protocols' own number formats, with their own roundings.

pub mod fraction;
pub mod i80f48;
pub mod u256;
pub mod wad;
