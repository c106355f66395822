//! marginfi v2: groups of banks, margin accounts of up to sixteen balances, numbers with 48 fraction bits.
//!
//! Two versions of the program are known: 0.1.1, held against its binary, and 0.1.9, held against its source compiled natively.
//! The classic liquidation counts collateral: the caller says how much, the program says which debt it stands for. The newer
//! receivership has the caller withdraw and repay, and looks at the result.

pub mod account;
pub mod assessment;
pub mod balance;
pub mod bank;
pub mod bytes;
pub mod confirm;
pub mod derived;
pub mod emode;
pub mod explanation;
pub mod feed;
pub mod group;
pub mod health;
pub mod interest;
pub mod legs;
pub mod liquidation;
pub mod market;
pub mod multiplier;
pub mod planning;
pub mod prediction;
pub mod price;
pub mod programs;
pub mod receivership;
pub mod refusal;
pub mod screen;
pub mod slots;
pub mod staked;
pub mod version;
pub mod ways;
pub mod world;

use lending_math::Pubkey;

use crate::protocols::adapter::{
    Accounts, Adapter, Choice, Clock, Health, Policy, Prediction, Request, Screen, Term, Unanswered,
};

/// marginfi in the shape that all protocols share.
pub struct Marginfi;

impl Adapter for Marginfi {
    fn predict(
        &self,
        accounts: &Accounts,
        clock: Clock,
        request: &Request,
    ) -> Result<Prediction, Unanswered> {
        prediction::predict(accounts, clock, request)
    }

    fn health(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Health, Unanswered> {
        assessment::health(accounts, clock, position)
    }

    fn best_plan(
        &self,
        accounts: &Accounts,
        clock: Clock,
        policy: &Policy,
    ) -> Result<Choice, Unanswered> {
        planning::best_plan(accounts, clock, policy)
    }

    fn explain(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Vec<Term>, Unanswered> {
        explanation::explain(accounts, clock, position)
    }

    fn screened(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Option<bool>, Unanswered> {
        screen::screened(accounts, clock, position)
    }

    fn screen(&self, market: &Pubkey) -> Option<Box<dyn Screen>> {
        Some(Box::new(market::Market::new(*market)))
    }
}
