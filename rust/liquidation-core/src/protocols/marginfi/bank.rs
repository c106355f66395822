//! A bank: share values, totals, configuration, and the changes that operations make.

use lending_math::Pubkey;

use super::bytes::Fields;
use super::refusal::{math, Outcome, Refusal};
use super::version::Version;
use crate::fixed::i80f48::I80F48;

/// Bytes that a bank has.
pub const LENGTH: usize = 1_864;
/// Decimals in which Drift counts every deposit.
const DRIFT_DECIMALS: u8 = 9;

/// A bank's permission to do things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Paused,
    /// Everything.
    Operational,
    /// Only to shrink; its assets do not count for new debt.
    ReduceOnly,
    /// Nothing any more: its deposits are worth 0.
    Killed,
    /// Nothing yet.
    Uninitialized,
    /// Only to shrink; its assets count.
    ReduceOnlyCounting,
}

/// What a bank's tokens mix with.
pub mod tag {
    /// Ordinary.
    pub const DEFAULT: u8 = 0;
    /// SOL, which mixes with everything.
    pub const SOL: u8 = 1;
    /// Staked SOL.
    pub const STAKED: u8 = 2;
    /// Deposits in Kamino.
    pub const KAMINO: u8 = 3;
    /// Deposits in Drift.
    pub const DRIFT: u8 = 4;
    /// Deposits in Save.
    pub const SAVE: u8 = 5;
    /// Deposits in Jupiter Lend.
    pub const JUPITER: u8 = 6;
}

/// Which weights and prices count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// For taking on debt.
    Initial,
    /// For being liquidated.
    Maintenance,
    /// Without weights.
    Equity,
}

/// A bank.
#[derive(Clone, Debug)]
pub struct Bank<'a> {
    /// Its address.
    pub key: Pubkey,
    /// Its bytes.
    pub fields: Fields<'a>,
}

