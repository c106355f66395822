//! The steps between a receivership's start and its end, each with its own checks in the program's order.

use std::borrow::Cow;

use lending_math::Pubkey;

use super::notes::{self, note_prices, noted};
use super::{fee_state, record, Order, Received};
use crate::fixed::i80f48::I80F48;
use crate::protocols::marginfi::account::{flag, MarginAccount};
use crate::protocols::marginfi::balance::{Decrease, Increase, Ledger};
use crate::protocols::marginfi::bank::{tag, Bank, Requirement};
use crate::protocols::marginfi::bytes::Fields;
use crate::protocols::marginfi::feed::{self, Loaded};
use crate::protocols::marginfi::group::Group;
use crate::protocols::marginfi::health::{totals_by, Banks, Totals};
use crate::protocols::marginfi::price::Bias;
use crate::protocols::marginfi::refusal::{math, Outcome, Refusal};
use crate::protocols::marginfi::version::Version;
use crate::protocols::marginfi::world::World;

/// The premium that is always allowed.
const LEAST_PREMIUM: I80F48 = I80F48::literal(5, 100);
/// Assets below this may be closed out whole.
const CLOSEOUT: I80F48 = I80F48::whole(5);
/// Just below 0.0001.
const FORGIVEN: I80F48 = I80F48::from_bits(I80F48::literal(1, 10_000).bits() - 1);
const VERSION: Version = Version::V0_1_9;
/// Flags under which no receivership starts.
const BUSY: u64 = flag::IN_RECEIVERSHIP
    | flag::IN_DELEVERAGE
    | flag::IN_FLASHLOAN
    | flag::DISABLED
    | flag::IN_ORDER;

/// A receivership under way.
#[derive(Clone)]
pub struct Stage<'w, 'a> {
    world: &'w World<'a>,
    group: Group<'a>,
    position: MarginAccount<'a>,
    banks: Banks<'a>,
    record: (Pubkey, Fields<'a>),
    maintenance: Totals,
    equity: Totals,
    premium: I80F48,
}

impl<'w, 'a> Stage<'w, 'a> {
    /// Starts: the account must be unhealthy, its prices are noted. Nothing is brought to now yet.
    pub fn start(world: &'w World<'a>, order: &Order) -> Outcome<Stage<'w, 'a>> {
        let mut position = world.margin_account(&order.position)?;
        let record = take_record(world, &mut position, order)?;
        if position.has_flag(BUSY) {
            return Err(Refusal::ReceivershipState);
        }
        let mut banks = Banks(Vec::new());
        banks.take(&position, world)?;
        let live = |bank: &Bank| feed::load(bank, world);
        let of = |requirement| totals_by(&position, &banks, VERSION, requirement, live);
        let maintenance = of(Requirement::Maintenance)?;
        if maintenance.health()? > I80F48::ZERO {
            return Err(Refusal::Healthy);
        }
        let equity = of(Requirement::Equity)?;
        note_prices(&position, &mut banks, world)?;
        let group = world.group(&position.group())?;
        group.check_length()?;
        let fees = world.account(&fee_state()).ok_or(Refusal::ForeignAccount)?;
        Ok(Stage {
            world,
            group,
            position,
            banks,
            record,
            maintenance,
            equity,
            premium: LEAST_PREMIUM.max(Fields::of(fees.data).number(120)),
        })
    }

    /// Withdraws the collateral.
    pub fn withdraw(mut self, order: &Order) -> Outcome<Stage<'w, 'a>> {
        let bank = self.check_bank(&order.asset)?;
        if bank.asset_weight(Requirement::Initial) == I80F48::ZERO {
            return Err(Refusal::PremiumTooHigh);
        }
        bank.check_state()?;
        let feed = feed::load_directly(&bank, self.world)?.feed;
        let most = bank.oracle_max_confidence();
        let priced = feed.priced(Requirement::Maintenance, most, VERSION)?;
        if priced.biased(Bias::Low)? <= I80F48::ZERO {
            return Err(Refusal::ZeroAssetPrice);
        }
        let amount = I80F48::whole(order.amount);
        self.operate(&order.asset, |ledger| {
            ledger.decrease(amount, Decrease::Withdraw)
        })?;
        self.world.check_vault(&bank, order.amount)?;
        Ok(self)
    }

    /// Returns the most whole units that can be repaid: up to 0.0001 more than the debt are forgiven as rounding.
    pub fn most_repayable(&self, order: &Order) -> Outcome<u64> {
        let mut bank = self.check_bank(&order.debt)?;
        bank.check_state()?;
        bank.accrue(self.world.clock.unix_timestamp, &self.group, VERSION)?;
        let slot = self.position.find(&order.debt).ok_or(Refusal::NoBalance)?;
        let owed = bank.liability_amount(self.position.balance(slot).liability_shares)?;
        let most = math(owed.plus(FORGIVEN))?;
        Ok(most.to_u64().unwrap_or(u64::MAX))
    }

