//! The reference lending program (`docs/reference-program.md`), on the arithmetic that the program itself executes.

pub mod adapter;
pub mod digest;
pub mod health;
pub mod patience;
pub mod planning;
pub mod pricing;
pub mod screen;

use lending_math::state::{INSURANCE_FUND_LEN, MARKET_LEN, ORACLE_LEN, POSITION_LEN, RESERVE_LEN};
use lending_math::Pubkey;

use crate::address::to_base58;
use crate::CoreError;

/// Returns the error for an account of the program that cannot be decoded.
pub(crate) fn malformed(address: &Pubkey, kind: &'static str, data: &[u8]) -> CoreError {
    let expected = match kind {
        "market" => MARKET_LEN,
        "reserve" => RESERVE_LEN,
        "oracle" => ORACLE_LEN,
        "position" => POSITION_LEN,
        _ => INSURANCE_FUND_LEN,
    };
    CoreError::Malformed {
        address: to_base58(address),
        kind,
        found: data.len(),
        expected,
    }
}
