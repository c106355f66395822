//! The exact verdict on one position among many: the sums of a refresh that decide, and no others.
//!
//! [`Rates`] holds what a refreshed reserve contributes. What is left out here (allowed values, trackers, referrers' fees) cannot change
//! the verdict but can make the program fail: where that is possible, or where a reason beside the price may hold, there is no fast
//! verdict and [`health`](super::health::health) has to be asked.

use lending_math::Pubkey;

use crate::fixed::fraction::{Fraction, Overflow, BITS};
use crate::fixed::u256::U256;
use crate::protocols::adapter::{Accounts, Clock};
use crate::protocols::kamino::divisor::Divisor;
use crate::protocols::kamino::liquidate::usable;
use crate::protocols::kamino::market::{Group, Market};
use crate::protocols::kamino::predict::refresh_reserve;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::slim::{Leg, Position};
use crate::protocols::kamino::stop::Stop;
use crate::protocols::kamino::version::Version;

/// What one reserve, refreshed at the slot in question, contributes to a verdict.
#[derive(Clone, Debug)]
pub struct Rates {
    pub(super) address: Pubkey,
    pub(super) price: Fraction,
    pub(super) supply: Fraction,
    pub(super) shares: u64,
    by_shares: Divisor,
    by_unit: Divisor,
    pub(super) decimals: u64,
    pub(super) index: U256,
    /// Percent, as configured.
    pub(super) threshold: u8,
    /// Percent, as configured.
    pub(super) factor: u64,
    pub(super) usable: bool,
    /// Elevation groups that it belongs to, a bit each.
    groups: u64,
    /// Whether a referrer's fee could make a refresh fail.
    referrals: Referrals,
    /// Whether limits that were crossed, maturities or terms may give a reason to liquidate.
    pub(super) timed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Referrals {
    Harmless,
    WithReferrer,
    Always,
}

impl Rates {
    /// Returns a refreshed reserve's rates under the newest rules, `None` outside the bounds.
    #[must_use]
    pub fn of(reserve: &Reserve) -> Option<Rates> {
        let supply = reserve.total_supply().ok()?;
        let even = reserve.shares == 0 || supply == Fraction::ZERO;
        let shares = if even { 1 } else { reserve.shares };
        let unit = 10u64.checked_pow(u32::try_from(reserve.decimals()).ok()?)?;
        let crossed = (reserve.deposits_crossed, reserve.borrows_crossed) != (0, 0);
        Some(Rates {
            address: reserve.address,
            price: reserve.price,
            supply: if even { Fraction::ONE } else { supply },
            shares,
            by_shares: Divisor::of(shares),
            by_unit: Divisor::of(unit),
            decimals: reserve.decimals(),
            index: reserve.index,
            threshold: reserve.threshold_percent(),
            factor: reserve.borrow_factor_percent(),
            usable: usable(reserve.price_status),
            groups: (1..=32).fold(0, |bits, id| bits | u64::from(reserve.in_group(id)) << id),
            referrals: match (reserve.referral_rate, reserve.fixed_rate_bps()) {
                (Fraction::ZERO, _) => Referrals::Harmless,
                (_, 0) => Referrals::WithReferrer,
                _ => Referrals::Always,
            },
            timed: reserve.deleveraging() != 0 && crossed
                || (reserve.maturity(), reserve.term_seconds()) != (0, 0),
        })
    }

    /// Returns the rates of a reserve as a refresh at `clock` leaves it.
    pub fn refreshed(
        mut reserve: Reserve,
        market: &Market,
        accounts: &Accounts,
        clock: Clock,
    ) -> Result<Option<Rates>, Stop> {
        refresh_reserve(&mut reserve, market, accounts, clock, Version::NEWEST)?;
        Ok(Rates::of(&reserve))
    }

    pub(super) fn in_group(&self, group: u8) -> bool {
        self.groups >> (group & 63) & 1 != 0
    }

    /// amount · price / 10^decimals: two floors of which the first only drops bits below the second's are one.
    #[inline]
    fn value(&self, amount: Fraction) -> Result<Fraction, Overflow> {
        Ok(Fraction(self.by_unit.of_u128(amount.by(self.price)?.0)))
    }

    #[inline]
    fn tokens(&self, shares: u64) -> Result<Fraction, Overflow> {
        self.by_shares
            .of_product(self.supply.0, shares)
            .map(Fraction)
            .ok_or(Overflow)
    }
}

/// What a market contributes to its positions' verdicts.
#[derive(Clone, Debug)]
pub struct Rules {
    groups: [Option<Group>; 33],
    skip_ltv: Fraction,
    skip_factor: Fraction,
    /// Nothing is liquidated by price, or at all.
    closed: bool,
    pub(super) deleveraging: bool,
    pub(super) orders: bool,
}

impl Rules {
    /// Returns a market's rules, the newest ones.
    #[must_use]
    pub fn of(market: &Market) -> Rules {
        Rules {
            groups: std::array::from_fn(|id| u8::try_from(id).ok().and_then(|id| market.group(id))),
            skip_ltv: Fraction::whole(market.skip_ltv_value()),
            skip_factor: Fraction::whole(market.skip_factor_value()),
            closed: market.emergency() || market.price_liquidations_off(),
            deleveraging: market.deleveraging(),
            orders: market.orders(),
        }
    }

    /// Returns an elevation group.
    #[must_use]
    pub fn group(&self, id: u8) -> Option<&Group> {
        self.groups.get(usize::from(id))?.as_ref()
    }
}

/// The sums that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Value of the deposits.
    pub deposited: Fraction,
    /// Unhealthy borrow value.
    pub unhealthy: Fraction,
    /// Weighted value of the debts.
    pub weighted: Fraction,
    /// Whether the program would liquidate.
    pub liquidatable: bool,
}

