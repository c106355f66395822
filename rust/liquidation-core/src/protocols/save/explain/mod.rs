//! Every term of an obligation's health in the order of its refresh, then the best plan and where its profit comes from.

mod outcome;

use lending_math::Pubkey;

use super::choose::best_plan;
use super::ledger::Ledger;
use super::obligation::Obligation;
use super::predict::{health, refreshed};
use super::prices::reading;
use crate::address::to_base58;
use crate::fixed::wad::{Decimal, WAD};
use crate::protocols::adapter::{Accounts, Choice, Clock, Policy, Term, Unanswered};

/// Returns the terms of a position.
pub fn explain(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Vec<Term>, Unanswered> {
    let mut terms = Terms(Vec::new());
    let refreshed = refreshed(accounts, clock, position)?;
    match &refreshed {
        Ok((ledger, obligation)) => {
            terms.oracles(ledger, obligation, accounts, clock);
            terms.collateral(ledger, obligation);
            terms.debt(ledger, obligation);
            terms.health(obligation);
        }
        Err(fault) => terms.note("health", "refusal", fault.reason()),
    }
    let verdict = health(accounts, clock, position)?;
    terms.push(
        "health",
        "liquidatable",
        u128::from(verdict.liquidatable),
        1,
        "exact",
        verdict.reason,
    );
    let policy = Policy {
        position: Some(*position),
        liquidator: None,
        balances: std::collections::BTreeMap::new(),
        min_profit: i128::MIN,
        costs: 0,
        instruction: None,
        version: None,
    };
    match best_plan(accounts, clock, &policy)? {
        Choice::Plan(plan) => {
            let ledger = refreshed.as_ref().ok().map(|(ledger, _)| ledger);
            terms.plan(&plan, ledger);
        }
        Choice::Refusal(reason) => terms.note("liquidation", "refusal", reason),
    }
    Ok(terms.0)
}

struct Terms(Vec<Term>);

impl Terms {
    fn push(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        value: u128,
        scale: u128,
        rounding: &'static str,
        note: impl Into<String>,
    ) {
        let (name, note) = (name.into(), note.into());
        self.0.push(Term {
            section,
            name,
            value: Decimal::scaled(value).to_le_bytes(),
            scale,
            negative: false,
            rounding,
            note,
        });
    }

    fn wad(
        &mut self,
        section: &'static str,
        name: String,
        value: Decimal,
        rounding: &'static str,
        note: &str,
    ) {
        self.0.push(Term {
            section,
            name,
            value: value.to_le_bytes(),
            scale: u128::from(WAD),
            negative: false,
            rounding,
            note: note.to_owned(),
        });
    }

    fn note(&mut self, section: &'static str, name: &str, note: String) {
        self.push(section, name, 0, 1, "exact", note);
    }

    fn oracles(
        &mut self,
        ledger: &Ledger,
        obligation: &Obligation,
        accounts: &Accounts,
        clock: Clock,
    ) {
        let mut seen: Vec<&Pubkey> = Vec::new();
        for address in obligation.reserves() {
            let Ok(reserve) = ledger.reserve(address) else {
                continue;
            };
            if seen.contains(&address) {
                continue;
            }
            seen.push(address);
            let name = |what: &str| format!("{} {what}", to_base58(address));
            if let Ok(reading) = reading(&reserve, accounts, clock) {
                let which = if reading.second {
                    reserve.second_oracle
                } else {
                    reserve.main_oracle
                };
                let note = format!("of {}", to_base58(&which));
                self.wad("oracle", name("sample"), reading.spot, "floor", &note);
            }
            self.wad(
                "oracle",
                name("price"),
                reserve.price,
                "floor",
                "sample · price scale",
            );
            self.wad(
                "oracle",
                name("smoothed price"),
                reserve.smoothed_price,
                "floor",
                "average · price scale",
            );
            if let Some(extra) = reserve.extra_price {
                self.wad(
                    "oracle",
                    name("extra price"),
                    extra,
                    "floor",
                    "not scaled; limits borrowing only",
                );
            }
        }
    }

    fn collateral(&mut self, ledger: &Ledger, obligation: &Obligation) {
        for deposit in &obligation.deposits {
            let Ok(reserve) = ledger.reserve(&deposit.reserve) else {
                continue;
            };
            let name = |what: &str| format!("{} {what}", to_base58(&deposit.reserve));
            self.push(
                "collateral",
                name("collateral tokens"),
                deposit.shares.into(),
                1,
                "exact",
                "",
            );
            let rate = reserve.share_rate().map_or(Decimal::ZERO, Decimal::from);
            self.wad(
                "collateral",
                name("exchange rate"),
                rate,
                "floor",
                "collateral tokens / (available + borrowed − fees)",
            );
            self.wad(
                "collateral",
                name("value"),
                deposit.value,
                "floor",
                "price · (tokens / rate) / 10^decimals",
            );
            let part = deposit
                .value
                .try_mul(Decimal::percent(reserve.config.threshold));
            let note = format!("value · {} %", reserve.config.threshold);
            self.wad(
                "collateral",
                name("unhealthy part"),
                part.unwrap_or_default(),
                "floor",
                &note,
            );
        }
    }

    fn debt(&mut self, ledger: &Ledger, obligation: &Obligation) {
        for borrow in &obligation.borrows {
            let Ok(reserve) = ledger.reserve(&borrow.reserve) else {
                continue;
            };
            let name = |what: &str| format!("{} {what}", to_base58(&borrow.reserve));
            self.wad(
                "debt",
                name("index"),
                reserve.index,
                "floor",
                "index · (1 + rate / slots per year)^slots",
            );
            self.wad(
                "debt",
                name("amount"),
                borrow.amount,
                "floor",
                "amount · (index / own index)",
            );
            self.wad(
                "debt",
                name("value"),
                borrow.value,
                "floor",
                "price · amount / 10^decimals",
            );
            let weighted = borrow
                .value
                .try_mul(reserve.borrow_weight())
                .unwrap_or_default();
            self.wad(
                "debt",
                name("weighted value"),
                weighted,
                "floor",
                "value · borrow weight",
            );
        }
    }
}
