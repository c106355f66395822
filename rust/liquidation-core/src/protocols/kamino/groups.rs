//! Elevation groups: reserves that count against each other with thresholds of their own, one debt reserve each.

use crate::protocols::kamino::market::{Group, Market};
use crate::protocols::kamino::obligation::Deposit;
use crate::protocols::kamino::refresh::Held;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::{
    Stop, GROUP_DEBT_AS_COLLATERAL, GROUP_MANY_COLLATERALS, GROUP_OTHER_DEBT, INCONSISTENT_GROUP,
    INVALID_GROUP,
};

/// Returns a position's group, `None` for number 0.
pub fn of(market: &Market, id: u8) -> Result<Option<Group>, Stop> {
    match id {
        0 => Ok(None),
        id => market.group(id).map(Some).ok_or(INVALID_GROUP),
    }
}

/// Moves a collateral's tracker of the group's debt to what the position owes now, whole tokens rounded up.
pub fn track(
    reserve: &mut Reserve,
    deposit: &mut Deposit,
    group: &Group,
    owed: u64,
) -> Result<(), Stop> {
    let place = usize::from(group.id.saturating_sub(1));
    let tracker = reserve.in_groups.get_mut(place).ok_or(INVALID_GROUP)?;
    *tracker = tracker
        .saturating_sub(deposit.group_debt)
        .saturating_add(owed);
    deposit.group_debt = owed;
    Ok(())
}

/// Takes a repayment off the trackers of every collateral of a position in a group.
pub fn release(held: &mut Held, repaid: u64) -> Result<(), Stop> {
    let Some(group) = held.group()? else {
        return Ok(());
    };
    for place in 0..held.position.deposits.len() {
        let Some(mut deposit) = held
            .position
            .deposits
            .get(place)
            .copied()
            .filter(Deposit::active)
        else {
            continue;
        };
        let left = deposit.group_debt.saturating_sub(repaid);
        track(
            held.reserve_mut(&deposit.reserve)?,
            &mut deposit,
            &group,
            left,
        )?;
        if let Some(leg) = held.position.deposits.get_mut(place) {
            *leg = deposit;
        }
    }
    Ok(())
}

/// Takes all of a collateral that is gone off its reserve's tracker.
pub fn forget(held: &mut Held, place: usize) -> Result<(), Stop> {
    let (group, deposit) = (held.group()?, held.position.deposits.get(place).copied());
    match (group, deposit) {
        (Some(group), Some(mut deposit)) => {
            track(held.reserve_mut(&deposit.reserve)?, &mut deposit, &group, 0)
        }
        _ => Ok(()),
    }
}

/// Refuses a debt that its position's group does not lend.
pub fn check_borrow(reserve: &Reserve, group: &Group) -> Result<(), Stop> {
    if !reserve.in_group(group.id) {
        return Err(INCONSISTENT_GROUP);
    }
    if reserve.address != group.debt_reserve {
        return Err(GROUP_OTHER_DEBT);
    }
    Ok(())
}

/// Refuses a collateral that does not fit its position's group.
pub fn check_deposit(reserve: &Reserve, group: &Group) -> Result<(), Stop> {
    if !reserve.in_group(group.id) {
        return Err(INCONSISTENT_GROUP);
    }
    if reserve.address == group.debt_reserve {
        return Err(GROUP_DEBT_AS_COLLATERAL);
    }
    Ok(())
}

/// Refuses a position with more collaterals than its group allows; deposits without shares do not count.
pub fn check_count(held: &Held, group: &Group) -> Result<(), Stop> {
    let counted = held
        .position
        .deposits
        .iter()
        .filter(|it| it.active() && it.shares > 0);
    if counted.count() > usize::from(group.max_reserves) {
        return Err(GROUP_MANY_COLLATERALS);
    }
    Ok(())
}
