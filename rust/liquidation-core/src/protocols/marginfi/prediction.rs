//! What a liquidation will do, in the words that all protocols share.

use std::collections::BTreeMap;

use lending_math::Pubkey;

use super::bytes::Fields;
use super::liquidation::{liquidate, Done, Order, LIQUIDATOR_FEE};
use super::receivership::{self, Received};
use super::refusal::{math, Refusal};
use super::version::Version;
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
    let world = World::new(accounts, clock, version);
    if is_receivership(request.instruction.as_deref(), version)? {
        received(&world, request)
    } else {
        classic(&world, request)
    }
}

/// Returns whether an instruction's name means the receivership; refuses names that the version does not know.
pub fn is_receivership(name: Option<&str>, version: Version) -> Result<bool, CoreError> {
    match name {
        None | Some("v1") => Ok(false),
        Some("v2") if !version.is_old() => Ok(true),
        Some(other) => Err(CoreError::Argument(format!(
            "found instruction '{other}', expected 'v1' (classic) or, from 0.1.6 on, 'v2' (receivership)"
        ))),
    }
}

fn classic(world: &World, request: &Request) -> Result<Prediction, Unanswered> {
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
    Ok(of_order(world, order))
}

/// Predicts a receivership: `amount` is withdrawn, and the least debt repaid that the premium allows.
fn received(world: &World, request: &Request) -> Result<Prediction, Unanswered> {
    let order = receivership::Order {
        position: request.position,
        asset: request.collateral_reserve,
        debt: request.debt_reserve,
        amount: request.amount,
        receiver: request.liquidator,
    };
    demand_received(world, &order.position, &[order.asset, order.debt])?;
    Ok(of_received(world, order))
}

/// Refuses to answer while accounts are missing that a receivership reads.
pub fn demand_received(
    world: &World,
    position: &Pubkey,
    banks: &[Pubkey],
) -> Result<(), Unanswered> {
    world.demand(&[*position], banks)?;
    let mut needed = vec![receivership::fee_state()];
    if let Ok(account) = world.margin_account(position) {
        let record = Some(account.fields.key(2_224)).filter(|key| *key != [0; 32]);
        needed.extend(record);
    }
    needed.retain(|key| world.account(key).is_none());
    if needed.is_empty() {
        Ok(())
    } else {
        Err(Unanswered::Missing(needed.into_iter().collect()))
    }
}

/// Predicts a receivership whose accounts are all there.
#[must_use]
pub fn of_received(world: &World, order: receivership::Order) -> Prediction {
    let done = receivership::receive(world, order);
    let told = done.and_then(|done| math(told_received(world, order.amount, &done)));
    told.unwrap_or_else(|refusal| Prediction::failed(refusal.code(world.version)))
}

fn told_received(world: &World, seized: u64, done: &Received) -> Option<Prediction> {
    let banks = done.banks.0.iter().map(|bank| (bank.key, &bank.fields));
    let own = [
        (done.position.key, &done.position.fields),
        (done.record.0, &done.record.1),
    ];
    Some(Prediction {
        repaid: done.repaid,
        debt_relieved: Some(done.repaid),
        seized,
        seized_shares: 0,
        protocol_fee: 0,
        bonus: ratio(done.premium),
        error: None,
        accounts_after: changed(world, own.into_iter().chain(banks)),
    })
}

/// Predicts an order whose accounts are all there.
#[must_use]
pub fn of_order(world: &World, order: Order) -> Prediction {
    let done = liquidate(world, order);
    let told = done.and_then(|done| told(world, &order, &done).ok_or(Refusal::Math));
    told.unwrap_or_else(|refusal| Prediction::failed(refusal.code(world.version)))
}

fn told(world: &World, order: &Order, done: &Done) -> Option<Prediction> {
    let accounts = [&done.position, &done.liquidator];
    let banks = done.banks.0.iter().map(|bank| (bank.key, &bank.fields));
    let own = accounts
        .into_iter()
        .map(|account| (account.key, &account.fields));
    Some(Prediction {
        repaid: done.terms.taken.to_u64()?,
        debt_relieved: Some(done.terms.relieved.to_u64()?),
        seized: order.amount,
        seized_shares: 0,
        protocol_fee: done.moved,
        bonus: ratio(LIQUIDATOR_FEE),
        error: None,
        accounts_after: changed(world, own.chain(banks)),
    })
}

fn changed<'f, 'a: 'f>(
    world: &World,
    all: impl Iterator<Item = (Pubkey, &'f Fields<'a>)>,
) -> BTreeMap<Pubkey, Vec<u8>> {
    let mut after = BTreeMap::new();
    for (key, fields) in all {
        if world.account(&key).map(|before| before.data) != Some(&*fields.0) {
            after.insert(key, fields.0.to_vec());
        }
    }
    after
}

fn ratio(number: I80F48) -> Ratio {
    Ratio {
        numerator: number.bits().unsigned_abs(),
        denominator: I80F48::ONE.bits().unsigned_abs(),
    }
}
