//! The book's verdict on one position, as a whole market's book would give it.

use lending_math::Pubkey;

use crate::book::generic::kernels::Kernel;
use crate::book::generic::GenericBook;
use crate::protocols::adapter::{Accounts, Clock, Unanswered};
use crate::protocols::kamino::confirm::{Rates, Rules};
use crate::protocols::kamino::legs::{always, Scales};
use crate::protocols::kamino::predict::load;
use crate::protocols::kamino::slim::Position;
use crate::protocols::kamino::version::Version;

/// Returns whether the book looks at a position whose reserves are refreshed at `clock`. `None`: a reserve cannot be refreshed, so nothing
/// can be liquidated until its price is back.
pub fn screened(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Option<bool>, Unanswered> {
    let held = load(accounts, clock, position, &[], Version::NEWEST)?;
    let (mut rates, mut decimals) = (Vec::new(), Vec::new());
    for reserve in &held.reserves {
        let fresh = Rates::refreshed(reserve.clone(), &held.market, accounts, clock);
        let Ok(Some(fresh)) = fresh else {
            return Ok(None);
        };
        rates.push(Some(fresh));
        decimals.push(u8::try_from(reserve.decimals()).unwrap_or(u8::MAX));
    }
    let place = |key: &Pubkey| held.reserves.iter().position(|it| it.address == *key);
    let data = accounts.get(position).map_or(&[][..], |it| it.data);
    let read = Position::read(data, |key| u16::try_from(place(key)?).ok());
    let looked_at =
        read.map(|it| looks_at(&it, &rates, &decimals, &Rules::of(&held.market)).unwrap_or(true));
    Ok(looked_at)
}

/// Returns the book's verdict on a position; `None` where it cannot be laid into one, and has to be asked about.
fn looks_at(
    position: &Position,
    rates: &[Option<Rates>],
    decimals: &[u8],
    rules: &Rules,
) -> Option<bool> {
    if always(position, rates, rules) {
        return Some(true);
    }
    let scales = Scales::of(rates);
    let mut book = GenericBook::new(scales.assets(decimals), Kernel::best()).ok()?;
    let table = scales.table(rates, rules)?;
    book.set_weights(&table.collateral_bps, &table.debt_bps)
        .ok()?;
    let legs = scales.legs(position, rates, rules)?;
    let (slots, amounts): (Vec<_>, Vec<_>) = legs.into_iter().unzip();
    let offsets = [0, u32::try_from(slots.len()).ok()?];
    book.tick(&table.mantissas, 1, 1).ok()?;
    book.set_positions(&[1], &offsets, &slots, &amounts).ok()?;
    Some(book.liquidatable() == [1])
}