    /// Repays this much and ends.
    pub fn end(mut self, order: &Order, repaid: u64) -> Outcome<Received<'a>> {
        self.check_bank(&order.debt)?.check_state()?;
        let amount = I80F48::whole(repaid);
        self.operate(&order.debt, |ledger| {
            ledger.increase(amount, Increase::Repay)?;
            ledger.bank.note_tokenless();
            Ok(())
        })?;
        let closeout = self.equity.assets < CLOSEOUT;
        let after = self.totals(Requirement::Maintenance)?;
        let health = after.health()?;
        if health > I80F48::ZERO && !closeout {
            return Err(Refusal::Healthy);
        }
        let equity = self.totals(Requirement::Equity)?;
        if self.maintenance.health()? > health {
            return Err(Refusal::WorseHealth);
        }
        let part = |before: I80F48, after: I80F48| before.minus(after).ok_or(Refusal::Panic);
        let seized = part(self.equity.assets, equity.assets)?;
        let relieved = part(self.equity.liabilities, equity.liabilities)?;
        let factor = I80F48::ONE.plus(self.premium).ok_or(Refusal::Panic)?;
        if !closeout && seized > relieved.times(factor).ok_or(Refusal::Panic)? {
            return Err(Refusal::PremiumTooHigh);
        }
        self.finish(repaid, (after, equity), (seized, relieved))
    }

    fn finish(
        mut self,
        repaid: u64,
        after: (Totals, Totals),
        moved: (I80F48, I80F48),
    ) -> Outcome<Received<'a>> {
        let now = self.world.clock.unix_timestamp;
        notes::unlock_prices(&self.position, &mut self.banks);
        self.position.sync(now, true)?;
        notes::write_health(&mut self.position.fields, after)?;
        let before = (self.maintenance, self.equity);
        notes::write_record(&mut self.record.1, before, moved, now);
        Ok(Received {
            repaid,
            premium: self.premium,
            position: self.position,
            banks: self.banks,
            record: self.record,
        })
    }

    fn totals(&self, requirement: Requirement) -> Outcome<Totals> {
        let kept = |bank: &Bank| Ok(Loaded::from(noted(bank)));
        totals_by(&self.position, &self.banks, VERSION, requirement, kept)
    }

    /// Returns a bank as it stands, of this group and with deposits of its own.
    fn check_bank(&self, key: &Pubkey) -> Outcome<Bank<'a>> {
        if self.group.is_paused(self.world.clock.unix_timestamp) {
            return Err(Refusal::ProtocolPaused);
        }
        let bank = match self.banks.held(key) {
            Some(held) => held.clone(),
            None => self.world.bank(key)?,
        };
        if bank.fields.key(41) != self.position.group() {
            return Err(Refusal::OtherGroup);
        }
        if bank.asset_tag() > tag::STAKED {
            return Err(Refusal::IntegrationDebt);
        }
        Ok(bank)
    }

    fn operate(
        &mut self,
        key: &Pubkey,
        act: impl FnOnce(&mut Ledger<'_, 'a, 'a>) -> Outcome<()>,
    ) -> Outcome<()> {
        let now = self.world.clock.unix_timestamp;
        let slot = self.position.find(key).ok_or(Refusal::NoBalance)?;
        let bank = self.banks.0.iter_mut().find(|bank| bank.key == *key);
        let bank = bank.ok_or(Refusal::NoBalance)?;
        bank.accrue(now, &self.group, VERSION)?;
        act(&mut Ledger {
            account: &mut self.position,
            slot,
            bank,
            now,
            version: VERSION,
        })?;
        self.position.sort();
        Ok(())
    }
}

/// Returns the account's record, made anew where the account names none.
fn take_record<'a>(
    world: &World<'a>,
    position: &mut MarginAccount,
    order: &Order,
) -> Outcome<(Pubkey, Fields<'a>)> {
    const LENGTH: usize = 520;
    let (named, derived) = (position.fields.key(2_224), record(&order.position));
    if named == [0; 32] && world.account(&derived).is_none() {
        let mut fresh = Fields(Cow::Owned(vec![0; LENGTH]));
        fresh.put(0, &notes::RECORD);
        fresh.put(8, &derived);
        fresh.put(40, &order.position);
        fresh.put(72, &order.receiver.unwrap_or_default());
        position.fields.put(2_224, &derived);
        return Ok((derived, fresh));
    }
    let fields = world.own(&derived, notes::RECORD, LENGTH)?;
    if named != derived {
        return Err(Refusal::NoRecord);
    }
    Ok((derived, fields))
}
