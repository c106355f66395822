//! The reference program's answers in the shape that all protocols share.

mod explain;
mod instruction;
mod state;

use std::collections::HashMap;

use lending_math::health::Health as Sums;
use lending_math::state::{kind_of, Kind, Position, Side};
use lending_math::{Error, Pubkey};

use super::health::{judge, LegAt, Verdict};
use super::planning::{self, PairQuote};
use super::pricing::Standing;
use crate::protocols::adapter::{
    Accounts, Adapter, BestPlan, Choice, Clock, Health, Policy, Prediction, Request, Term,
    Unanswered, Wide,
};
use crate::CoreError;
use state::Reader;

/// The adapter.
pub struct Reference;

impl Adapter for Reference {
    fn predict(
        &self,
        accounts: &Accounts,
        clock: Clock,
        request: &Request,
    ) -> Result<Prediction, Unanswered> {
        let reader = Reader::new(accounts, &request.position)?;
        instruction::predict(&reader, clock, request)
    }

    fn health(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Health, Unanswered> {
        let (sums, verdict) = judged(accounts, clock, position)?;
        let (numerator, denominator) = sums.map_or((0, 0), |sums| {
            (sums.weighted_collateral, sums.weighted_debt)
        });
        let reason = match verdict {
            Verdict::Healthy => "healthy",
            Verdict::Liquidatable => "unhealthy",
            Verdict::BadDebt => "bad debt",
            Verdict::Blocked(reason) => reason.name(),
        };
        Ok(Health {
            numerator: wide(numerator),
            denominator: wide(denominator),
            liquidatable: verdict == Verdict::Liquidatable,
            reason: reason.replace('_', " "),
        })
    }

    fn best_plan(
        &self,
        accounts: &Accounts,
        clock: Clock,
        policy: &Policy,
    ) -> Result<Choice, Unanswered> {
        let position = match policy.position {
            Some(position) => position,
            None => only_position(accounts)?,
        };
        judged(accounts, clock, &position)?; // names every account that is missing
        match best_pair(accounts, clock, &position, policy) {
            Err(CoreError::Refused(refusal)) => Ok(Choice::Refusal(words(refusal))),
            Err(error) => Err(error.into()),
            Ok(None) => Ok(Choice::Refusal("bad debt".to_owned())),
            Ok(Some((_, profit))) if profit < policy.min_profit => {
                Ok(Choice::Refusal("unprofitable".to_owned()))
            }
            Ok(Some((pair, profit))) => {
                let request = Request {
                    position,
                    debt_reserve: pair.debt.0,
                    collateral_reserve: pair.collateral.0,
                    amount: pair.quote.repaid,
                    liquidator: policy.liquidator,
                    min_received: pair.quote.received,
                    instruction: policy.instruction.clone(),
                    version: policy.version.clone(),
                };
                let prediction = self.predict(accounts, clock, &request)?;
                if let Some(code) = prediction.error {
                    return Ok(Choice::Refusal(format!("error {code}")));
                }
                Ok(Choice::Plan(Box::new(BestPlan {
                    request,
                    prediction,
                    profit,
                })))
            }
        }
    }

    fn explain(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Vec<Term>, Unanswered> {
        judged(accounts, clock, position)?;
        explain::terms(accounts, clock, position)
    }
}

/// Returns a position's sums and verdict, or which accounts they need.
fn judged(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<(Option<Sums>, Verdict), Unanswered> {
    let reader = Reader::new(accounts, position)?;
    let held = reader.position(position)?;
    reader.demand(held.legs().iter().map(|leg| leg.reserve))?;
    let mut oracles = Vec::new();
    for leg in held.legs() {
        oracles.push(reader.reserve(&leg.reserve)?.oracle);
    }
    reader.demand(oracles.into_iter().chain([held.market]))?;
    let market = reader.market(&held.market)?;
    let mut standings = Vec::with_capacity(held.legs().len());
    for leg in held.legs() {
        let reserve = reader.reserve(&leg.reserve)?;
        let oracle = reader.oracle(&reserve)?;
        standings.push(Standing::of(Some(&reserve), Some(&oracle), clock.slot));
    }
    let legs = held
        .legs()
        .iter()
        .zip(&standings)
        .map(|(leg, reserve)| LegAt {
            side: leg.side,
            amount: leg.amount,
            reserve,
        });
    let judgement = judge(legs, market.paused);
    Ok((judgement.health, judgement.verdict))
}

/// Returns the pair of highest profit within the balances, and that profit.
fn best_pair(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
    policy: &Policy,
) -> Result<Option<(PairQuote, i128)>, CoreError> {
    let bytes: HashMap<Pubkey, &[u8]> = accounts
        .iter()
        .map(|(address, account)| (*address, account.data))
        .collect();
    let mut amounts: Vec<u64> = policy.balances.values().copied().collect();
    amounts.push(u64::MAX);
    amounts.sort_unstable();
    amounts.dedup();
    let (mut best, mut refusal) = (None, None);
    for amount in amounts {
        let quotes = match planning::quotes(&bytes, position, clock.slot, amount) {
            Ok(quotes) => quotes,
            Err(error) => {
                refusal = Some(error);
                continue;
            }
        };
        refusal = None;
        for pair in quotes {
            let affordable = policy
                .balances
                .get(&pair.debt.1)
                .is_none_or(|balance| pair.quote.repaid <= *balance);
            let profit = profit(&pair, policy.costs);
            if affordable && best.as_ref().is_none_or(|(_, most)| profit > *most) {
                best = Some((pair, profit));
            }
        }
    }
    match (best, refusal) {
        (None, Some(error)) => Err(error),
        (best, _) => Ok(best),
    }
}

/// Returns value received − value repaid − costs in micro-USD; an amount beyond 127 bits saturates.
fn profit(pair: &PairQuote, costs: u64) -> i128 {
    let signed = |value: u128| i128::try_from(value).unwrap_or(i128::MAX);
    signed(pair.seized_micro_usd)
        .saturating_sub(signed(pair.repaid_micro_usd))
        .saturating_sub(i128::from(costs))
}

fn only_position(accounts: &Accounts) -> Result<Pubkey, CoreError> {
    let mut found = accounts
        .iter()
        .filter(|(_, account)| {
            kind_of(account.data) == Some(Kind::Position) && Position::decode(account.data).is_ok()
        })
        .map(|(address, _)| *address);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(CoreError::Argument(
            "found no position among the accounts, expected one, or policy.position".to_owned(),
        )),
        _ => Err(CoreError::Argument(
            "found several positions among the accounts, expected policy.position to name one"
                .to_owned(),
        )),
    }
}

/// Returns a refusal as callers read it: "healthy", "stale price".
fn words(refusal: Error) -> String {
    let mut words = String::new();
    for letter in refusal.name().chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn wide(value: u128) -> Wide {
    let mut bytes = [0; 32];
    let (low, _) = bytes.split_at_mut(16);
    low.copy_from_slice(&value.to_le_bytes());
    bytes
}

fn has_both_sides(position: &Position) -> bool {
    position.has(Side::Debt) && position.has(Side::Collateral)
}
