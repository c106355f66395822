//! Health: weighted assets and liabilities of a margin account, balance by balance, as the program adds them up.

use lending_math::Pubkey;

use super::account::{Balance, MarginAccount, Side, EMPTY};
use super::bank::{Bank, Requirement, State};
use super::emode::Emode;
use super::feed::{self, Loaded};
use super::price::{value, Bias};
use super::refusal::{math, Outcome, Refusal};
use super::version::Version;
use super::world::World;
use crate::fixed::i80f48::I80F48;

/// The banks of a question, as they stand in the course of the transaction.
#[derive(Clone)]
pub struct Banks<'a>(pub Vec<Bank<'a>>);

impl<'a> Banks<'a> {
    /// Returns a bank, read anew unless the transaction holds it.
    #[must_use]
    pub fn held(&self, key: &Pubkey) -> Option<&Bank<'a>> {
        self.0.iter().find(|bank| bank.key == *key)
    }

    /// Takes the banks of an account's balances that are not held yet.
    pub fn take(&mut self, account: &MarginAccount, world: &World<'a>) -> Outcome<()> {
        for balance in account.balances() {
            if self.held(&balance.bank).is_none() {
                self.0.push(world.bank(&balance.bank)?);
            }
        }
        Ok(())
    }
}

/// Weighted values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Of deposits.
    pub assets: I80F48,
    /// Of debt.
    pub liabilities: I80F48,
}

impl Totals {
    /// Returns assets − liabilities.
    pub fn health(self) -> Outcome<I80F48> {
        math(self.assets.minus(self.liabilities))
    }

    fn plus(self, line: &Line) -> Outcome<Totals> {
        let (assets, liabilities) = match line.side {
            Side::Assets => (line.value, I80F48::ZERO),
            Side::Liabilities => (I80F48::ZERO, line.value),
        };
        Ok(Totals {
            assets: math(self.assets.plus(assets))?,
            liabilities: math(self.liabilities.plus(liabilities))?,
        })
    }
}

/// One balance's part.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The bank.
    pub bank: Pubkey,
    /// Deposit or debt.
    pub side: Side,
    /// Smallest units.
    pub amount: I80F48,
    /// Price with its bias; 0 where none was read.
    pub price: I80F48,
    /// Weight; 0 where the balance does not count.
    pub weight: I80F48,
    /// amount · weight · price / 10^decimals.
    pub value: I80F48,
}

/// Returns the parts of all balances that hold something.
pub fn lines(
    account: &MarginAccount,
    banks: &Banks,
    world: &World,
    requirement: Requirement,
) -> Outcome<Vec<Line>> {
    let mut all = Vec::with_capacity(super::account::BALANCES);
    let live = |bank: &Bank| feed::load(bank, world);
    each(account, banks, world.version, requirement, live, |line| {
        all.push(line);
        Ok(())
    })?;
    Ok(all)
}

/// Returns the sums of all balances.
pub fn totals(
    account: &MarginAccount,
    banks: &Banks,
    world: &World,
    requirement: Requirement,
) -> Outcome<Totals> {
    let live = |bank: &Bank| feed::load(bank, world);
    totals_by(account, banks, world.version, requirement, live)
}

/// Returns the sums of all balances at prices of the caller's.
pub fn totals_by(
    account: &MarginAccount,
    banks: &Banks,
    version: Version,
    requirement: Requirement,
    load: impl Fn(&Bank) -> Outcome<Loaded>,
) -> Outcome<Totals> {
    let mut totals = Totals::default();
    each(account, banks, version, requirement, load, |line| {
        totals = totals.plus(&line)?;
        Ok(())
    })?;
    Ok(totals)
}

fn each(
    account: &MarginAccount,
    banks: &Banks,
    version: Version,
    requirement: Requirement,
    load: impl Fn(&Bank) -> Outcome<Loaded>,
    mut use_line: impl FnMut(Line) -> Outcome<()>,
) -> Outcome<()> {
    let emode = if version.is_old() {
        Emode::default()
    } else {
        emode(account, banks)
    };
    for balance in account.balances() {
        let bank = banks.held(&balance.bank).ok_or(Refusal::Panic)?;
        let loaded = load(bank);
        if let Err(Refusal::Panic) = loaded {
            return Err(Refusal::Panic);
        }
        if let Some(line) = weigh(&balance, bank, loaded, requirement, &emode, version)? {
            use_line(line)?;
        }
    }
    Ok(())
}

/// Returns what the borrowed banks of an account grant together.
#[must_use]
pub fn emode(account: &MarginAccount, banks: &Banks) -> Emode {
    let mut borrowed = Vec::new();
    for balance in account.balances() {
        if balance.liability_shares >= EMPTY {
            borrowed.extend(banks.held(&balance.bank));
        }
    }
    Emode::of(borrowed.into_iter())
}

