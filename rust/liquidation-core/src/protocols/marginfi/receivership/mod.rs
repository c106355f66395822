//! Receivership (from 0.1.6 on): a receiver withdraws collateral and repays debt between a start, that notes prices, and an end,
//! that holds the result against them. Known from the program's source; no binary of such a version is public.
//!
//! The receiver pays the least debt for which the premium is allowed: at most 5 %, or the program's own limit, in unweighted values.

mod notes;
mod stage;

use lending_math::Pubkey;

use self::stage::Stage;
use super::account::MarginAccount;
use super::bytes::Fields;
use super::health::Banks;
use super::programs::MARGINFI;
use super::refusal::{Outcome, Refusal};
use super::world::World;
use crate::address::find_program_address;
use crate::fixed::i80f48::I80F48;

/// What is withdrawn and which debt is repaid.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The account.
    pub position: Pubkey,
    /// Bank of the collateral.
    pub asset: Pubkey,
    /// Bank of the debt.
    pub debt: Pubkey,
    /// Smallest units of the collateral.
    pub amount: u64,
    /// Who receives, and pays for the account's record where it has none yet.
    pub receiver: Option<Pubkey>,
}

/// What a receivership did.
pub struct Received<'a> {
    /// Debt repaid, smallest units.
    pub repaid: u64,
    /// The premium that was allowed.
    pub premium: I80F48,
    /// The account afterwards.
    pub position: MarginAccount<'a>,
    /// Its banks afterwards.
    pub banks: Banks<'a>,
    /// Its record afterwards.
    pub record: (Pubkey, Fields<'a>),
}

/// Returns the address of the program's own fees.
#[must_use]
pub fn fee_state() -> Pubkey {
    find_program_address(&[b"feestate"], &MARGINFI).0
}

/// Returns the address of a margin account's record.
#[must_use]
pub fn record(account: &Pubkey) -> Pubkey {
    find_program_address(&[b"liq_record", account], &MARGINFI).0
}

/// Executes the whole sequence with the least repayment that is accepted, or returns the program's refusal.
pub fn receive<'a>(world: &World<'a>, order: Order) -> Outcome<Received<'a>> {
    let withdrawn = Stage::start(world, &order)?.withdraw(&order)?;
    let tried = |repaid| withdrawn.clone().end(&order, repaid);
    if let Ok(received) = tried(0) {
        return Ok(received);
    }
    let (mut too_little, mut enough) = (0, withdrawn.most_repayable(&order)?);
    let mut last = tried(enough);
    if is_too_little(&last) {
        return last;
    }
    while enough - too_little > 1 {
        let middle = too_little + (enough - too_little) / 2;
        let outcome = tried(middle);
        if is_too_little(&outcome) {
            too_little = middle;
        } else {
            (enough, last) = (middle, outcome);
        }
    }
    last
}

/// Returns whether the program asks for more debt to be repaid. "Healthy" is not among them: then it is too much.
fn is_too_little(outcome: &Outcome<Received>) -> bool {
    matches!(outcome, Err(Refusal::PremiumTooHigh | Refusal::WorseHealth))
}
