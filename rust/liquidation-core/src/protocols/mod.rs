//! One module per protocol: its accounts, its health, its liquidation; [`adapter`] is the shape they share.

pub mod adapter;
pub mod kamino;
pub mod marginfi;
pub mod reference;
pub mod save;
