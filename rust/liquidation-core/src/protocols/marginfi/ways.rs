//! The two ways to liquidate, classic and receivership, as a planner tries them.

use lending_math::Pubkey;

use super::bank::{Bank, Requirement};
use super::feed;
use super::liquidation::{liquidate, Order};
use super::prediction::{of_order, of_received};
use super::price::value;
use super::receivership::{self, receive};
use super::refusal::{math, Outcome, Refusal};
use super::world::World;
use crate::fixed::i80f48::I80F48;
use crate::protocols::adapter::{Prediction, Request};

/// One way to liquidate: how an order of a pair is tried.
pub trait Way {
    /// Returns what an amount costs in debt and what it gains, or why the program refuses.
    fn tried(&self, asset: Pubkey, debt: Pubkey, amount: u64) -> Outcome<Deal>;
    /// Returns the prediction of an amount.
    fn predicted(&self, request: &Request) -> Prediction;
}

/// What a liquidation would move.
pub struct Deal {
    /// Debt that is taken on or repaid.
    pub owed: I80F48,
    /// What the collateral is worth at the oracle's price, without its confidence.
    pub gained: I80F48,
    /// What the debt is worth.
    pub lost: I80F48,
}

impl Deal {
    /// Returns value taken − value owed, 10⁻⁶ quote units, rounded down.
    pub fn profit(&self) -> Outcome<i128> {
        let millionths = math(self.gained.minus(self.lost))?.times(I80F48::whole(1_000_000));
        Ok(math(millionths)?.to_i128())
    }
}

/// Into the liquidator's own margin account.
pub struct Classic<'w, 'a> {
    /// Accounts, time, version.
    pub world: &'w World<'a>,
    /// The account that is liquidated.
    pub position: Pubkey,
    /// The account that takes over.
    pub liquidator: Pubkey,
}

impl Classic<'_, '_> {
    fn order(&self, asset: Pubkey, debt: Pubkey, amount: u64) -> Order {
        Order {
            position: self.position,
            liquidator: self.liquidator,
            asset,
            debt,
            amount,
        }
    }
}

impl Way for Classic<'_, '_> {
    fn tried(&self, asset: Pubkey, debt: Pubkey, amount: u64) -> Outcome<Deal> {
        let done = liquidate(self.world, self.order(asset, debt, amount))?;
        let bank = |key| done.banks.held(key).ok_or(Refusal::Panic);
        let owed = done.terms.taken;
        Ok(Deal {
            owed,
            gained: worth(self.world, bank(&asset)?, I80F48::whole(amount))?,
            lost: worth(self.world, bank(&debt)?, owed)?,
        })
    }

    fn predicted(&self, asked: &Request) -> Prediction {
        let order = self.order(asked.collateral_reserve, asked.debt_reserve, asked.amount);
        of_order(self.world, order)
    }
}

/// Out of the position, between start and end.
pub struct Receivership<'w, 'a> {
    /// Accounts, time, version.
    pub world: &'w World<'a>,
    /// The account that is liquidated.
    pub position: Pubkey,
    /// The wallet that receives.
    pub receiver: Option<Pubkey>,
}

impl Receivership<'_, '_> {
    fn order(&self, asset: Pubkey, debt: Pubkey, amount: u64) -> receivership::Order {
        receivership::Order {
            position: self.position,
            asset,
            debt,
            amount,
            receiver: self.receiver,
        }
    }
}

impl Way for Receivership<'_, '_> {
    fn tried(&self, asset: Pubkey, debt: Pubkey, amount: u64) -> Outcome<Deal> {
        let done = receive(self.world, self.order(asset, debt, amount))?;
        let bank = |key| done.banks.held(key).ok_or(Refusal::Panic);
        let owed = I80F48::whole(done.repaid);
        Ok(Deal {
            owed,
            gained: worth(self.world, bank(&asset)?, I80F48::whole(amount))?,
            lost: worth(self.world, bank(&debt)?, owed)?,
        })
    }

    fn predicted(&self, asked: &Request) -> Prediction {
        let order = self.order(asked.collateral_reserve, asked.debt_reserve, asked.amount);
        of_received(self.world, order)
    }
}

/// Returns what an amount is worth at the oracle's price.
fn worth(world: &World, bank: &Bank, amount: I80F48) -> Outcome<I80F48> {
    let feed = feed::load(bank, world)?.feed;
    let most = bank.oracle_max_confidence();
    let priced = feed.priced(Requirement::Maintenance, most, world.version)?;
    value(amount, priced.price, bank.decimals(world.version), None)
}
