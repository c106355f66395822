//! The plan of highest profit: the program fixes the debt, so it is about which deposit to take and how much of it.

use lending_math::Pubkey;

use super::obligation::{Obligation, OBLIGATION_LENGTH};
use super::predict::{predict, refreshed};
use super::reserve::Reserve;
use super::PROGRAM;
use crate::fixed::wad::Decimal;
use crate::protocols::adapter::{
    Accounts, BestPlan, Choice, Clock, Policy, Prediction, Request, Unanswered,
};
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
    let Some(debt) = obligation.borrows.first().map(|borrow| borrow.reserve) else {
        return refuse("no debt");
    };
    let debt_reserve = match ledger.reserve(&debt) {
        Ok(reserve) => reserve,
        Err(fault) => return Ok(Choice::Refusal(fault.reason())),
    };
    let balance = policy.balances.get(&debt_reserve.mint).copied();
    if balance == Some(0) {
        return refuse("no balance");
    }
    let bench = Bench {
        accounts,
        clock,
        costs: i128::from(policy.costs),
        balance: balance.unwrap_or(u64::MAX),
    };
    let mut best: Option<BestPlan> = None;
    let mut failure = None;
    for collateral in distinct(&obligation) {
        let Ok(collateral_reserve) = ledger.reserve(&collateral) else {
            continue;
        };
        let template = request(policy, position, debt, collateral);
        for amount in bench.amounts(&template)? {
            let plan = bench.plan(&template, amount, &debt_reserve, &collateral_reserve)?;
            match plan {
                Ok(plan) if best.as_ref().is_none_or(|best| plan.profit > best.profit) => {
                    best = Some(plan)
                }
                Ok(_) => {}
                Err(reason) => failure = failure.or(Some(reason)),
            }
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

/// What all candidates share.
struct Bench<'a> {
    accounts: &'a Accounts<'a>,
    clock: Clock,
    costs: i128,
    balance: u64,
}

impl Bench<'_> {
    /// Returns the amounts worth trying: all that is allowed and, where the collateral's reserve cannot pay for all of it, the
    /// most that leaves no collateral token behind. The bonus does not depend on the amount, so profit grows with it.
    fn amounts(&self, template: &Request) -> Result<Vec<u64>, Unanswered> {
        let all = self.ask(template, self.balance)?;
        if all.error.is_some() || all.seized_shares == 0 {
            return Ok(vec![self.balance]);
        }
        let (mut fits, mut too_much) = (0, all.repaid);
        while too_much - fits > 1 {
            let middle = fits + (too_much - fits) / 2;
            let asked = self.ask(template, middle)?;
            if asked.error.is_none() && asked.seized_shares > 0 {
                too_much = middle;
            } else {
                fits = middle;
            }
        }
        Ok([self.balance, fits]
            .into_iter()
            .filter(|amount| *amount > 0)
            .collect())
    }

    /// Returns the plan with an amount, or why there is none. The amount becomes what is repaid wherever that gives the same,
    /// so that a flash loan of it suffices.
    fn plan(
        &self,
        template: &Request,
        amount: u64,
        debt: &Reserve,
        collateral: &Reserve,
    ) -> Result<Result<BestPlan, String>, Unanswered> {
        let prediction = self.ask(template, amount)?;
        if let Some(code) = prediction.error {
            return Ok(Err(super::fault::Fault(code).reason()));
        }
        if prediction.repaid > self.balance {
            return Ok(Err("no balance".to_owned())); // a debt of at most 1 is closed whole
        }
        let same = self.ask(template, prediction.repaid)? == prediction;
        let amount = if same { prediction.repaid } else { amount };
        let value = |reserve: &Reserve, amount: u64| {
            let value = reserve
                .value(Decimal::from(amount))
                .ok()
                .and_then(Decimal::to_scaled);
            value
                .and_then(|value| i128::try_from(value).ok())
                .unwrap_or(i128::MAX)
        };
        let gain =
            value(collateral, prediction.seized).saturating_sub(value(debt, prediction.repaid));
        Ok(Ok(BestPlan {
            request: Request {
                amount,
                ..template.clone()
            },
            profit: gain.div_euclid(MICRO).saturating_sub(self.costs),
            prediction,
        }))
    }

    fn ask(&self, template: &Request, amount: u64) -> Result<Prediction, Unanswered> {
        let asked = Request {
            amount,
            ..template.clone()
        };
        predict(self.accounts, self.clock, &asked)
    }
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

/// Returns the reserves of the deposits, each once.
fn distinct(obligation: &Obligation) -> Vec<Pubkey> {
    let mut reserves = Vec::new();
    for deposit in &obligation.deposits {
        if !reserves.contains(&deposit.reserve) {
            reserves.push(deposit.reserve);
        }
    }
    reserves
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
