//! The best liquidation of an account: for each pair of legs the largest amount that the program accepts, then the pair with
//! the highest profit. The discount is the same for every amount, so that the largest is the best.
//!
//! "v1" is the classic liquidation into the liquidator's own margin account, "v2" the receivership, that needs none.

use lending_math::Pubkey;

use super::account::{Balance, Side, EMPTY};
use super::assessment::{assess, refusal, version_of};
use super::prediction::{demand_received, is_receivership};
use super::refusal::{math, Outcome, Refusal};
use super::version::Version;
use super::ways::{Classic, Deal, Receivership, Way};
use super::world::World;
use crate::fixed::i80f48::I80F48;
use crate::protocols::adapter::{Accounts, BestPlan, Choice, Clock, Policy, Request, Unanswered};

/// Amounts above the found one that are tried as well: rounding may accept one of them again.
const TRIED_ABOVE: u64 = 8;

/// Returns the plan of highest profit.
pub fn best_plan(accounts: &Accounts, clock: Clock, policy: &Policy) -> Result<Choice, Unanswered> {
    let newest = World::new(accounts, clock, Version::V0_1_9);
    let position = match policy.position {
        Some(position) => position,
        None => newest.only_other(policy.liquidator.as_ref())?,
    };
    let version = match policy.version.as_deref() {
        None => version_of(accounts, clock, &position),
        name => Version::named(name)?,
    };
    let world = World::new(accounts, clock, version);
    if is_receivership(policy.instruction.as_deref(), version)? {
        demand_received(&world, &position, &[])?;
        let receiver = policy.liquidator;
        let way = Receivership {
            world: &world,
            position,
            receiver,
        };
        return Ok(choose(&world, position, receiver, &way, policy));
    }
    let liquidator = match policy.liquidator {
        Some(liquidator) => liquidator,
        None => world.only_other(Some(&position))?,
    };
    world.demand(&[position, liquidator], &[])?;
    let way = Classic {
        world: &world,
        position,
        liquidator,
    };
    Ok(choose(&world, position, Some(liquidator), &way, policy))
}

fn choose(
    world: &World,
    position: Pubkey,
    liquidator: Option<Pubkey>,
    way: &impl Way,
    policy: &Policy,
) -> Choice {
    let assessed = assess(world, &position);
    if let Some(reason) = refusal(assessed.as_ref().map_err(|why| *why), world.version) {
        return Choice::Refusal(reason);
    }
    let Ok(assessed) = assessed else {
        return Choice::Refusal("error -1".to_owned());
    };
    let banks_on = |side: Side| {
        let holds = move |it: &Balance| match side {
            Side::Assets => it.asset_shares >= EMPTY,
            Side::Liabilities => it.liability_shares >= EMPTY,
        };
        let banks = assessed.account.balances().filter(holds);
        banks.map(|it| it.bank).collect::<Vec<_>>()
    };
    let (mut best, mut reason): (Option<(i128, Request)>, Option<Refusal>) = (None, None);
    for asset in banks_on(Side::Assets) {
        for debt in banks_on(Side::Liabilities) {
            match best_of_pair(world, (position, asset, debt), way, policy) {
                Ok((profit, amount)) if best.as_ref().is_none_or(|(known, _)| profit > *known) => {
                    let request = Request {
                        position,
                        debt_reserve: debt,
                        collateral_reserve: asset,
                        amount,
                        liquidator,
                        min_received: 0,
                        instruction: policy.instruction.clone(),
                        version: Some(world.version.label().to_owned()),
                    };
                    best = Some((profit, request));
                }
                Ok(_) => {}
                Err(refusal) => reason = reason.or(Some(refusal)),
            }
        }
    }
    match (best, reason) {
        (Some((profit, _)), _) if profit < policy.min_profit => {
            Choice::Refusal("unprofitable".to_owned())
        }
        (Some((profit, request)), _) => Choice::Plan(Box::new(BestPlan {
            prediction: way.predicted(&request),
            request,
            profit,
        })),
        (None, Some(refusal)) => Choice::Refusal(refusal.name(world.version)),
        (None, None) => Choice::Refusal("no collateral".to_owned()),
    }
}

/// Returns profit and the largest accepted amount of a pair, or why the program accepts none.
fn best_of_pair(
    world: &World,
    (position, asset, debt): (Pubkey, Pubkey, Pubkey),
    way: &impl Way,
    policy: &Policy,
) -> Outcome<(i128, u64)> {
    let spendable = policy.balances.get(&world.bank(&debt)?.mint()).copied();
    let tried = |amount: u64| {
        let deal = way.tried(asset, debt, amount)?;
        match spendable {
            Some(most) if deal.owed > I80F48::whole(most) => Err(Refusal::TooSevere),
            _ => Ok(deal),
        }
    };
    let amount = largest(above_deposit(world, &position, &asset)?, tried)?;
    let profit = tried(amount)?.profit()?;
    Ok((profit.saturating_sub(i128::from(policy.costs)), amount))
}

/// Returns the largest amount below a limit that is accepted, or why none is.
pub fn largest(limit: u64, tried: impl Fn(u64) -> Outcome<Deal>) -> Outcome<u64> {
    let (mut accepted, mut refused) = (0, limit);
    let mut why = Refusal::TooMuchCollateral;
    while refused - accepted > 1 {
        let middle = accepted + (refused - accepted) / 2;
        match tried(middle) {
            Ok(_) | Err(Refusal::WorseHealth) => accepted = middle,
            Err(refusal) if is_for_good(refusal) => return Err(refusal),
            Err(refusal) => (refused, why) = (middle, refusal),
        }
    }
    for amount in (accepted + 1..=accepted.saturating_add(TRIED_ABOVE)).rev() {
        if tried(amount).is_ok() {
            return Ok(amount);
        }
    }
    match tried(accepted.max(1)) {
        Ok(_) => Ok(accepted),
        Err(Refusal::WorseHealth) => Err(Refusal::WorseHealth),
        Err(_) => Err(why),
    }
}

/// Returns two more than the position's deposit.
fn above_deposit(world: &World, position: &Pubkey, asset: &Pubkey) -> Outcome<u64> {
    let position = world.margin_account(position)?;
    let slot = position.find(asset).ok_or(Refusal::NoBalance)?;
    let mut bank = world.bank(asset)?;
    let group = world.group(&position.group())?;
    bank.accrue(world.clock.unix_timestamp, &group, world.version)?;
    let deposit = bank.asset_amount(position.balance(slot).asset_shares)?;
    Ok(math(deposit.to_u64())?.saturating_add(2))
}

/// Returns whether another amount would be refused for the same reason.
fn is_for_good(refusal: Refusal) -> bool {
    !matches!(
        refusal,
        Refusal::TooMuchCollateral
            | Refusal::WithdrawOnly
            | Refusal::PremiumTooHigh
            | Refusal::Healthy
            | Refusal::DebtExhausted
            | Refusal::DebtOverpaid
            | Refusal::RepayOnly
            | Refusal::TooSevere
            | Refusal::LiquidatorMargin
            | Refusal::Utilization
            | Refusal::VaultEmpty
            | Refusal::DepositLimit
            | Refusal::BankReduceOnly
            | Refusal::Math
            | Refusal::Panic
    )
}
