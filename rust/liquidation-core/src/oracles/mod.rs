//! Price accounts of the oracles that the protocols read: bytes to exact numbers, no rule of any protocol.

pub mod switchboard;
