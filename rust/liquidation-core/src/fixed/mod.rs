//! The fixed-point numbers of the protocols, each with its own width and its own rounding.

pub mod wad;
