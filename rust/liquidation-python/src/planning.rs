//! `quotes`: what liquidating each pair of a position's legs would do.

use std::collections::HashMap;

use lending_math::liquidation::Mode;
use lending_math::Pubkey;
use liquidation_core::book::report::health_factor;
use liquidation_core::protocols::reference::planning::{self, PairQuote};
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::arguments::{found, Address, Data, Whole};
use crate::errors::to_py_err;

/// One liquidation that the program would accept, and what it leaves. Amounts in smallest units, values in micro-USD.
#[pyclass(frozen, get_all, eq, module = "liquidation_engine._core")]
#[derive(PartialEq)]
pub struct Quote {
    debt_reserve: [u8; 32],
    debt_mint: [u8; 32],
    collateral_reserve: [u8; 32],
    collateral_mint: [u8; 32],
    expected_version: u64,
    repaid: u64,
    seized: u64,
    seized_net: u64,
    fee: u64,
    bonus_bps: u64,
    mode: &'static str,
    limited_by: &'static str,
    debt_left_tokens: u64,
    collateral_left: u64,
    repaid_micro_usd: u128,
    seized_micro_usd: u128,
    fee_micro_usd: u128,
    health_before: Option<f64>,
    health_after: Option<f64>,
    leaves_bad_debt: bool,
    still_liquidatable: bool,
}

impl From<PairQuote> for Quote {
    fn from(pair: PairQuote) -> Quote {
        let quote = pair.quote;
        Quote {
            debt_reserve: pair.debt.0,
            debt_mint: pair.debt.1,
            collateral_reserve: pair.collateral.0,
            collateral_mint: pair.collateral.1,
            expected_version: pair.version,
            repaid: quote.repaid,
            seized: quote.seize,
            seized_net: quote.received,
            fee: quote.fee,
            bonus_bps: quote.terms.bonus_bps,
            mode: match quote.terms.mode {
                Mode::Partial => "partial",
                Mode::Whole => "whole",
            },
            limited_by: pair.limited_by.name(),
            debt_left_tokens: quote.debt_left,
            collateral_left: pair.collateral_left,
            repaid_micro_usd: pair.repaid_micro_usd,
            seized_micro_usd: pair.seized_micro_usd,
            fee_micro_usd: pair.fee_micro_usd,
            health_before: health_factor(&pair.before),
            health_after: health_factor(&pair.after),
            leaves_bad_debt: pair.leaves_bad_debt,
            still_liquidatable: pair.after.is_liquidatable(),
        }
    }
}

#[pymethods]
impl Quote {
    fn __repr__(&self) -> String {
        let Quote {
            repaid,
            seized_net,
            fee,
            bonus_bps,
            mode,
            limited_by,
            ..
        } = self;
        format!(
            "Quote(repaid={repaid}, seized_net={seized_net}, fee={fee}, bonus_bps={bonus_bps}, \
             mode={mode:?}, limited_by={limited_by:?})"
        )
    }
}

/// Return what liquidating each pair of a debt and a collateral leg would do at a slot, for at most `amount` tokens.
///
/// `accounts` maps addresses to account data and holds the position, and reserve and oracle of each of its legs; a
/// market given there is asked whether it is paused. Pairs that the program would refuse are left out; if it would
/// refuse all of them, Refused is raised with the first pair's error (`name` such as "Healthy", "StalePrice",
/// "AmountTooSmall"). A position with debt but no collateral has no pairs: the list is empty (write it off).
/// Raises ArgumentError for a missing account, DecodeError for bytes the program did not write.
#[pyfunction]
#[pyo3(
    signature = (accounts, position, slot, amount=Whole(u64::MAX)),
    text_signature = "(accounts, position, slot, amount=18446744073709551615)"
)]
pub fn quotes(
    py: Python<'_>,
    accounts: &Bound<'_, PyAny>,
    position: Address,
    slot: Whole,
    amount: Whole,
) -> PyResult<Vec<Quote>> {
    let held = account_map(accounts)?;
    let borrowed: HashMap<Pubkey, &[u8]> = held
        .iter()
        .map(|(address, data)| (address.0, &*data.0))
        .collect();
    let quotes = planning::quotes(&borrowed, position.key(), slot.0, amount.0)
        .map_err(|error| to_py_err(py, error))?;
    Ok(quotes.into_iter().map(Quote::from).collect())
}

fn account_map(accounts: &Bound<'_, PyAny>) -> PyResult<Vec<(Address, Data)>> {
    let mapping = accounts.cast::<PyMapping>().map_err(|_| {
        found(
            &accounts.as_borrowed(),
            "a mapping from address to account data",
        )
    })?;
    let item = |item: Bound<'_, PyAny>| -> PyResult<(Address, Data)> {
        Ok((item.get_item(0)?.extract()?, item.get_item(1)?.extract()?))
    };
    mapping.items()?.iter().map(item).collect()
}
