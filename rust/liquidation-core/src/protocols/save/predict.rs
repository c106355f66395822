//! What a whole transaction does: refresh every reserve, refresh the obligation, liquidate.

use std::collections::BTreeSet;

use lending_math::Pubkey;

use super::fault::{Fault, Outcome};
use super::ledger::Ledger;
use super::liquidate::{liquidatable, liquidate, Liquidation};
use super::obligation::{Obligation, OBLIGATION_LENGTH};
use super::prices::{reading, NO_ORACLE};
use super::refresh::{refresh_obligation, refresh_reserve};
use super::reserve::Reserve;
use crate::address::to_base58;
use crate::fixed::wad::WAD;
use crate::protocols::adapter::{Accounts, Clock, Health, Prediction, Ratio, Request, Unanswered};
use crate::CoreError;

/// Returns what the program will do.
pub fn predict(
    accounts: &Accounts,
    clock: Clock,
    asked: &Request,
) -> Result<Prediction, Unanswered> {
    let legs = [asked.debt_reserve, asked.collateral_reserve];
    let scope = Scope::of(accounts, clock, &asked.position, &legs)?;
    let mut ledger = Ledger::new(accounts);
    let done = scope.refresh(&mut ledger, &asked.position, clock);
    let done = done.and_then(|()| liquidate(&mut ledger, &scope.market, asked, clock));
    Ok(match done {
        Ok(done) => prediction(&done, ledger),
        Err(fault) => Prediction::failed(fault.code()),
    })
}

fn prediction(done: &Liquidation, ledger: Ledger) -> Prediction {
    Prediction {
        repaid: done.amounts.repay,
        debt_relieved: None,
        seized: done.liquidity.saturating_sub(done.fee),
        seized_shares: done.amounts.withdraw - done.redeemed,
        protocol_fee: done.fee,
        bonus: Ratio {
            numerator: done.bonus.total.to_scaled().unwrap_or(u128::MAX),
            denominator: u128::from(WAD),
        },
        error: None,
        accounts_after: ledger.changed(),
    }
}

/// Returns unhealthy borrow value over borrowed value, both 10⁻¹⁸ quote units; zeros where the program cannot refresh them.
pub fn health(accounts: &Accounts, clock: Clock, position: &Pubkey) -> Result<Health, Unanswered> {
    let refreshed = match refreshed(accounts, clock, position)? {
        Ok((_, obligation)) => obligation,
        Err(fault) => {
            return Ok(Health {
                numerator: [0; 32],
                denominator: [0; 32],
                liquidatable: false,
                reason: fault.reason(),
            })
        }
    };
    let verdict = liquidatable(&refreshed);
    Ok(Health {
        numerator: refreshed.unhealthy.to_le_bytes(),
        denominator: refreshed.borrowed.to_le_bytes(),
        liquidatable: verdict.is_ok(),
        reason: match verdict {
            Ok(()) if refreshed.borrowed >= refreshed.unhealthy => "unhealthy".to_owned(),
            Ok(()) => "closeable".to_owned(),
            Err(fault) => fault.reason(),
        },
    })
}

/// Returns the accounts after the refreshes and the obligation in them, or why the program would refuse.
pub fn refreshed<'a>(
    accounts: &'a Accounts<'a>,
    clock: Clock,
    position: &Pubkey,
) -> Result<Outcome<(Ledger<'a>, Obligation)>, Unanswered> {
    let scope = Scope::of(accounts, clock, position, &[])?;
    well_formed(accounts, position)?;
    let mut ledger = Ledger::new(accounts);
    let done = scope.refresh(&mut ledger, position, clock);
    let read = done.and_then(|()| ledger.obligation(position));
    Ok(read.map(|obligation| (ledger, obligation)))
}

/// Fails for bytes that are no obligation: a question about them has no answer.
fn well_formed(accounts: &Accounts, position: &Pubkey) -> Result<(), Unanswered> {
    let data = accounts
        .get(position)
        .map_or(&[][..], |account| account.data);
    match Obligation::decode(data) {
        Ok(_) => Ok(()),
        Err(_) => Err(Unanswered::Wrong(CoreError::Malformed {
            address: to_base58(position),
            kind: "Save obligation",
            found: data.len(),
            expected: OBLIGATION_LENGTH,
        })),
    }
}

/// The accounts that a transaction about one position names.
struct Scope {
    reserves: Vec<Pubkey>,
    market: Pubkey,
}

impl Scope {
    /// Returns the reserves to refresh and the market, or which accounts are missing. A second oracle is needed only where the
    /// first gives no price.
    fn of(
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
        legs: &[Pubkey],
    ) -> Result<Scope, Unanswered> {
        let mut missing = BTreeSet::new();
        let mut need = |address: &Pubkey| {
            if !accounts.contains_key(address) {
                missing.insert(*address);
            }
        };
        need(position);
        let bytes = accounts
            .get(position)
            .map_or(&[][..], |account| account.data);
        let obligation = Obligation::decode(bytes).ok();
        let mut scope = Scope {
            reserves: Vec::new(),
            market: [0; 32],
        };
        if let Some(obligation) = &obligation {
            scope.market = obligation.market;
            need(&obligation.market);
        }
        for reserve in obligation.iter().flat_map(Obligation::reserves).chain(legs) {
            if scope.reserves.contains(reserve) {
                continue;
            }
            scope.reserves.push(*reserve);
            need(reserve);
            if let Some(account) = accounts.get(reserve) {
                let decoded = Reserve::decode(account.data).ok();
                decoded
                    .iter()
                    .for_each(|reserve| oracles(reserve, accounts, clock, &mut need));
            }
        }
        match missing.is_empty() {
            true => Ok(scope),
            false => Err(Unanswered::Missing(missing)),
        }
    }

    fn refresh(&self, ledger: &mut Ledger, position: &Pubkey, clock: Clock) -> Result<(), Fault> {
        for reserve in &self.reserves {
            refresh_reserve(ledger, reserve, clock)?;
        }
        refresh_obligation(ledger, position, clock)
    }
}

fn oracles(reserve: &Reserve, accounts: &Accounts, clock: Clock, need: &mut impl FnMut(&Pubkey)) {
    let absent = |oracle: &Pubkey| *oracle == NO_ORACLE || *oracle == [0; 32];
    if !absent(&reserve.main_oracle) {
        need(&reserve.main_oracle);
    }
    let main_known = absent(&reserve.main_oracle) || accounts.contains_key(&reserve.main_oracle);
    if main_known && !absent(&reserve.second_oracle) && reading(reserve, accounts, clock).is_err() {
        need(&reserve.second_oracle);
    }
    reserve.config.extra_oracle.iter().for_each(need);
}
