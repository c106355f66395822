//! Adding to and taking from a balance: debt is repaid before anything is deposited, deposits go before anything is borrowed.

use super::account::{Balance, MarginAccount, Side};
use super::bank::{Bank, State};
use super::refusal::{math, Outcome, Refusal};
use super::version::Version;
use crate::fixed::i80f48::I80F48;

/// Amounts below this are rounding.
const ROUNDING: I80F48 = I80F48::literal(1, 10_000);
/// Emissions count from this time on.
const EMISSIONS_START: u64 = 1_681_989_983;
const YEAR: I80F48 = I80F48::whole(31_536_000);

/// How a balance may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Increase {
    /// Repays, then deposits up to the bank's limit.
    Any,
    /// Repays, then deposits beyond every limit.
    Unlimited,
    /// Repays only.
    Repay,
}

/// How a balance may shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decrease {
    /// Withdraws only.
    Withdraw,
    /// Withdraws, then borrows beyond every limit.
    Unlimited,
}

/// One balance and its bank, at one time.
pub struct Ledger<'l, 'a, 'b> {
    /// Whose balance.
    pub account: &'l mut MarginAccount<'a>,
    /// Which of the sixteen.
    pub slot: usize,
    /// Its bank.
    pub bank: &'l mut Bank<'b>,
    /// Seconds since 1970.
    pub now: i64,
    /// The program's.
    pub version: Version,
}

impl Ledger<'_, '_, '_> {
    /// Adds an amount.
    pub fn increase(&mut self, amount: I80F48, how: Increase) -> Outcome<()> {
        self.settle_emissions()?;
        let balance = self.account.balance(self.slot);
        let debt = self.bank.liability_amount(balance.liability_shares)?;
        let repaid = debt.min(amount);
        let mut deposited = math(amount.minus(debt))?.max(I80F48::ZERO);
        if how == Increase::Repay {
            if math(deposited.magnitude())? >= ROUNDING {
                return Err(Refusal::RepayOnly);
            }
            deposited = I80F48::ZERO;
        }
        self.check_state(deposited > ROUNDING)?;
        let assets = self.bank.asset_shares(deposited, self.version)?;
        let asset_shares = math(balance.asset_shares.plus(assets))?;
        self.bank
            .change_assets(assets, how != Increase::Unlimited)?;
        let debts = self.bank.liability_shares(repaid)?;
        let less = math(debts.negated())?;
        let liability_shares = math(balance.liability_shares.plus(less))?;
        self.bank.change_liabilities(less, false)?;
        self.write(&balance, asset_shares, liability_shares);
        Ok(())
    }

    /// Takes an amount.
    pub fn decrease(&mut self, amount: I80F48, how: Decrease) -> Outcome<()> {
        self.settle_emissions()?;
        let balance = self.account.balance(self.slot);
        let deposits = self.bank.asset_amount(balance.asset_shares)?;
        let withdrawn = deposits.min(amount);
        let mut borrowed = math(amount.minus(deposits))?.max(I80F48::ZERO);
        if how == Decrease::Withdraw {
            if math(borrowed.magnitude())? >= ROUNDING {
                return Err(Refusal::WithdrawOnly);
            }
            if !self.version.is_old() {
                borrowed = I80F48::ZERO;
            }
        }
        self.check_state(borrowed > ROUNDING)?;
        let assets = self.bank.asset_shares(withdrawn, self.version)?;
        let less = math(assets.negated())?;
        let asset_shares = math(balance.asset_shares.plus(less))?;
        self.bank.change_assets(less, true)?;
        let debts = self.bank.liability_shares(borrowed)?;
        let liability_shares = math(balance.liability_shares.plus(debts))?;
        self.bank
            .change_liabilities(debts, how != Decrease::Unlimited)?;
        if self.version.is_old() || how == Decrease::Withdraw {
            self.bank.check_utilization()?;
        }
        self.write(&balance, asset_shares, liability_shares);
        Ok(())
    }

    fn write(&mut self, before: &Balance, asset_shares: I80F48, liability_shares: I80F48) {
        let after = Balance {
            asset_shares,
            liability_shares,
            ..*before
        };
        self.account.put_shares(&after);
        if !self.version.is_old() {
            let has = |shares: I80F48| shares > ROUNDING;
            let counted = [
                (1_536, before.asset_shares, after.asset_shares),
                (1_540, before.liability_shares, after.liability_shares),
            ];
            for (at, before, after) in counted {
                self.bank.count_positions(at, has(before), has(after));
            }
        }
    }

    /// The old program asks at every step whether the bank may; the new one once, before all.
    fn check_state(&self, is_growing: bool) -> Outcome<()> {
        if !self.version.is_old() {
            return Ok(());
        }
        match self.bank.state() {
            Some(State::Operational) => Ok(()),
            Some(State::Paused) => Err(Refusal::BankPaused),
            Some(State::ReduceOnly) if is_growing => Err(Refusal::BankReduceOnly),
            Some(State::ReduceOnly) => Ok(()),
            _ => Err(Refusal::Panic),
        }
    }

    /// The old program first adds what the balance earned of the bank's emissions.
    fn settle_emissions(&mut self) -> Outcome<()> {
        if !self.version.is_old() {
            return Ok(());
        }
        let balance = self.account.balance(self.slot);
        let amount = match (balance.side()?, self.bank.flags() & 3) {
            (Some(Side::Assets), 2 | 3) => self.bank.asset_amount(balance.asset_shares)?,
            (Some(Side::Liabilities), 1 | 3) => {
                self.bank.liability_amount(balance.liability_shares)?
            }
            _ => {
                self.account.put_touched(self.slot, self.now);
                return Ok(());
            }
        };
        let now = self.now as u64; // the program's own conversion
        let (outstanding, touched) = self.account.emissions(self.slot);
        let since = if touched < EMISSIONS_START {
            now
        } else {
            touched
        };
        let seconds = I80F48::whole(math(now.checked_sub(since))?);
        let remaining = self.bank.fields.number(856);
        let earned = self.earned(seconds, amount)?.min(remaining);
        let (outstanding, remaining) = (
            math(outstanding.plus(earned))?,
            math(remaining.minus(earned))?,
        );
        self.account.put_emissions(self.slot, outstanding);
        self.bank.fields.put_number(856, remaining);
        self.account.put_touched(self.slot, self.now);
        Ok(())
    }

    /// Returns seconds · amount / 10^decimals / year · rate.
    fn earned(&self, seconds: I80F48, amount: I80F48) -> Outcome<I80F48> {
        let decimals = u32::from(self.bank.decimals(self.version));
        let power = I80F48::power_of_ten(decimals).ok_or(Refusal::Panic)?;
        let rate = I80F48::whole(self.bank.fields.u64(848));
        let earned = amount
            .over(power)
            .and_then(|tokens| seconds.times(tokens)?.over(YEAR)?.times(rate));
        math(earned)
    }
}
