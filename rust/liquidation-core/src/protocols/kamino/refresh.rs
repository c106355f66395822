//! Refreshing a position: debts accrue to their reserves' indices, everything is valued, trackers of the limits follow.

use crate::fixed::fraction::{Fraction, Overflow};
use crate::fixed::u256::U256;
use crate::protocols::adapter::Clock;
use crate::protocols::kamino::exchange::{value, Exchange};
use crate::protocols::kamino::groups;
use crate::protocols::kamino::market::{Group, Market};
use crate::protocols::kamino::obligation::{Borrow, Deposit, Obligation};
use crate::protocols::kamino::referral::{self, Referrals};
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::{Stop, INVALID_ACCOUNT_INPUT, NEGATIVE_INTEREST};
use crate::protocols::kamino::version::Version;

/// `status` of a reserve that is given up.
const OBSOLETE: u8 = 1;

/// The position with everything it touches.
#[derive(Debug)]
pub struct Held<'a> {
    /// Its market.
    pub market: Market<'a>,
    /// The position.
    pub position: Obligation<'a>,
    /// Every reserve it names, and those that are asked about.
    pub reserves: Vec<Reserve<'a>>,
    /// The referrer's fees, one for each reserve that is borrowed from.
    pub referrals: Referrals<'a>,
    /// The program's version.
    pub version: Version,
}

impl<'a> Held<'a> {
    /// Returns where a reserve stands in the list.
    pub fn place(&self, reserve: &[u8; 32]) -> Result<usize, Stop> {
        let found = self.reserves.iter().position(|it| it.address == *reserve);
        found.ok_or(INVALID_ACCOUNT_INPUT)
    }

    /// Returns a reserve.
    pub fn reserve(&self, address: &[u8; 32]) -> Result<&Reserve<'a>, Stop> {
        let found = self.reserves.iter().find(|it| it.address == *address);
        found.ok_or(INVALID_ACCOUNT_INPUT)
    }

    /// Returns a reserve that is going to change.
    pub fn reserve_mut(&mut self, address: &[u8; 32]) -> Result<&mut Reserve<'a>, Stop> {
        let found = self.reserves.iter_mut().find(|it| it.address == *address);
        found.ok_or(INVALID_ACCOUNT_INPUT)
    }

    /// Returns the position's elevation group, `None` outside of any.
    pub fn group(&self) -> Result<Option<Group>, Stop> {
        groups::of(&self.market, self.position.group())
    }
}

/// Refreshes the position in the slot of `clock`; its reserves are refreshed already.
pub fn refresh(held: &mut Held, clock: Clock) -> Result<(), Stop> {
    let group = held.group()?;
    let mut bits = u8::MAX;
    let mut owed = 0u64;
    for place in 0..held.position.borrows.len() {
        let Some(borrow) = held
            .position
            .borrows
            .get(place)
            .copied()
            .filter(Borrow::active)
        else {
            continue;
        };
        let borrow = refresh_borrow(held, borrow, group.as_ref(), clock)?;
        bits &= held.reserve(&borrow.reserve)?.price_status;
        owed = borrow.amount.ceil()?.checked_add(owed).ok_or(Overflow)?;
        put(&mut held.position.borrows, place, borrow);
    }
    for place in 0..held.position.deposits.len() {
        let Some(deposit) = held
            .position
            .deposits
            .get(place)
            .copied()
            .filter(Deposit::active)
        else {
            continue;
        };
        let deposit = refresh_deposit(held, deposit, group.as_ref(), owed)?;
        bits &= held.reserve(&deposit.reserve)?.price_status;
        put(&mut held.position.deposits, place, deposit);
    }
    if let Some(group) = &group {
        groups::check_count(held, group)?;
    }
    sum_up(held, group.as_ref())?;
    held.position.slot = clock.slot;
    held.position.stale = false;
    held.position.price_status = bits;
    Ok(())
}

fn put<T>(places: &mut [T], place: usize, it: T) {
    if let Some(found) = places.get_mut(place) {
        *found = it;
    }
}

fn refresh_borrow(
    held: &mut Held,
    mut borrow: Borrow,
    group: Option<&Group>,
    clock: Clock,
) -> Result<Borrow, Stop> {
    let (version, slot) = (held.version, held.position.slot);
    let place = held.place(&borrow.reserve)?;
    let before = borrow.amount;
    let reserve = held.reserves.get_mut(place).ok_or(INVALID_ACCOUNT_INPUT)?;
    if let Some(group) = group {
        groups::check_borrow(reserve, group)?;
    }
    accrue(&mut borrow, reserve.index)?;
    if group.is_none() {
        let owed = borrow.amount.ceil()?;
        let others = reserve.outside_groups.saturating_sub(borrow.outside_groups);
        reserve.outside_groups = others.checked_add(owed).ok_or(Overflow)?;
        borrow.outside_groups = owed;
    }
    let slots = clock.slot.checked_sub(slot).ok_or(Overflow)?;
    referral::accrue(reserve, &mut held.referrals, before, borrow.amount, slots)?;
    borrow.value = value(reserve, borrow.amount, version)?;
    borrow.weighted = borrow.value.by(factor(reserve, group))?;
    Ok(borrow)
}

