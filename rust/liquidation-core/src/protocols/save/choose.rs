//! The plan of highest profit: the program fixes the debt, so it is about which deposit to take and how much of it.

use lending_math::Pubkey;

use super::fault::Fault;
use super::obligation::{Deposit, Obligation, OBLIGATION_LENGTH};
use super::pair::Pair;
use super::predict::{predict, refreshed};
use super::PROGRAM;
use crate::protocols::adapter::{Accounts, BestPlan, Choice, Clock, Policy, Request, Unanswered};
use crate::CoreError;

/// 10⁻¹⁸ in 10⁻⁶ quote units.
const MICRO: i128 = 1_000_000_000_000;

/// Returns the best plan for a position, or why there is none.
pub fn best_plan(accounts: &Accounts, clock: Clock, policy: &Policy) -> Result<Choice, Unanswered> {
    let position = the_position(accounts, policy)?;
    let refuse = |reason: &str| Ok(Choice::Refusal(reason.to_owned()));
    let (ledger, obligation) = match refreshed(accounts, clock, &position)? {
        Ok(refreshed) => refreshed,
        Err(fault) => return Ok(Choice::Refusal(fault.reason())),
    };
    let Some(borrow) = obligation.borrows.first().copied() else {
        return refuse("no debt");
    };
    let debt = match ledger.reserve(&borrow.reserve) {
        Ok(reserve) => reserve,
        Err(fault) => return Ok(Choice::Refusal(fault.reason())),
    };
    let balance = policy.balances.get(&debt.mint).copied();
    if balance == Some(0) {
        return refuse("no balance");
    }
    let (mut best, mut failure): (Option<BestPlan>, _) = (None, None);
    for deposit in distinct(&obligation) {
        let Ok(collateral) = ledger.reserve(&deposit.reserve) else {
            continue;
        };
        let pair = Pair {
            obligation: &obligation,
            debt: &debt,
            borrow,
            collateral: &collateral,
            deposit,
        };
        let asked = request(policy, position, borrow.reserve, deposit.reserve);
        match plan(
            &pair,
            accounts,
            clock,
            policy,
            asked,
            balance.unwrap_or(u64::MAX),
        )? {
            Ok(plan) if best.as_ref().is_none_or(|best| plan.profit > best.profit) => {
                best = Some(plan)
            }
            Ok(_) => {}
            Err(reason) => failure = failure.or(Some(reason)),
        }
    }
    match best {
        Some(plan) if plan.profit >= policy.min_profit => Ok(Choice::Plan(Box::new(plan))),
        Some(_) => refuse("unprofitable"),
        None => Ok(Choice::Refusal(
            failure.unwrap_or_else(|| "no collateral".to_owned()),
        )),
    }
}

/// Returns the best plan for a pair of legs as the program will execute it, or why there is none. The amount becomes what is
/// repaid wherever that gives the same, so that a flash loan of it suffices.
fn plan(
    pair: &Pair,
    accounts: &Accounts,
    clock: Clock,
    policy: &Policy,
    mut asked: Request,
    balance: u64,
) -> Result<Result<BestPlan, String>, Unanswered> {
    asked.amount = pair.best_amount(balance);
    let prediction = predict(accounts, clock, &asked)?;
    if let Some(code) = prediction.error {
        return Ok(Err(Fault(code).reason()));
    }
    if prediction.repaid > balance {
        return Ok(Err("no balance".to_owned())); // a debt of at most 1 is closed whole
    }
    let exact = Request {
        amount: prediction.repaid,
        ..asked.clone()
    };
    if predict(accounts, clock, &exact)? == prediction {
        asked = exact;
    }
    let profit = pair.profit(prediction.repaid, prediction.seized);
    Ok(Ok(BestPlan {
        request: asked,
        profit: profit.div_euclid(MICRO).saturating_sub(policy.costs.into()),
        prediction,
    }))
}

fn request(policy: &Policy, position: Pubkey, debt: Pubkey, collateral: Pubkey) -> Request {
    Request {
        position,
        debt_reserve: debt,
        collateral_reserve: collateral,
        amount: u64::MAX,
        liquidator: policy.liquidator,
        min_received: 0,
        instruction: policy.instruction.clone(),
        version: policy.version.clone(),
    }
}

/// Returns the deposits that a liquidation can name: the first in each reserve.
fn distinct(obligation: &Obligation) -> Vec<Deposit> {
    let mut deposits: Vec<Deposit> = Vec::new();
    for deposit in &obligation.deposits {
        if deposits
            .iter()
            .all(|other| other.reserve != deposit.reserve)
        {
            deposits.push(*deposit);
        }
    }
    deposits
}

/// Returns the position that is asked about: the named one, or the only one.
fn the_position(accounts: &Accounts, policy: &Policy) -> Result<Pubkey, Unanswered> {
    if let Some(position) = policy.position {
        return Ok(position);
    }
    let mut positions = accounts
        .iter()
        .filter(|(_, account)| account.owner == PROGRAM && account.data.len() == OBLIGATION_LENGTH);
    match (positions.next(), positions.next()) {
        (Some((address, _)), None) => Ok(*address),
        (first, _) => {
            let found = if first.is_some() { "several" } else { "no" };
            Err(Unanswered::Wrong(CoreError::Argument(format!(
                "found {found} obligations among the accounts, expected one or policy.position"
            ))))
        }
    }
}
