//! The classic liquidation: the liquidator takes collateral at a discount and the debt that it stands for.

use lending_math::Pubkey;

use super::account::{flag, is_integration, MarginAccount, EMPTY};
use super::balance::{Decrease, Increase, Ledger};
use super::bank::{tag, Bank, Requirement, State};
use super::feed::{self, Feed};
use super::group::Group;
use super::health::{check_loads, check_risk_tiers, totals, Banks};
use super::price::{amount, value, Bias};
use super::version::{math, Outcome, Refusal};
use super::world::World;
use crate::fixed::i80f48::I80F48;

/// What the liquidator gains, of the collateral's value: 2.5 %.
pub const LIQUIDATOR_FEE: I80F48 = I80F48::literal(25, 1_000);
/// What the insurance vault gains.
const INSURANCE_FEE: I80F48 = I80F48::literal(25, 1_000);

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

/// What debt a piece of collateral stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Debt that the liquidator takes on.
    pub taken: I80F48,
    /// Debt that the position is relieved of.
    pub relieved: I80F48,
    /// The difference, that goes to the insurance vault.
    pub fee: I80F48,
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

    fn check_constraints(&mut self, group: &Pubkey) -> Outcome<()> {
        let is_new = !self.world.version.is_old();
        if is_new {
            self.group.check_length()?;
            if self.group.is_paused(self.world.clock.unix_timestamp) {
                return Err(Refusal::ProtocolPaused);
            }
        }
        if self
            .banks
            .0
            .iter()
            .any(|bank| bank.fields.key(41) != *group)
        {
            return Err(Refusal::OtherGroup);
        }
        if is_new
            && self
                .banks
                .0
                .get(DEBT)
                .is_some_and(|bank| bank.asset_tag() > tag::STAKED)
        {
            return Err(Refusal::IntegrationDebt);
        }
        if self.liquidator.group() != *group {
            return Err(Refusal::OtherGroup);
        }
        if is_new && self.liquidator.has_flag(flag::IN_RECEIVERSHIP) {
            return Err(Refusal::InReceivership);
        }
        if is_new && self.liquidator.has_flag(flag::FROZEN) {
            return Err(Refusal::Frozen);
        }
        if is_new && self.position.has_flag(flag::IN_RECEIVERSHIP) {
            return Err(Refusal::InReceivership);
        }
        Ok(())
    }

    fn check_order(&mut self) -> Outcome<()> {
        if self.order.amount == 0 {
            return Err(Refusal::NothingToLiquidate);
        }
        if self.order.asset == self.order.debt {
            return Err(Refusal::SameBanks);
        }
        let (asset_tag, debt_tag) = (self.bank(ASSET)?.asset_tag(), self.bank(DEBT)?.asset_tag());
        let mixes = |a, b| is_ordinary(a) && b == tag::STAKED;
        if mixes(asset_tag, debt_tag) || mixes(debt_tag, asset_tag) {
            return Err(Refusal::AssetTags);
        }
        if !self.world.version.is_old() {
            check_state(self.bank(ASSET)?)?;
            check_state(self.bank(DEBT)?)?;
        }
        let is_old = self.world.version.is_old();
        check_tags(debt_tag, &self.position, is_old)?;
        check_tags(debt_tag, &self.liquidator, is_old)?;
        check_tags(asset_tag, &self.liquidator, is_old)?;
        if self.order.position == self.order.liquidator {
            return Err(Refusal::Panic); // borrowed twice
        }
        Ok(())
    }

    fn accrue(&mut self) -> Outcome<()> {
        self.group.check_length()?;
        let (now, version) = (self.world.clock.unix_timestamp, self.world.version);
        for bank in &mut self.banks.0 {
            bank.accrue(now, &self.group, version)?;
        }
        Ok(())
    }

    /// Returns the position's health, at most 0.
    fn check_before(&mut self) -> Outcome<I80F48> {
        let is_old = self.world.version.is_old();
        if self.position.has_flag(flag::IN_FLASHLOAN) {
            return Err(Refusal::InFlashloan);
        }
        if is_old {
            self.banks.take(&self.position, self.world)?;
            check_loads(&self.position, &self.banks, self.world)?;
        }
        let (debt, deposits) = self.debt_balance()?;
        if debt < EMPTY {
            return Err(Refusal::NoDebt);
        }
        if deposits >= EMPTY {
            return Err(Refusal::DebtHasDeposits);
        }
        self.banks.take(&self.position, self.world)?;
        let health = self.health()?;
        if health > I80F48::ZERO {
            return Err(Refusal::Healthy);
        }
        Ok(health)
    }

    fn debt_balance(&self) -> Outcome<(I80F48, I80F48)> {
        let slot = self.position.find(&self.order.debt);
        let balance = self.position.balance(slot.ok_or(Refusal::NoDebtBalance)?);
        Ok((balance.liability_shares, balance.asset_shares))
    }

    fn health(&self) -> Outcome<I80F48> {
        let requirement = Requirement::Maintenance;
        totals(&self.position, &self.banks, self.world, requirement)?.health()
    }

    /// Prices both legs and returns what the collateral stands for.
    fn terms(&self) -> Outcome<Terms> {
        let is_old = self.world.version.is_old();
        let asset_price = self.price(ASSET, Bias::Low)?;
        if !is_old && asset_price <= I80F48::ZERO {
            return Err(Refusal::ZeroAssetPrice);
        }
        let debt_price = self.price(DEBT, Bias::High)?;
        if !is_old && debt_price <= I80F48::ZERO {
            return Err(Refusal::ZeroDebtPrice);
        }
        let version = self.world.version;
        let decimals = (
            self.bank(ASSET)?.decimals(version),
            self.bank(DEBT)?.decimals(version),
        );
        terms(self.order.amount, (asset_price, debt_price), decimals)
    }

    fn price(&self, leg: usize, bias: Bias) -> Outcome<I80F48> {
        let bank = self.bank(leg)?;
        let loaded = feed::load(bank, self.world);
        let feed = loaded.map_err(|refusal| match refusal {
            Refusal::Internal => Refusal::Panic, // an error without a code, met outside of health
            other => other,
        })?;
        feed.feed
            .priced(
                Requirement::Maintenance,
                bank.oracle_max_confidence(),
                self.world.version,
            )?
            .biased(bias)
    }

    /// Moves debt and collateral, and returns the whole units that go to the insurance vault.
    fn exchange(&mut self, terms: Terms) -> Outcome<u64> {
        let collateral = I80F48::whole(self.order.amount);
        let is_old = self.world.version.is_old();
        let slot = self.open_balance(DEBT)?;
        self.ledger(Of::Liquidator, slot, DEBT)?
            .decrease(terms.taken, Decrease::Unlimited)?;
        let slot = self
            .position
            .find(&self.order.asset)
            .ok_or(Refusal::NoBalance)?;
        if is_old {
            let mut ledger = self.ledger(Of::Position, slot, ASSET)?;
            let withdrawn = ledger.decrease(collateral, Decrease::Withdraw);
            withdrawn.map_err(|refusal| match refusal {
                Refusal::Panic => refusal,
                _ => Refusal::TooMuchCollateral,
            })?;
        } else {
            let shares = self.position.balance(slot).asset_shares;
            if self.bank(ASSET)?.asset_amount(shares)? < collateral {
                return Err(Refusal::TooMuchCollateral);
            }
            self.ledger(Of::Position, slot, ASSET)?
                .decrease(collateral, Decrease::Unlimited)?;
        }
        let slot = self.open_balance(ASSET)?;
        self.ledger(Of::Liquidator, slot, ASSET)?
            .increase(collateral, Increase::Unlimited)?;
        let moved = math(terms.fee.to_u64())?;
        let slot = self
            .position
            .find(&self.order.debt)
            .ok_or(Refusal::NoBalance)?;
        let how = if is_old {
            Increase::Any
        } else {
            Increase::Repay
        };
        self.ledger(Of::Position, slot, DEBT)?
            .increase(terms.relieved, how)?;
        self.check_vault(moved)?;
        self.bank_mut(DEBT)?
            .collect_insurance(terms.fee.fraction())?;
        Ok(moved)
    }

    fn open_balance(&mut self, leg: usize) -> Outcome<usize> {
        let bank = self.banks.0.get(leg).ok_or(Refusal::Panic)?;
        let (now, version) = (self.world.clock.unix_timestamp, self.world.version);
        self.liquidator
            .find_or_open(&bank.key, bank.asset_tag(), now, version)
    }

    fn ledger(&mut self, of: Of, slot: usize, leg: usize) -> Outcome<Ledger<'_, 'a, 'a>> {
        Ok(Ledger {
            account: match of {
                Of::Position => &mut self.position,
                Of::Liquidator => &mut self.liquidator,
            },
            slot,
            bank: self.banks.0.get_mut(leg).ok_or(Refusal::Panic)?,
            now: self.world.clock.unix_timestamp,
            version: self.world.version,
        })
    }

    /// Refuses a fee that the vault does not hold, where the vault was given.
    fn check_vault(&self, fee: u64) -> Outcome<()> {
        let vault = self.bank(DEBT)?.fields.key(112);
        let Some(vault) = self.world.account(&vault) else {
            return Ok(());
        };
        match lending_math::bytes::get_u64(vault.data, 64) {
            Ok(held) if held < fee => Err(Refusal::VaultEmpty),
            _ => Ok(()),
        }
    }

    fn check_after(&self, before: I80F48) -> Outcome<()> {
        let (debt, deposits) = self.debt_balance()?;
        if debt < EMPTY {
            return Err(Refusal::DebtExhausted);
        }
        if deposits >= EMPTY {
            return Err(Refusal::DebtOverpaid);
        }
        let after = self.health()?;
        if after > I80F48::ZERO {
            return Err(Refusal::TooSevere);
        }
        if after <= before {
            return Err(Refusal::WorseHealth);
        }
        Ok(())
    }

    fn check_liquidator(&mut self) -> Outcome<()> {
        let is_old = self.world.version.is_old();
        let now = self.world.clock.unix_timestamp;
        if !is_old {
            self.position.sync(now, true)?;
            self.liquidator.sort();
            self.liquidator.sync(now, false)?;
        }
        if self.liquidator.has_flag(flag::IN_FLASHLOAN) {
            return Ok(());
        }
        self.banks.take(&self.liquidator, self.world)?;
        if is_old {
            check_loads(&self.liquidator, &self.banks, self.world)?;
        }
        let totals = totals(
            &self.liquidator,
            &self.banks,
            self.world,
            Requirement::Initial,
        )?;
        if totals.assets < totals.liabilities {
            return Err(Refusal::LiquidatorMargin);
        }
        check_risk_tiers(&self.liquidator, &self.banks)
    }

    /// Returns, of each leg, the price before any multiplication, its confidence and the multiplier; `None` for an unreadable one.
    fn cache_prices(&self) -> Outcome<[Option<[I80F48; 3]>; 2]> {
        if self.world.version.is_old() {
            return Ok([None; 2]);
        }
        Ok([self.cache_price(ASSET)?, self.cache_price(DEBT)?])
    }

    fn cache_price(&self, leg: usize) -> Outcome<Option<[I80F48; 3]>> {
        let bank = self.bank(leg)?;
        let version = self.world.version;
        if self.position.find(&bank.key).is_none() {
            return Ok(None); // its accounts are not among the position's
        }
        let read = || {
            let loaded = feed::load(bank, self.world)?;
            let priced = |feed: Feed, most| feed.priced(Requirement::Maintenance, most, version);
            let adjusted = priced(loaded.feed, bank.oracle_max_confidence())?;
            let (priced, factor) = match loaded.raw {
                Some((raw, factor)) => (priced(raw, u32::MAX)?, factor),
                None => (adjusted, I80F48::ONE),
            };
            Ok([priced.price, priced.confidence, factor])
        };
        match read() {
            Err(Refusal::Panic) => Err(Refusal::Panic),
            other => Ok(other.ok()),
        }
    }

    fn write_caches(&mut self, prices: [Option<[I80F48; 3]>; 2]) -> Outcome<()> {
        let now = self.world.clock.unix_timestamp;
        for (leg, price) in [ASSET, DEBT].into_iter().zip(prices) {
            let bank = self.banks.0.get_mut(leg).ok_or(Refusal::Panic)?;
            bank.note_rates(now, &self.group)?;
            if let (Some([price, confidence, factor]), false) = (price, bank.is_cache_locked()) {
                bank.fields.put_number(1_408, price);
                bank.fields.put_number(1_432, confidence);
                bank.fields.put_number(1_456, factor);
                bank.fields.put(1_424, &now.to_le_bytes());
            }
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

/// Whose balance.
#[derive(Clone, Copy)]
enum Of {
    Position,
    Liquidator,
}

/// Returns what this much collateral stands for at these prices (collateral's low, debt's high).
pub fn terms(collateral: u64, prices: (I80F48, I80F48), decimals: (u8, u8)) -> Outcome<Terms> {
    let discounted = |discount: Option<I80F48>| {
        let weight = I80F48::ONE.minus(discount.ok_or(Refusal::Panic)?);
        let weight = weight.ok_or(Refusal::Panic)?;
        let worth = value(
            I80F48::whole(collateral),
            prices.0,
            decimals.0,
            Some(weight),
        )?;
        amount(worth, prices.1, decimals.1)
    };
    let taken = discounted(Some(LIQUIDATOR_FEE))?;
    let relieved = discounted(INSURANCE_FEE.plus(LIQUIDATOR_FEE))?;
    let fee = taken.minus(relieved).ok_or(Refusal::Panic)?;
    if fee < I80F48::ZERO {
        return Err(Refusal::Panic);
    }
    Ok(Terms {
        taken,
        relieved,
        fee,
    })
}

fn check_state(bank: &Bank) -> Outcome<()> {
    match bank.state() {
        Some(State::Killed) => Err(Refusal::BankKilled),
        Some(State::Uninitialized) => Err(Refusal::BankUninitialized),
        Some(State::Paused) => Err(Refusal::BankPaused),
        Some(_) => Ok(()),
        None => Err(Refusal::Panic),
    }
}

fn is_ordinary(asset_tag: u8) -> bool {
    asset_tag == tag::DEFAULT || is_integration(asset_tag)
}

/// Refuses ordinary and staked assets in one account.
fn check_tags(bank_tag: u8, account: &MarginAccount, is_old: bool) -> Outcome<()> {
    let (mut ordinary, mut staked) = (false, false);
    let last = if is_old { tag::STAKED } else { tag::JUPITER };
    for balance in account.balances() {
        match account.asset_tag(balance.slot) {
            tag::SOL => {}
            tag::STAKED => staked = true,
            known if known <= last => ordinary = true,
            _ => return Err(Refusal::Panic),
        }
    }
    if (is_ordinary(bank_tag) && staked) || (bank_tag == tag::STAKED && ordinary) {
        return Err(Refusal::AssetTags);
    }
    Ok(())
}