/// amount · index / own index; an index below its own is an error, an equal one changes nothing.
fn accrue(borrow: &mut Borrow, index: U256) -> Result<(), Stop> {
    if index < borrow.index {
        return Err(NEGATIVE_INTEREST);
    }
    if index > borrow.index {
        borrow.amount = borrow.amount.ratio(index, borrow.index)?;
        borrow.index = index;
    }
    Ok(())
}

/// Returns how much a debt counts: its borrow factor, at least 1, and 1 inside an elevation group.
pub fn factor(reserve: &Reserve, group: Option<&Group>) -> Fraction {
    match group {
        Some(_) => Fraction::ONE,
        None => Fraction::percent(reserve.borrow_factor_percent()).max(Fraction::ONE),
    }
}

/// Returns a collateral's (loan to value, threshold), percent.
#[must_use]
pub fn limits(reserve: &Reserve, group: Option<&Group>) -> (u8, u8) {
    match group {
        Some(group) => (group.ltv_percent, group.threshold_percent),
        None => (reserve.ltv_percent(), reserve.threshold_percent()),
    }
}

fn refresh_deposit(
    held: &mut Held,
    mut deposit: Deposit,
    group: Option<&Group>,
    owed: u64,
) -> Result<Deposit, Stop> {
    let version = held.version;
    let reserve = held.reserve_mut(&deposit.reserve)?;
    if let Some(group) = group {
        groups::check_deposit(reserve, group)?;
        groups::track(reserve, &mut deposit, group, owed)?;
    }
    let tokens = Exchange::of(reserve, version)?.tokens(deposit.shares)?;
    deposit.value = value(reserve, tokens, version)?;
    Ok(deposit)
}

/// Adds everything up into the position.
fn sum_up(held: &mut Held, group: Option<&Group>) -> Result<(), Stop> {
    let mut sums = Sums {
        highest_factor: Fraction::ONE,
        lowest_threshold: u64::from(u8::MAX),
        lowest_max_ltv: u8::MAX,
        ..Sums::default()
    };
    let (market, version) = (held.market, held.version);
    let skip_ltv = Fraction::whole(market.skip_ltv_value());
    let skip_factor = Fraction::whole(if version.second_form() {
        market.skip_factor_value()
    } else {
        market.skip_ltv_value()
    });
    for borrow in held.position.borrows.iter().filter(|it| it.active()) {
        sums.obsolete_borrows +=
            u8::from(version.second_form() && held.reserve(&borrow.reserve)?.status() == OBSOLETE);
        let factor = factor(held.reserve(&borrow.reserve)?, group);
        sums.debt = sums.debt.plus(borrow.value)?;
        sums.weighted = sums.weighted.plus(borrow.weighted)?;
        if borrow.value >= skip_factor {
            sums.highest_factor = sums.highest_factor.max(factor);
        }
    }
    for deposit in held.position.deposits.iter().filter(|it| it.active()) {
        sums.obsolete_deposits += u8::from(held.reserve(&deposit.reserve)?.status() == OBSOLETE);
        let (ltv, threshold) = limits(held.reserve(&deposit.reserve)?, group);
        sums.deposited = sums.deposited.plus(deposit.value)?;
        sums.allowed = sums
            .allowed
            .plus(deposit.value.by(Fraction::percent(u64::from(ltv)))?)?;
        sums.unhealthy = sums
            .unhealthy
            .plus(deposit.value.by(Fraction::percent(u64::from(threshold)))?)?;
        if deposit.value >= skip_ltv && threshold > 0 {
            sums.lowest_threshold = sums.lowest_threshold.min(u64::from(threshold));
        }
        sums.lowest_max_ltv = sums.lowest_max_ltv.min(ltv);
    }
    let position = &mut held.position;
    position.deposited = sums.deposited;
    position.debt = sums.debt;
    position.weighted_debt = sums.weighted;
    position.allowed = sums.allowed.min(Fraction::whole(market.borrow_cap()));
    position.unhealthy = sums.unhealthy.min(market.unhealthy_cap(version));
    position.lowest_threshold = sums.lowest_threshold;
    position.obsolete_deposits = sums.obsolete_deposits;
    position.obsolete_borrows = sums.obsolete_borrows;
    position.highest_factor = sums.highest_factor.to_percent()?;
    if version.second_form() {
        position.lowest_max_ltv = sums.lowest_max_ltv;
    }
    Ok(())
}

#[derive(Default)]
struct Sums {
    deposited: Fraction,
    debt: Fraction,
    weighted: Fraction,
    allowed: Fraction,
    unhealthy: Fraction,
    highest_factor: Fraction,
    lowest_threshold: u64,
    lowest_max_ltv: u8,
    obsolete_deposits: u8,
    obsolete_borrows: u8,
}
