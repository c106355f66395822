//! The exact verdict of many accounts at one time: banks are priced once, accounts are decoded once, and an account's answer is
//! one pass over its balances. The numbers are `health`'s, bit for bit.

use lending_math::Pubkey;

use super::account::{MarginAccount, Side, BALANCES};
use super::bank::{Bank, Requirement};
use super::emode::Emode;
use super::feed;
use super::group::Group;
use super::health::Totals;
use super::price::{value, Bias};
use super::refusal::{math, Outcome, Refusal};
use super::world::World;
use crate::fixed::i80f48::I80F48;

/// A bank brought to one time, with its prices.
#[derive(Clone, Debug)]
struct Priced<'a> {
    bank: Bank<'a>,
    share_values: [I80F48; 2],
    /// Price − confidence, price + confidence; or why there is none.
    prices: Outcome<[I80F48; 2]>,
    debt_weight: I80F48,
    decimals: u8,
}

/// Every bank of a group at one time.
#[derive(Clone, Debug, Default)]
pub struct Banks<'a> {
    banks: Vec<Priced<'a>>,
    /// Where each bank is, in the order of addresses.
    index: Vec<(Pubkey, u16)>,
}

/// One balance that holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    bank: u16,
    side: Side,
    shares: I80F48,
    /// Of a deposit, with e-mode; unused for debt.
    weight: I80F48,
}

/// A decoded account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Its balances in the program's order; none of the isolated tier's deposits.
    pub legs: Vec<Leg>,
}

impl<'a> Banks<'a> {
    /// Prices banks at the world's time.
    pub fn at(world: &World<'a>, keys: &[Pubkey], group: &Group) -> Outcome<Banks<'a>> {
        let mut all = Banks::default();
        for key in keys {
            let mut bank = world.bank(key)?;
            bank.accrue(world.clock.unix_timestamp, group, world.version)?;
            let number = u16::try_from(all.banks.len()).map_err(|_| Refusal::Panic)?;
            all.index.push((*key, number));
            all.banks.push(Priced {
                share_values: [bank.asset_share_value(), bank.liability_share_value()],
                prices: prices(&bank, world),
                debt_weight: bank.liability_weight(Requirement::Maintenance),
                decimals: bank.decimals(world.version),
                bank,
            });
        }
        all.index.sort_unstable();
        Ok(all)
    }

    fn place(&self, bank: &Pubkey) -> Option<u16> {
        let at = self.index.binary_search_by(|(key, _)| key.cmp(bank)).ok()?;
        self.index.get(at).map(|(_, number)| *number)
    }

    /// Decodes an account; `None` if it has a balance in a bank that is not among these.
    pub fn decode(&self, account: &MarginAccount, is_old: bool) -> Outcome<Option<Decoded>> {
        let emode = if is_old {
            Emode::default()
        } else {
            self.emode(account)
        };
        let mut legs = Vec::with_capacity(BALANCES);
        for balance in account.balances() {
            let Some(side) = balance.side()? else {
                continue;
            };
            let Some(number) = self.place(&balance.bank) else {
                return Ok(None);
            };
            let Some(priced) = self.banks.get(usize::from(number)) else {
                return Ok(None);
            };
            let (shares, weight) = match side {
                Side::Assets if priced.bank.is_isolated() => continue,
                Side::Assets => {
                    let weight = emode.asset_weight(&priced.bank, Requirement::Maintenance);
                    (balance.asset_shares, weight)
                }
                Side::Liabilities => (balance.liability_shares, I80F48::ZERO),
            };
            legs.push(Leg {
                bank: number,
                side,
                shares,
                weight,
            });
        }
        Ok(Some(Decoded { legs }))
    }

    fn emode(&self, account: &MarginAccount) -> Emode {
        let owed = account
            .balances()
            .filter(|it| it.liability_shares >= super::account::EMPTY);
        let banks = owed.filter_map(|it| self.place(&it.bank));
        let banks = banks.filter_map(|number| self.banks.get(usize::from(number)));
        Emode::of(banks.map(|priced| &priced.bank))
    }

    /// Returns an account's maintenance values.
    pub fn confirm(&self, account: &Decoded) -> Outcome<Totals> {
        let mut totals = Totals::default();
        for leg in &account.legs {
            let priced = self
                .banks
                .get(usize::from(leg.bank))
                .ok_or(Refusal::Panic)?;
            let [low, high] = priced.prices?;
            let [asset_value, debt_value] = priced.share_values;
            match leg.side {
                Side::Assets => {
                    let amount = math(leg.shares.times(asset_value))?;
                    let worth = value(amount, low, priced.decimals, Some(leg.weight))?;
                    totals.assets = math(totals.assets.plus(worth))?;
                }
                Side::Liabilities => {
                    let amount = math(leg.shares.times(debt_value))?;
                    let worth = value(amount, high, priced.decimals, Some(priced.debt_weight))?;
                    totals.liabilities = math(totals.liabilities.plus(worth))?;
                }
            }
        }
        Ok(totals)
    }
}

fn prices(bank: &Bank, world: &World) -> Outcome<[I80F48; 2]> {
    let loaded = feed::load(bank, world).map_err(|refusal| match refusal {
        Refusal::Panic => Refusal::Panic,
        _ if world.version.is_old() => Refusal::OldStaleOracle,
        other => other,
    })?;
    let most = bank.oracle_max_confidence();
    let priced = loaded
        .feed
        .priced(Requirement::Maintenance, most, world.version)?;
    Ok([priced.biased(Bias::Low)?, priced.biased(Bias::High)?])
}
