//! The two refreshes that every liquidation needs first, in its own slot: of each reserve, then of the obligation.

use lending_math::Pubkey;

use super::fault::{Outcome, NEGATIVE_INTEREST, RESERVE_STALE};
use super::ledger::Ledger;
use super::obligation::{Borrow, Deposit, Obligation};
use super::prices::refresh_prices;
use super::reserve::Reserve;
use crate::fixed::wad::{Decimal, Rate};
use crate::protocols::adapter::Clock;

/// Most that an obligation may owe before it is liquidated whatever it holds, quote units.
pub const UNHEALTHY_CAP: u64 = 70_000_000;
/// Most that an obligation may take on, quote units.
const ALLOWED_CAP: u64 = 65_000_000;

/// Refreshes a reserve: prices, then interest.
pub fn refresh_reserve(ledger: &mut Ledger, address: &Pubkey, clock: Clock) -> Outcome<()> {
    let mut reserve = ledger.reserve(address)?;
    refresh_prices(&mut reserve, ledger.given, clock)?;
    ledger.put_reserve(address, &reserve)?;
    accrue_reserve(ledger, address, clock)
}

/// Brings a reserve's interest up to date without its prices.
pub fn accrue_reserve(ledger: &mut Ledger, address: &Pubkey, clock: Clock) -> Outcome<()> {
    let mut reserve = ledger.reserve(address)?;
    reserve.accrue(clock.slot)?;
    ledger.put_reserve(address, &reserve)
}

/// Refreshes an obligation: values, limits, attribution; then puts the debt of the highest weight first.
pub fn refresh_obligation(ledger: &mut Ledger, address: &Pubkey, clock: Clock) -> Outcome<()> {
    let mut obligation = ledger.obligation(address)?;
    let mut sums = Sums::default();
    for deposit in &mut obligation.deposits {
        let reserve = fresh(ledger, &deposit.reserve, clock)?;
        sums.deposit(deposit, &reserve)?;
    }
    let mut heaviest = Heaviest::default();
    for (place, borrow) in obligation.borrows.iter_mut().enumerate() {
        let reserve = fresh(ledger, &borrow.reserve, clock)?;
        sums.borrow(borrow, &reserve, |borrow| {
            heaviest.weigh(place, borrow, &reserve)
        })?;
    }
    sums.settle(&mut obligation);
    (obligation.slot, obligation.stale) = (clock.slot, false);
    if !attribute(ledger, &mut obligation)? {
        obligation.closeable = false;
    }
    if let Some((place, _)) = heaviest.0 {
        obligation.borrows.swap(0, place);
    }
    obligation.deposits.retain(|deposit| deposit.shares > 0);
    obligation.borrows.retain(|borrow| !borrow.amount.is_zero());
    ledger.put_obligation(address, &obligation)
}

fn fresh(ledger: &Ledger, address: &Pubkey, clock: Clock) -> Outcome<Reserve> {
    ledger.owned(address)?;
    let reserve = ledger.reserve(address)?;
    if reserve.is_stale(clock.slot)? {
        return Err(RESERVE_STALE);
    }
    Ok(reserve)
}

/// The sums of a refresh, quote units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Of all deposits.
    pub deposited: Decimal,
    /// Of all deposits at the lower price, times loan to value.
    pub allowed: Decimal,
    /// Of all deposits, times threshold.
    pub unhealthy: Decimal,
    /// Of all deposits, times the highest threshold.
    pub super_unhealthy: Decimal,
    /// Of all debts, weighted.
    pub borrowed: Decimal,
    /// Of all debts at the upper price, weighted.
    pub borrowed_upper: Decimal,
    /// Of all debts, not weighted.
    pub unweighted: Decimal,
    /// Whether a debt is in an isolated asset.
    pub isolated: bool,
}

