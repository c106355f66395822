//! One module per protocol: its accounts, its health, its liquidation; [`adapter`] is the shape they share, [`market_screen`] what keeps a market
//! in step with the chain.

pub mod adapter;
pub mod kamino;
pub mod marginfi;
pub mod market_screen;
pub mod reference;
pub mod save;