/// Returns the exact verdict; `None` where only [`health`](super::health::health) can tell.
#[must_use]
pub fn confirm(position: &Position, rates: &[Rates], rules: &Rules) -> Option<Verdict> {
    if rules.closed || position.may_have_other_reasons(rules) {
        return None;
    }
    let group = match position.group {
        0 => None,
        id => Some(rules.group(id)?),
    };
    let (mut sums, mut priced, mut collaterals, mut any) = (Verdict::default(), true, 0, false);
    for leg in &position.legs {
        let rates = rates.get(usize::from(leg.reserve()))?;
        priced &= rates.usable;
        if rates.timed || !fits(leg, rates, group, position.referred) {
            return None;
        }
        match *leg {
            Leg::Deposit { shares, .. } => {
                let value = rates.value(rates.tokens(shares).ok()?).ok()?;
                let threshold = threshold(rates, group);
                sums.deposited = sums.deposited.plus(value).ok()?;
                sums.unhealthy = sums.unhealthy.plus(part(value, threshold)?).ok()?;
                collaterals += u64::from(shares > 0);
            }
            Leg::Borrow { index, amount, .. } => {
                let amount = accrued(amount, index, rates.index)?;
                amount.ceil().ok()?;
                let value = rates.value(amount).ok()?;
                any |= value > Fraction::ZERO;
                sums.weighted = sums
                    .weighted
                    .plus(part(value, factor(rates, group))?)
                    .ok()?;
            }
        }
    }
    if group.is_some_and(|group| collaterals > u64::from(group.max_reserves)) {
        return None;
    }
    let exceeded = priced && any && exceeded(&sums)?;
    sums.liquidatable = exceeded && admits(position, rates, rules, group)?;
    Some(sums)
}

/// LTV ≥ unhealthy LTV as floor quotients by the deposits' value; nothing without deposits.
///
/// The quotients are worked out only where the debt is below by less than one unit of theirs.
fn exceeded(sums: &Verdict) -> Option<bool> {
    if sums.deposited == Fraction::ZERO {
        return Some(false);
    }
    match sums.unhealthy.0.checked_sub(sums.weighted.0) {
        None | Some(0) => Some(true),
        Some(below) if below > sums.deposited.0 >> BITS => Some(false),
        Some(_) => {
            let ltv = sums.weighted.per(sums.deposited).ok()?;
            Some(ltv >= sums.unhealthy.per(sums.deposited).ok()?)
        }
    }
}

/// Returns whether any pair of legs passes the priorities: highest borrow factor, lowest threshold, each over legs that count.
fn admits(
    position: &Position,
    rates: &[Rates],
    rules: &Rules,
    group: Option<&Group>,
) -> Option<bool> {
    let (mut highest, mut lowest) = (Fraction::ONE, u64::from(u8::MAX));
    let (mut debts, mut collaterals) = (Vec::new(), Vec::new());
    for leg in &position.legs {
        let rates = rates.get(usize::from(leg.reserve()))?;
        match *leg {
            Leg::Deposit { shares, .. } => {
                let value = rates.value(rates.tokens(shares).ok()?).ok()?;
                let threshold = threshold(rates, group);
                if value >= rules.skip_ltv && threshold > 0 {
                    lowest = lowest.min(threshold);
                }
                if value > Fraction::ZERO && rates.threshold > 0 {
                    collaterals.push(threshold);
                }
            }
            Leg::Borrow { index, amount, .. } => {
                let value = rates.value(accrued(amount, index, rates.index)?).ok()?;
                if value >= rules.skip_factor {
                    highest = highest.max(Fraction::percent(factor(rates, group)));
                }
                if value > Fraction::ZERO {
                    debts.push(rates.factor);
                }
            }
        }
    }
    let highest = highest.to_percent().ok()?;
    let (debt, collateral) = (debts.iter().max()?, collaterals.iter().min());
    Some(*debt >= highest && collateral.is_some_and(|threshold| *threshold <= lowest))
}

/// Returns whether nothing about a leg can make a refresh fail.
#[inline]
fn fits(leg: &Leg, rates: &Rates, group: Option<&Group>, referred: bool) -> bool {
    let is_debt = matches!(leg, Leg::Borrow { .. });
    let member = group.is_none_or(|group| {
        rates.in_group(group.id) && (rates.address == group.debt_reserve) == is_debt
    });
    member
        && match rates.referrals {
            Referrals::Harmless => true,
            Referrals::WithReferrer => !(referred && is_debt),
            Referrals::Always => !is_debt,
        }
}

#[inline]
fn threshold(rates: &Rates, group: Option<&Group>) -> u64 {
    u64::from(group.map_or(rates.threshold, |group| group.threshold_percent))
}

#[inline]
fn factor(rates: &Rates, group: Option<&Group>) -> u64 {
    group.map_or(rates.factor.max(100), |_| 100)
}

/// value · percent, the percentage rounded down before.
#[inline]
fn part(value: Fraction, percent: u64) -> Option<Fraction> {
    if percent == 100 {
        return Some(value);
    }
    value.by(Fraction::percent(percent)).ok()
}

#[inline]
fn accrued(amount: Fraction, own: U256, index: U256) -> Option<Fraction> {
    match index.cmp(&own) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(amount),
        std::cmp::Ordering::Greater => amount.ratio(index, own).ok(),
    }
}