/// Refuses like the old program where reading any of an account's prices panics, which it does before anything else.
pub fn check_loads(account: &MarginAccount, banks: &Banks, world: &World) -> Outcome<()> {
    for balance in account.balances() {
        let bank = banks.held(&balance.bank).ok_or(Refusal::Panic)?;
        if let Err(Refusal::Panic) = feed::load(bank, world) {
            return Err(Refusal::Panic);
        }
    }
    Ok(())
}

/// Returns a balance's part, `None` for one that holds nothing.
pub fn weigh(
    balance: &Balance,
    bank: &Bank,
    loaded: Outcome<Loaded>,
    requirement: Requirement,
    emode: &Emode,
    version: Version,
) -> Outcome<Option<Line>> {
    match balance.side()? {
        None => Ok(None),
        Some(Side::Assets) => {
            weigh_asset(balance, bank, loaded, requirement, emode, version).map(Some)
        }
        Some(Side::Liabilities) => {
            weigh_debt(balance, bank, loaded, requirement, version).map(Some)
        }
    }
}

/// The old program calls every unreadable price stale.
fn priced(loaded: Outcome<Loaded>, version: Version) -> Outcome<Loaded> {
    loaded.map_err(|refusal| {
        if version.is_old() {
            Refusal::OldStaleOracle
        } else {
            refusal
        }
    })
}

fn weigh_asset(
    balance: &Balance,
    bank: &Bank,
    loaded: Outcome<Loaded>,
    requirement: Requirement,
    emode: &Emode,
    version: Version,
) -> Outcome<Line> {
    let is_initial = requirement == Requirement::Initial;
    let mut line = Line {
        bank: bank.key,
        side: Side::Assets,
        amount: I80F48::ZERO,
        price: I80F48::ZERO,
        weight: I80F48::ZERO,
        value: I80F48::ZERO,
    };
    let is_reducing = !version.is_old() && bank.state() == Some(State::ReduceOnly);
    if bank.is_isolated() || (is_initial && (is_reducing || loaded.is_err())) {
        return Ok(line);
    }
    let loaded = priced(loaded, version)?;
    line.weight = emode.asset_weight(bank, requirement);
    let most = bank.oracle_max_confidence();
    line.price = loaded
        .feed
        .priced(requirement, most, version)?
        .biased(Bias::Low)?;
    if is_initial {
        if let Some(discount) = init_discount(bank, line.price, version)? {
            line.weight = math(line.weight.times(discount))?;
        }
    }
    line.amount = bank.asset_amount(balance.asset_shares)?;
    let decimals = bank.decimals(version);
    line.value = value(line.amount, line.price, decimals, Some(line.weight))?;
    Ok(line)
}

fn weigh_debt(
    balance: &Balance,
    bank: &Bank,
    loaded: Outcome<Loaded>,
    requirement: Requirement,
    version: Version,
) -> Outcome<Line> {
    let loaded = priced(loaded, version)?;
    let most = bank.oracle_max_confidence();
    let priced = loaded.feed.priced(requirement, most, version)?;
    let (price, weight) = (
        priced.biased(Bias::High)?,
        bank.liability_weight(requirement),
    );
    let amount = bank.liability_amount(balance.liability_shares)?;
    Ok(Line {
        bank: bank.key,
        side: Side::Liabilities,
        amount,
        price,
        weight,
        value: value(amount, price, bank.decimals(version), Some(weight))?,
    })
}

/// Returns limit / value of all the bank's deposits, where a limit is set and exceeded.
fn init_discount(bank: &Bank, price: I80F48, version: Version) -> Outcome<Option<I80F48>> {
    if bank.init_limit() == 0 {
        return Ok(None);
    }
    let all = bank.asset_amount(bank.total_asset_shares())?;
    let all = value(all, price, bank.decimals(version), None)?;
    let limit = I80F48::whole(bank.init_limit());
    if all <= limit {
        return Ok(None);
    }
    math(limit.over(all)).map(Some)
}

/// Refuses debts beside an isolated one.
pub fn check_risk_tiers(account: &MarginAccount, banks: &Banks) -> Outcome<()> {
    let (mut debts, mut isolated) = (0, false);
    for balance in account.balances() {
        if balance.liability_shares >= EMPTY {
            debts += 1;
            let bank = banks.held(&balance.bank).ok_or(Refusal::Panic)?;
            isolated |= bank.is_isolated();
        }
    }
    if isolated && debts != 1 {
        return Err(Refusal::IsolatedWithOthers);
    }
    Ok(())
}
