//! Price accounts, one module per oracle program: what their bytes say, without any protocol's rules.

pub mod pyth;
pub mod scope;
pub mod switchboard;
