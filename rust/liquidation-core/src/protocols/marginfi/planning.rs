//! The best liquidation of an account: for each pair of legs the largest amount that the program accepts, then the pair with
//! the highest profit. The discount is the same for every amount, so that the largest is the best.

use lending_math::Pubkey;

use super::account::{Side, EMPTY};
use super::assessment::{assess, refusal, version_of};
use super::bank::{Bank, Requirement};
use super::feed;
use super::liquidation::{liquidate, Done, Order};
use super::prediction::of_order;
use super::price::value;
use super::version::{math, Outcome, Refusal, Version};
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
    let liquidator = match policy.liquidator {
        Some(liquidator) => liquidator,
        None => newest.only_other(Some(&position))?,
    };
    let version = match policy.version.as_deref() {
        None => version_of(accounts, clock, &position),
        name => Version::named(name)?,
    };
    let world = World::new(accounts, clock, version);
    world.demand(&[position, liquidator], &[])?;
    Ok(choose(&world, position, liquidator, policy))
}

fn choose(world: &World, position: Pubkey, liquidator: Pubkey, policy: &Policy) -> Choice {
    let assessed = assess(world, &position);
    if let Some(reason) = refusal(assessed.as_ref().map_err(|why| *why), world.version) {
        return Choice::Refusal(reason);
    }
    let Ok(assessed) = assessed else {
        return Choice::Refusal("error -1".to_owned());
    };
    let banks_on = |side: Side| {
        let holds = move |it: &super::account::Balance| match side {
            Side::Assets => it.asset_shares >= EMPTY,
            Side::Liabilities => it.liability_shares >= EMPTY,
        };
        let banks = assessed.account.balances().filter(holds);
        banks.map(|it| it.bank).collect::<Vec<_>>()
    };
    let (mut best, mut reason): (Option<(i128, Order)>, Option<Refusal>) = (None, None);
    for asset in banks_on(Side::Assets) {
        for debt in banks_on(Side::Liabilities) {
            let order = Order {
                position,
                liquidator,
                asset,
                debt,
                amount: 0,
            };
            match best_of_pair(world, order, policy) {
                Ok((profit, order)) if best.is_none_or(|(known, _)| profit > known) => {
                    best = Some((profit, order));
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
        (Some((profit, order)), _) => planned(world, &order, profit, policy),
        (None, Some(refusal)) => Choice::Refusal(refusal.name(world.version)),
        (None, None) => Choice::Refusal("no collateral".to_owned()),
    }
}

fn planned(world: &World, order: &Order, profit: i128, policy: &Policy) -> Choice {
    let version = if world.version.is_old() {
        "0.1.1"
    } else {
        "0.1.9"
    };
    let request = Request {
        position: order.position,
        debt_reserve: order.debt,
        collateral_reserve: order.asset,
        amount: order.amount,
        liquidator: Some(order.liquidator),
        min_received: 0,
        instruction: policy.instruction.clone(),
        version: Some(version.to_owned()),
    };
    let prediction = of_order(world, *order);
    Choice::Plan(Box::new(BestPlan {
        request,
        prediction,
        profit,
    }))
}

/// Returns the largest accepted order of a pair with its profit, or why the program accepts none.
fn best_of_pair(world: &World, order: Order, policy: &Policy) -> Outcome<(i128, Order)> {
    let amount = largest(world, order, policy)?;
    let order = Order { amount, ..order };
    let done = liquidate(world, order)?;
    Ok((profit(world, &order, &done, policy.costs)?, order))
}

/// Returns the largest collateral that the program accepts, or why it accepts none.
pub fn largest(world: &World, order: Order, policy: &Policy) -> Outcome<u64> {
    let bank = world.bank(&order.asset)?;
    let spendable = policy
        .balances
        .get(&world.bank(&order.debt)?.mint())
        .copied();
    let tried = |amount: u64| {
        let done = liquidate(world, Order { amount, ..order })?;
        match spendable {
            Some(most) if done.terms.taken > I80F48::whole(most) => Err(Refusal::TooSevere),
            _ => Ok(()),
        }
    };
    let (mut accepted, mut refused) = (0, above_deposit(world, &bank, &order)?);
    let mut why = Refusal::TooMuchCollateral;
    while refused - accepted > 1 {
        let middle = accepted + (refused - accepted) / 2;
        match tried(middle) {
            Ok(()) | Err(Refusal::WorseHealth) => accepted = middle,
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
        Ok(()) => Ok(accepted),
        Err(Refusal::WorseHealth) => Err(Refusal::WorseHealth),
        Err(_) => Err(why),
    }
}

/// Returns one more than the position's deposit.
fn above_deposit(world: &World, bank: &Bank, order: &Order) -> Outcome<u64> {
    let position = world.margin_account(&order.position)?;
    let slot = position.find(&order.asset).ok_or(Refusal::NoBalance)?;
    let mut bank = bank.clone();
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

/// Returns value taken − value owed − costs at the oracle's prices, 10⁻⁶ quote units, rounded down.
fn profit(world: &World, order: &Order, done: &Done, costs: u64) -> Outcome<i128> {
    let worth = |bank: &Bank, amount: I80F48| {
        let loaded = feed::load(bank, world)?;
        let most = bank.oracle_max_confidence();
        let priced = loaded
            .feed
            .priced(Requirement::Maintenance, most, world.version)?;
        value(amount, priced.price, bank.decimals(world.version), None)
    };
    let [asset, debt, ..] = done.banks.0.as_slice() else {
        return Err(Refusal::Panic);
    };
    let gained = worth(asset, I80F48::whole(order.amount))?;
    let owed = worth(debt, done.terms.taken)?;
    let millionths = math(gained.minus(owed))?.times(I80F48::whole(1_000_000));
    Ok(math(millionths)?.to_i128() - i128::from(costs))
}
