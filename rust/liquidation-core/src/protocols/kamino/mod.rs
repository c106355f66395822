//! Kamino's lending program (KLend): refresh, health, and what a liquidation does, bit for bit.
//!
//! Values are [`Fraction`](crate::fixed::fraction::Fraction)s of the quote currency. [`version`] says which rules differ between 1.7 and
//! 1.16; what has been run against the program's binary is 1.7 (`tests/differential/kamino.py`), the rest follows its published rules.

pub mod addresses;
pub mod amounts;
pub mod bonus;
mod bytes;
pub mod confirm;
pub mod divisor;
pub mod exchange;
pub mod explain;
pub mod groups;
pub mod health;
pub mod interest;
pub mod legacy_feeds;
pub mod legs;
pub mod liquidate;
pub mod market;
pub mod obligation;
pub mod orders;
pub mod pair;
pub mod plan;
pub mod predict;
pub mod price;
pub mod pull_feeds;
pub mod reason;
pub mod redeem;
pub mod referral;
pub mod refresh;
pub mod reserve;
pub mod sample;
pub mod screen;
pub mod settle;
pub mod slim;
pub mod stop;
pub mod version;

use lending_math::Pubkey;

use crate::protocols::adapter::{
    Accounts, Adapter, Choice, Clock, Health, Policy, Prediction, Request, Term, Unanswered,
};

/// The adapter "kamino".
#[derive(Clone, Copy, Debug)]
pub struct Kamino;

impl Adapter for Kamino {
    fn predict(
        &self,
        accounts: &Accounts,
        clock: Clock,
        request: &Request,
    ) -> Result<Prediction, Unanswered> {
        predict::predict(accounts, clock, request)
    }

    fn health(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Health, Unanswered> {
        health::health(accounts, clock, position)
    }

    fn best_plan(
        &self,
        accounts: &Accounts,
        clock: Clock,
        policy: &Policy,
    ) -> Result<Choice, Unanswered> {
        plan::best_plan(accounts, clock, policy)
    }

    fn explain(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Vec<Term>, Unanswered> {
        explain::explain(accounts, clock, position)
    }

    fn screened(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Option<bool>, Unanswered> {
        screen::screened(accounts, clock, position)
    }
}
