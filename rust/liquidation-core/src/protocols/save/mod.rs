//! Save (Solend): the arithmetic of its lending program, rounding for rounding, over raw accounts.
//!
//! [`Save`] answers the questions of [`adapter`](super::adapter). A prediction replays the transaction on copies of the
//! accounts: [`refresh`] every reserve, then the obligation, then [`liquidate`]; each step reads and writes bytes as the
//! program does, so its limits, its error codes and its quirks come out by themselves. Numbers are [`crate::fixed::wad`].

pub mod amounts;
pub mod choose;
pub mod confirm;
pub mod explain;
pub mod fault;
pub mod interest;
pub mod layout;
pub mod ledger;
pub mod legs;
pub mod liquidate;
pub mod market;
pub mod obligation;
pub mod pair;
pub mod predict;
pub mod prices;
pub mod refresh;
pub mod reserve;
pub mod screen;
pub mod switchboard;

use lending_math::Pubkey;

use super::adapter::{
    self, Accounts, Adapter, Choice, Clock, Health, Policy, Prediction, Request, Term, Unanswered,
};
use super::market_screen::Market;

/// `So1endDq2YkqhipRh3WViPa8hdiSpxWy6z3Z6tMCpAo`.
pub const PROGRAM: Pubkey = [
    6, 155, 139, 152, 90, 171, 83, 42, 69, 9, 13, 232, 85, 127, 205, 220, 190, 108, 183, 239, 199,
    58, 10, 101, 176, 111, 146, 3, 93, 183, 62, 236,
];
/// SPL Token, `TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA`.
pub const TOKEN_PROGRAM: Pubkey = [
    6, 221, 246, 225, 215, 101, 161, 147, 217, 203, 225, 70, 206, 235, 121, 172, 28, 180, 133, 237,
    95, 91, 55, 145, 58, 140, 245, 133, 126, 255, 0, 169,
];

/// The protocol's arithmetic.
pub struct Save;

impl Adapter for Save {
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
        predict::health(accounts, clock, position)
    }

    fn best_plan(
        &self,
        accounts: &Accounts,
        clock: Clock,
        policy: &Policy,
    ) -> Result<Choice, Unanswered> {
        choose::best_plan(accounts, clock, policy)
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

    fn screen(&self, market: &Pubkey) -> Option<Box<dyn adapter::Screen>> {
        Some(Box::new(Market::<Save>::new(*market)))
    }
}

#[cfg(test)]
mod tests;
