//! Every term of a position's health.

use lending_math::Pubkey;

use crate::protocols::adapter::{Accounts, Clock, Term, Unanswered};

/// Returns the terms.
pub fn explain(_: &Accounts, _: Clock, _: &Pubkey) -> Result<Vec<Term>, Unanswered> {
    Ok(Vec::new())
}
