//! The classic liquidation: the liquidator takes collateral at a discount and the debt that it stands for.

mod caches;
mod checks;
mod exchange;
mod terms;

use lending_math::Pubkey;

use super::account::MarginAccount;
use super::bank::Bank;
use super::group::Group;
use super::health::Banks;
use super::refusal::{Outcome, Refusal};
use super::world::World;

pub use self::terms::{terms, Terms, LIQUIDATOR_FEE};

/// Who, of whom, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The account that is liquidated.
    pub position: Pubkey,
    /// The account that takes over.
    pub liquidator: Pubkey,
    /// Bank of the collateral.
    pub asset: Pubkey,
    /// Bank of the debt.
    pub debt: Pubkey,
    /// Smallest units of the collateral.
    pub amount: u64,
}

/// What a liquidation did.
pub struct Done<'a> {
    /// Its amounts.
    pub terms: Terms,
    /// Of the fee, the whole units that were moved.
    pub moved: u64,
    /// The liquidated account afterwards.
    pub position: MarginAccount<'a>,
    /// The liquidator's account afterwards.
    pub liquidator: MarginAccount<'a>,
    /// All banks afterwards; the two of the order come first.
    pub banks: Banks<'a>,
}

/// A liquidation under way.
struct Stage<'w, 'a> {
    world: &'w World<'a>,
    order: Order,
    group: Group<'a>,
    banks: Banks<'a>,
    position: MarginAccount<'a>,
    liquidator: MarginAccount<'a>,
}

const ASSET: usize = 0;
const DEBT: usize = 1;

/// Executes the liquidation, or returns the program's first refusal.
pub fn liquidate<'a>(world: &World<'a>, order: Order) -> Outcome<Done<'a>> {
    let mut stage = Stage::open(world, order)?;
    stage.check_order()?;
    stage.accrue()?;
    if !world.version.is_old() {
        stage.position.sort();
    }
    let before = stage.check_before()?;
    let prices = stage.cache_prices()?;
    let terms = stage.terms()?;
    let moved = stage.exchange(terms)?;
    if !world.version.is_old() {
        stage.write_caches(prices)?;
    }
    stage.check_after(before)?;
    stage.check_liquidator()?;
    Ok(Done {
        terms,
        moved,
        position: stage.position,
        liquidator: stage.liquidator,
        banks: stage.banks,
    })
}

impl<'w, 'a> Stage<'w, 'a> {
    /// Takes the accounts, in the order in which the program does.
    fn open(world: &'w World<'a>, order: Order) -> Outcome<Stage<'w, 'a>> {
        let named = world.margin_account(&order.position);
        let named = named.or_else(|_| world.margin_account(&order.liquidator));
        let group_key = named?.group();
        let group = world.group(&group_key)?;
        let banks = Banks(vec![world.bank(&order.asset)?, world.bank(&order.debt)?]);
        let liquidator = world.margin_account(&order.liquidator)?;
        let position = world.margin_account(&order.position)?;
        let mut stage = Stage {
            world,
            order,
            group,
            banks,
            position,
            liquidator,
        };
        stage.check_constraints(&group_key)?;
        Ok(stage)
    }

    fn accrue(&mut self) -> Outcome<()> {
        self.group.check_length()?;
        let (now, version) = (self.world.clock.unix_timestamp, self.world.version);
        for bank in &mut self.banks.0 {
            bank.accrue(now, &self.group, version)?;
        }
        Ok(())
    }

    fn bank(&self, leg: usize) -> Outcome<&Bank<'a>> {
        self.banks.0.get(leg).ok_or(Refusal::Panic)
    }

    fn bank_mut(&mut self, leg: usize) -> Outcome<&mut Bank<'a>> {
        self.banks.0.get_mut(leg).ok_or(Refusal::Panic)
    }
}