impl Bank<'_> {
    /// Returns the mint of its tokens.
    #[must_use]
    pub fn mint(&self) -> Pubkey {
        self.fields.key(8)
    }

    /// Returns the decimals in which balances count.
    #[must_use]
    pub fn decimals(&self, version: Version) -> u8 {
        if !version.is_old() && self.asset_tag() == tag::DRIFT {
            DRIFT_DECIMALS
        } else {
            self.fields.byte(40)
        }
    }

    /// Returns what one share of deposits is worth.
    #[inline]
    #[must_use]
    pub fn asset_share_value(&self) -> I80F48 {
        self.fields.number(80)
    }

    /// Returns what one share of debt is worth.
    #[inline]
    #[must_use]
    pub fn liability_share_value(&self) -> I80F48 {
        self.fields.number(96)
    }

    /// Returns all shares of debt.
    #[must_use]
    pub fn total_liability_shares(&self) -> I80F48 {
        self.fields.number(256)
    }

    /// Returns all shares of deposits.
    #[must_use]
    pub fn total_asset_shares(&self) -> I80F48 {
        self.fields.number(272)
    }

    /// Returns the state; `None` for a byte without meaning.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        match self.fields.byte(608) {
            0 => Some(State::Paused),
            1 => Some(State::Operational),
            2 => Some(State::ReduceOnly),
            3 => Some(State::Killed),
            4 => Some(State::Uninitialized),
            5 => Some(State::ReduceOnlyCounting),
            _ => None,
        }
    }

    /// Returns the oracle's kind.
    #[must_use]
    pub fn oracle_setup(&self) -> u8 {
        self.fields.byte(609)
    }

    /// Returns the n-th of the oracle's addresses.
    #[must_use]
    pub fn oracle_key(&self, n: usize) -> Pubkey {
        self.fields.key(610 + 32 * n)
    }

    /// Returns the oracle's greatest age as it is configured.
    #[must_use]
    pub fn oracle_max_age(&self) -> u16 {
        self.fields.u16(800)
    }

    /// Returns the greatest uncertainty, of 2³²−1; 0 for the default.
    #[must_use]
    pub fn oracle_max_confidence(&self) -> u32 {
        self.fields.u32(804)
    }

    /// Returns the price of a bank without an oracle.
    #[must_use]
    pub fn fixed_price(&self) -> I80F48 {
        self.fields.number(808)
    }

    /// Returns whether only one such debt may be had, and deposits are no collateral.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.fields.byte(784) == 1
    }

    /// Returns what its tokens mix with.
    #[must_use]
    pub fn asset_tag(&self) -> u8 {
        self.fields.byte(785)
    }

    /// Returns the value of deposits above which they count for less, whole quote units; 0 for none.
    #[must_use]
    pub fn init_limit(&self) -> u64 {
        self.fields.u64(792)
    }

    /// Returns the flags.
    #[must_use]
    pub fn flags(&self) -> u64 {
        self.fields.u64(840)
    }

    /// Returns the weight of deposits, without e-mode.
    #[must_use]
    pub fn asset_weight(&self, requirement: Requirement) -> I80F48 {
        match requirement {
            Requirement::Initial => self.fields.number(296),
            Requirement::Maintenance => self.fields.number(312),
            Requirement::Equity => I80F48::ONE,
        }
    }

    /// Returns the weight of debt.
    #[must_use]
    pub fn liability_weight(&self, requirement: Requirement) -> I80F48 {
        match requirement {
            Requirement::Initial => self.fields.number(328),
            Requirement::Maintenance => self.fields.number(344),
            Requirement::Equity => I80F48::ONE,
        }
    }

    /// Returns the amount of these shares of deposits.
    pub fn asset_amount(&self, shares: I80F48) -> Outcome<I80F48> {
        math(shares.times(self.asset_share_value()))
    }

    /// Returns the amount of these shares of debt.
    pub fn liability_amount(&self, shares: I80F48) -> Outcome<I80F48> {
        math(shares.times(self.liability_share_value()))
    }

    /// Returns the shares of this amount of deposits.
    pub fn asset_shares(&self, amount: I80F48, version: Version) -> Outcome<I80F48> {
        if !version.is_old() && self.asset_share_value() == I80F48::ZERO {
            return Ok(I80F48::ZERO);
        }
        math(amount.over(self.asset_share_value()))
    }

    /// Returns the shares of this amount of debt.
    pub fn liability_shares(&self, amount: I80F48) -> Outcome<I80F48> {
        math(amount.over(self.liability_share_value()))
    }

    /// Adds to all deposits. More of them must stay below the limit, where it is kept to.
    pub fn change_assets(&mut self, shares: I80F48, limited: bool) -> Outcome<()> {
        let total = math(self.total_asset_shares().plus(shares))?;
        self.fields.put_number(272, total);
        let limit = self.fields.u64(360);
        if shares > I80F48::ZERO
            && limited
            && limit != u64::MAX
            && self.asset_amount(total)? >= I80F48::whole(limit)
        {
            return Err(Refusal::DepositLimit);
        }
        Ok(())
    }

    /// Adds to all debt. More of it must stay below the limit, where it is kept to.
    pub fn change_liabilities(&mut self, shares: I80F48, limited: bool) -> Outcome<()> {
        let total = math(self.total_liability_shares().plus(shares))?;
        self.fields.put_number(256, total);
        let limit = self.fields.u64(776);
        if shares > I80F48::ZERO
            && limited
            && limit != u64::MAX
            && self.liability_amount(total)? >= I80F48::whole(limit)
        {
            return Err(Refusal::BorrowLimit);
        }
        Ok(())
    }

    /// Refuses more debt than deposits.
    pub fn check_utilization(&self) -> Outcome<()> {
        let assets = self.asset_amount(self.total_asset_shares())?;
        let liabilities = self.liability_amount(self.total_liability_shares())?;
        if assets < liabilities {
            return Err(Refusal::Utilization);
        }
        Ok(())
    }

    /// Adds to what waits for the insurance vault.
    pub fn collect_insurance(&mut self, amount: I80F48) -> Outcome<()> {
        let outstanding = math(self.fields.number(184).plus(amount))?;
        self.fields.put_number(184, outstanding);
        Ok(())
    }

    /// Refuses in the states in which nothing may be done.
    pub fn check_state(&self) -> Outcome<()> {
        match self.state() {
            Some(State::Killed) => Err(Refusal::BankKilled),
            Some(State::Uninitialized) => Err(Refusal::BankUninitialized),
            Some(State::Paused) => Err(Refusal::BankPaused),
            Some(_) => Ok(()),
            None => Err(Refusal::Panic),
        }
    }

    /// Notes that the last debt of a bank without a market was repaid.
    pub fn note_tokenless(&mut self) {
        const ALLOWED: u64 = 1 << 5;
        const COMPLETE: u64 = 1 << 6;
        const NOTHING: I80F48 = I80F48::from_bits(I80F48::literal(1, 10_000).bits() * 10);
        let owed = self.total_liability_shares().magnitude();
        if self.flags() & ALLOWED != 0 && owed.is_some_and(|owed| owed < NOTHING) {
            let flags = self.flags() | COMPLETE;
            self.fields.put(840, &flags.to_le_bytes());
        }
    }

    /// Counts positions with deposits (at 1,536) or debt (at 1,540).
    pub fn count_positions(&mut self, at: usize, had: bool, has: bool) {
        let count = self.fields.i32(at);
        let count = match (had, has) {
            (false, true) => count.saturating_add(1),
            (true, false) => count.saturating_sub(1),
            _ => return,
        };
        self.fields.put(at, &count.to_le_bytes());
    }
}
