//! What a liquidation leaves in the debt's reserve and in the position's legs.

use crate::fixed::fraction::Fraction;
use crate::protocols::kamino::amounts::Amounts;
use crate::protocols::kamino::groups;
use crate::protocols::kamino::obligation::{Borrow, Deposit};
use crate::protocols::kamino::refresh::Held;
use crate::protocols::kamino::stop::Stop;

/// Books the repayment in the debt's reserve and both legs in the position; cached values stay as they were.
pub fn settle(
    held: &mut Held,
    (borrow_at, borrow): (usize, Borrow),
    (deposit_at, deposit): (usize, Deposit),
    amounts: &Amounts,
) -> Result<(), Stop> {
    let outside = held.position.group() == 0;
    let reserve = held.reserve_mut(&borrow.reserve)?;
    reserve.available = reserve
        .available
        .checked_add(amounts.repaid)
        .ok_or(Stop::Panic)?;
    reserve.debt = reserve.debt.less(amounts.settled);
    if outside {
        reserve.outside_groups = reserve.outside_groups.saturating_sub(amounts.repaid);
    }
    reserve.stale = true;
    groups::release(held, amounts.repaid)?;
    let left = borrow.amount.less(amounts.settled);
    let position = &mut held.position;
    if let Some(leg) = position.borrows.get_mut(borrow_at) {
        let gone = if outside { amounts.repaid } else { 0 };
        let outside_groups = borrow.outside_groups.saturating_sub(gone);
        *leg = Borrow {
            amount: left,
            outside_groups,
            ..borrow
        };
    }
    if left == Fraction::ZERO {
        position.clear_borrow(borrow_at);
    }
    if let Some(leg) = position.deposits.get_mut(deposit_at) {
        leg.shares = deposit.shares.saturating_sub(amounts.shares);
    }
    if deposit.shares <= amounts.shares {
        groups::forget(held, deposit_at)?;
        held.position.clear_deposit(deposit_at);
    }
    held.position.stale = true;
    Ok(())
}
