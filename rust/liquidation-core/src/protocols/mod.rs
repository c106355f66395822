//! One module per protocol: its accounts, its health, its liquidation.

pub mod reference;
