//! The plan of highest profit: every pair of legs that the program's priorities admit, each at its best amount.

use std::collections::BTreeSet;

use lending_math::Pubkey;

use crate::protocols::adapter::{
    Accounts, BestPlan, Choice, Clock, Policy, Prediction, Request, Unanswered,
};
use crate::protocols::kamino::addresses::PROGRAM;
use crate::protocols::kamino::obligation::{DISCRIMINATOR, LENGTH};
use crate::protocols::kamino::pair::{pairs, Pair};
use crate::protocols::kamino::predict::{freshen, load, predict};
use crate::protocols::kamino::stop::Stop;
use crate::protocols::kamino::version::Version;
use crate::CoreError;

/// Returns the best plan for a position, or why there is none.
pub fn best_plan(accounts: &Accounts, clock: Clock, policy: &Policy) -> Result<Choice, Unanswered> {
    let position = the_position(accounts, policy)?;
    let version = Version::parse(policy.version.as_deref())?;
    let mut held = load(accounts, clock, &position, &[], version)?;
    if let Err(stop) = freshen(&mut held, accounts, clock) {
        return Ok(Choice::Refusal(stop.reason()));
    }
    let (mut best, mut failure): (Option<BestPlan>, Option<String>) = (None, None);
    for pair in pairs(&held, clock) {
        let plan = match pair.reason() {
            Ok(_) => plan(&pair, accounts, clock, policy, position)?,
            Err(stop) => Err(stop.reason()),
        };
        match plan {
            Ok(plan) if best.as_ref().is_none_or(|best| plan.profit > best.profit) => {
                best = Some(plan);
            }
            Ok(_) => {}
            Err(reason) => failure = failure.or(Some(reason)),
        }
    }
    Ok(match best {
        Some(plan) if plan.profit >= policy.min_profit => Choice::Plan(Box::new(plan)),
        Some(_) => Choice::Refusal("unprofitable".to_owned()),
        None if held.position.borrows.iter().all(|it| !it.active()) => {
            Choice::Refusal("no debt".to_owned())
        }
        None => Choice::Refusal(failure.unwrap_or_else(|| "no collateral".to_owned())),
    })
}

/// Returns the best plan for a pair of legs as the program will execute it, or why there is none. The amount becomes what is repaid
/// wherever that gives the same, so that a flash loan of it suffices.
fn plan(
    pair: &Pair,
    accounts: &Accounts,
    clock: Clock,
    policy: &Policy,
    position: Pubkey,
) -> Result<Result<BestPlan, String>, Unanswered> {
    let mint = match pair.debt() {
        Ok(reserve) => reserve.mint(),
        Err(stop) => return Ok(Err(stop.reason())),
    };
    let balance = policy.balances.get(&mint).copied().unwrap_or(u64::MAX);
    if balance == 0 {
        return Ok(Err("no balance".to_owned()));
    }
    let mut asked = Request {
        position,
        debt_reserve: pair.borrow.reserve,
        collateral_reserve: pair.deposit.reserve,
        amount: pair.best_amount(balance),
        liquidator: policy.liquidator,
        min_received: 0,
        instruction: policy.instruction.clone(),
        version: policy.version.clone(),
    };
    if let Err(Stop::Unknown(what)) = pair.quote(asked.amount) {
        return Ok(Err(what.to_owned()));
    }
    let prediction = match asked_of(accounts, clock, &asked)? {
        Ok(prediction) => prediction,
        Err(reason) => return Ok(Err(reason)),
    };
    if prediction.repaid > balance {
        return Ok(Err("no balance".to_owned())); // before 1.11 a small debt is closed whole, whatever is offered
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
        profit: profit.saturating_sub(policy.costs.into()),
        prediction,
    }))
}

fn asked_of(
    accounts: &Accounts,
    clock: Clock,
    asked: &Request,
) -> Result<Result<Prediction, String>, Unanswered> {
    let prediction = predict(accounts, clock, asked)?;
    Ok(match prediction.error {
        None => Ok(prediction),
        Some(code) => Err(u32::try_from(code)
            .map_or(Stop::Panic, Stop::Custom)
            .reason()),
    })
}

/// Returns the position that is asked about: the named one, or the only one.
fn the_position(accounts: &Accounts, policy: &Policy) -> Result<Pubkey, Unanswered> {
    if let Some(position) = policy.position {
        return Ok(position);
    }
    let positions: BTreeSet<Pubkey> = accounts
        .iter()
        .filter(|(_, it)| {
            it.owner == PROGRAM && it.data.len() == LENGTH && it.data.starts_with(&DISCRIMINATOR)
        })
        .map(|(address, _)| *address)
        .collect();
    match (positions.len(), positions.first()) {
        (1, Some(address)) => Ok(*address),
        (found, _) => Err(Unanswered::Wrong(CoreError::Argument(format!(
            "found {found} obligations among the accounts, expected one or policy.position"
        )))),
    }
}