impl Sums {
    /// Values a deposit and adds it.
    pub fn deposit(&mut self, deposit: &mut Deposit, reserve: &Reserve) -> Outcome<()> {
        let liquidity = Decimal::from(deposit.shares).try_div(reserve.share_rate()?.into())?;
        deposit.value = reserve.value(liquidity)?;
        let lower = reserve.value_at(reserve.lower_price(), liquidity)?;
        let config = &reserve.config;
        let part = |value: Decimal, percent| value.try_mul(Decimal::percent(percent));
        self.deposited = self.deposited.try_add(deposit.value)?;
        self.allowed = self.allowed.try_add(part(lower, config.loan_to_value)?)?;
        self.unhealthy = self
            .unhealthy
            .try_add(part(deposit.value, config.threshold)?)?;
        let super_part = part(deposit.value, config.max_threshold)?;
        self.super_unhealthy = self.super_unhealthy.try_add(super_part)?;
        Ok(())
    }

    /// Accrues a debt, values it and adds it; `accrued` sees it before its value.
    pub fn borrow(
        &mut self,
        borrow: &mut Borrow,
        reserve: &Reserve,
        accrued: impl FnOnce(&Borrow),
    ) -> Outcome<()> {
        self.isolated |= reserve.config.isolated;
        borrow.accrue(reserve.index)?;
        accrued(borrow);
        borrow.value = reserve.value(borrow.amount)?;
        let upper = reserve.value_at(reserve.upper_price(), borrow.amount)?;
        let weight = reserve.borrow_weight();
        self.borrowed = self.borrowed.try_add(borrow.value.try_mul(weight)?)?;
        self.borrowed_upper = self.borrowed_upper.try_add(upper.try_mul(weight)?)?;
        self.unweighted = self.unweighted.try_add(borrow.value)?;
        Ok(())
    }

    /// Writes the sums into the obligation, capped.
    pub fn settle(&self, obligation: &mut Obligation) {
        obligation.deposited = self.deposited;
        obligation.borrowed = self.borrowed;
        obligation.unweighted = self.unweighted;
        obligation.borrowed_upper = self.borrowed_upper;
        obligation.isolated = self.isolated;
        obligation.allowed = self.allowed.min(ALLOWED_CAP.into());
        obligation.unhealthy = self.unhealthy.min(UNHEALTHY_CAP.into());
        obligation.super_unhealthy = self.super_unhealthy.min(UNHEALTHY_CAP.into());
    }
}

impl Borrow {
    /// Lets the debt grow to the reserve's index; an index below its own is an error.
    pub fn accrue(&mut self, index: Decimal) -> Outcome<()> {
        if index < self.index {
            return Err(NEGATIVE_INTEREST);
        }
        if index > self.index {
            let growth = Rate::of(index.try_div(self.index)?)?;
            self.amount = self.amount.try_mul(growth.into())?;
            self.index = index;
        }
        Ok(())
    }
}

/// The debt of the highest (borrow weight, reserve address), with its place; of equal ones the first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heaviest(pub Option<(usize, (u64, Pubkey))>);

impl Heaviest {
    /// Considers a debt.
    pub fn weigh(&mut self, place: usize, borrow: &Borrow, reserve: &Reserve) {
        let weight = (reserve.config.added_weight_bps, borrow.reserve);
        if !borrow.amount.is_zero() && self.0.is_none_or(|(_, heaviest)| weight > heaviest) {
            self.0 = Some((place, weight));
        }
    }
}

/// Moves the obligation's debt from what its deposits' reserves counted to what they hold now; whether one exceeds its limit.
fn attribute(ledger: &mut Ledger, obligation: &mut Obligation) -> Outcome<bool> {
    let mut exceeded = false;
    for deposit in &mut obligation.deposits {
        let mut reserve = ledger.reserve(&deposit.reserve)?;
        let without = reserve.attributed.saturating_sub(deposit.attributed);
        deposit.attributed = if obligation.deposited.is_zero() {
            Decimal::ZERO
        } else {
            let share = deposit.value.try_mul(obligation.unweighted)?;
            share.try_div(obligation.deposited)?
        };
        reserve.attributed = without.try_add(deposit.attributed)?;
        exceeded |= reserve.attributed > reserve.config.attributed_close.into();
        ledger.put_reserve(&deposit.reserve, &reserve)?;
    }
    Ok(exceeded)
}
