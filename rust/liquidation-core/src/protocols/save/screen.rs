//! Whether the book's screen looks at one position, asked from raw accounts: what the conformance kit holds it to.

use std::collections::HashMap;

use lending_math::Pubkey;

use super::confirm::{Position, Rates};
use super::legs::{always, legs, Scales};
use super::predict::refreshed;
use crate::book::generic::kernels::Kernel;
use crate::book::generic::GenericBook;
use crate::protocols::adapter::{Accounts, Clock, Unanswered};
use crate::CoreError;

/// Returns whether a book of this position alone would have it looked at. `None`: the reserves cannot be refreshed, so nothing can
/// be liquidated until their prices are back.
pub fn screened(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Option<bool>, Unanswered> {
    let Ok((ledger, obligation)) = refreshed(accounts, clock, position)? else {
        return Ok(None);
    };
    let (mut places, mut rates, mut decimals) = (HashMap::new(), Vec::new(), Vec::new());
    for address in obligation.reserves() {
        let Ok(reserve) = ledger.reserve(address) else {
            return Ok(None);
        };
        if !places.contains_key(address) {
            places.insert(*address, rates.len() as u16);
            decimals.push(reserve.decimals);
            rates.push(Rates::of(&reserve));
        }
    }
    let position = Position::of(&obligation, |key| places.get(key).copied());
    let looked_at = position.map(|position| {
        let laid = laid(&position, &rates, &decimals);
        Ok(always(&position, &rates) || laid.transpose()?.unwrap_or(true))
    });
    looked_at.transpose().map_err(Unanswered::Wrong)
}

/// Returns the book's verdict on a position; `None` where it cannot be laid into one, and has to be asked about.
fn laid(
    position: &Position,
    rates: &[Option<Rates>],
    decimals: &[u8],
) -> Option<Result<bool, CoreError>> {
    let scales = Scales::of(rates);
    let table = scales.table(rates)?;
    let (slots, amounts): (Vec<_>, Vec<_>) = legs(position, rates)?.into_iter().unzip();
    let verdict = || {
        let mut book = GenericBook::new(scales.assets(decimals), Kernel::best())?;
        book.set_weights(&table.collateral_bps, &table.debt_bps)?;
        book.tick(&table.mantissas, 1, 1)?;
        book.set_positions(&[0], &[0, slots.len() as u32], &slots, &amounts)?;
        Ok(!book.liquidatable().is_empty())
    };
    Some(verdict())
}
