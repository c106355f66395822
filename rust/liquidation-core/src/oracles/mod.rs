//! Price accounts as their programs write them; which of their prices a protocol takes is the protocol's own rule.

pub mod pyth;
pub mod scope;
pub mod switchboard;
