//! What a liquidation will do, in the words that all protocols share.

use std::collections::BTreeMap;

use super::liquidation::{liquidate, Done, Order, LIQUIDATOR_FEE};
use super::version::{Refusal, Version};
use super::world::World;
use crate::fixed::i80f48::I80F48;
use crate::protocols::adapter::{Accounts, Clock, Prediction, Ratio, Request, Unanswered};
use crate::CoreError;

/// Predicts a liquidation of given accounts.
pub fn predict(
    accounts: &Accounts,
    clock: Clock,
    request: &Request,
) -> Result<Prediction, Unanswered> {
    let version = Version::named(request.version.as_deref())?;
    if let Some(other) = request.instruction.as_deref().filter(|name| *name != "v1") {
        return Err(CoreError::Argument(format!(
            "found instruction '{other}', expected 'v1': marginfi's classic liquidation"
        ))
        .into());
    }
    let world = World::new(accounts, clock, version);
    let liquidator = match request.liquidator {
        Some(liquidator) => liquidator,
        None => world.only_other(Some(&request.position))?,
    };
    let banks = [request.collateral_reserve, request.debt_reserve];
    world.demand(&[request.position, liquidator], &banks)?;
    let order = Order {
        position: request.position,
        liquidator,
        asset: request.collateral_reserve,
        debt: request.debt_reserve,
        amount: request.amount,
    };
    Ok(of_order(&world, order))
}

/// Predicts an order whose accounts are all there.
#[must_use]
pub fn of_order(world: &World, order: Order) -> Prediction {
    let done = liquidate(world, order);
    let told = done.and_then(|done| told(world, &order, &done).ok_or(Refusal::Math));
    told.unwrap_or_else(|refusal| Prediction::failed(refusal.code(world.version)))
}

fn told(world: &World, order: &Order, done: &Done) -> Option<Prediction> {
    let mut after = BTreeMap::new();
    let accounts = [&done.position, &done.liquidator];
    let banks = done.banks.0.iter().map(|bank| (bank.key, &bank.fields));
    let all = accounts
        .iter()
        .map(|account| (account.key, &account.fields));
    for (key, fields) in all.chain(banks) {
        let before = world.account(&key)?;
        if before.data != &*fields.0 {
            after.insert(key, fields.0.to_vec());
        }
    }
    Some(Prediction {
        repaid: done.terms.taken.to_u64()?,
        debt_relieved: Some(done.terms.relieved.to_u64()?),
        seized: order.amount,
        seized_shares: 0,
        protocol_fee: done.moved,
        bonus: Ratio {
            numerator: LIQUIDATOR_FEE.bits().unsigned_abs(),
            denominator: I80F48::ONE.bits().unsigned_abs(),
        },
        error: None,
        accounts_after: after,
    })
}
