//! Every term of a position's health in the order of its refresh, then the best plan and where its profit comes from.

use std::collections::BTreeMap;

use lending_math::Pubkey;

use crate::address::to_base58;
use crate::fixed::fraction::{Fraction, BITS};
use crate::protocols::adapter::{
    Accounts, BestPlan, Choice, Clock, Policy, Term, Unanswered, Wide,
};
use crate::protocols::kamino::exchange::Exchange;
use crate::protocols::kamino::health::{judge, wide};
use crate::protocols::kamino::plan::best_plan;
use crate::protocols::kamino::predict::{freshen, load};
use crate::protocols::kamino::price;
use crate::protocols::kamino::reason::Ratios;
use crate::protocols::kamino::refresh::{factor, limits, Held};
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::version::Version;

/// Returns the terms of a position under the newest rules.
pub fn explain(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Vec<Term>, Unanswered> {
    let mut terms = Terms(Vec::new());
    let mut held = load(accounts, clock, position, &[], Version::NEWEST)?;
    let sampled: Vec<String> = held
        .reserves
        .iter()
        .map(|reserve| sample(reserve, &held, accounts, clock))
        .collect();
    match freshen(&mut held, accounts, clock) {
        Ok(()) => {
            for (reserve, note) in held.reserves.iter().zip(&sampled) {
                terms.oracle(reserve, note);
            }
            terms.collateral(&held);
            terms.debt(&held);
            terms.health(&held, clock);
        }
        Err(stop) => terms.note("health", "refusal", stop.reason()),
    }
    let policy = Policy {
        position: Some(*position),
        liquidator: None,
        balances: BTreeMap::new(),
        min_profit: i128::MIN,
        costs: 0,
        instruction: None,
        version: None,
    };
    match best_plan(accounts, clock, &policy)? {
        Choice::Plan(plan) => terms.plan(&plan),
        Choice::Refusal(reason) => terms.note("liquidation", "refusal", reason),
    }
    Ok(terms.0)
}

/// Returns which oracle a refresh takes, in words.
fn sample(reserve: &Reserve, held: &Held, accounts: &Accounts, clock: Clock) -> String {
    if !price::reads_oracle(reserve, &held.market, clock) {
        return "saved: too young for the oracles to be asked".to_owned();
    }
    match price::most_recent(reserve, accounts, held.version, clock) {
        Ok(Some((_, source))) => source.note(reserve),
        _ => "saved: no oracle answers".to_owned(),
    }
}

struct Terms(Vec<Term>);

impl Terms {
    fn push(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        value: Wide,
        scale: u128,
        rounding: &'static str,
        note: impl Into<String>,
    ) {
        self.0.push(Term {
            section,
            name: name.into(),
            value,
            scale,
            negative: false,
            rounding,
            note: note.into(),
        });
    }

    fn fraction(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        value: Fraction,
        rounding: &'static str,
        note: &str,
    ) {
        self.push(section, name, wide(value), 1 << BITS, rounding, note);
    }

    fn count(
        &mut self,
        section: &'static str,
        name: impl Into<String>,
        value: u64,
        rounding: &'static str,
        note: &str,
    ) {
        let value = wide(Fraction(u128::from(value)));
        self.push(section, name, value, 1, rounding, note);
    }

    fn note(&mut self, section: &'static str, name: &str, note: String) {
        self.count(section, name, 0, "exact", &note);
    }

    fn oracle(&mut self, reserve: &Reserve, note: &str) {
        let name = |what: &str| format!("{} {what}", to_base58(&reserve.address));
        self.fraction("oracle", name("price"), reserve.price, "floor", note);
        self.count(
            "oracle",
            name("price time"),
            reserve.price_time,
            "exact",
            "seconds since 1970",
        );
        self.count(
            "oracle",
            name("price status"),
            reserve.price_status.into(),
            "exact",
            "1 loaded, 2 young, 4 near its average, 8 average young, 16 plausible, 32 usable; a liquidation needs 1, 2 and 32",
        );
    }

    fn collateral(&mut self, held: &Held) {
        let group = held.group().ok().flatten();
        for deposit in held.position.deposits.iter().filter(|it| it.active()) {
            let Ok(reserve) = held.reserve(&deposit.reserve) else {
                continue;
            };
            let name = |what: &str| format!("{} {what}", to_base58(&deposit.reserve));
            let (section, shares) = ("collateral", deposit.shares);
            self.count(section, name("collateral tokens"), shares, "exact", "");
            let tokens = Exchange::of(reserve, held.version).and_then(|rate| rate.tokens(shares));
            self.fraction(
                section,
                name("tokens"),
                tokens.unwrap_or_default(),
                "floor",
                "collateral tokens · (available + borrowed − fees) / collateral tokens in existence",
            );
            self.fraction(
                section,
                name("value"),
                deposit.value,
                "floor",
                "tokens · price / 10^decimals",
            );
            let threshold = u64::from(limits(reserve, group.as_ref()).1);
            let part = deposit.value.by(Fraction::percent(threshold));
            let whose = if group.is_some() {
                ", of the elevation group"
            } else {
                ""
            };
            let note = format!("value · {threshold} %{whose}");
            let part = part.unwrap_or_default();
            self.fraction(section, name("unhealthy part"), part, "floor", &note);
        }
    }

    fn debt(&mut self, held: &Held) {
        let group = held.group().ok().flatten();
        for borrow in held.position.borrows.iter().filter(|it| it.active()) {
            let Ok(reserve) = held.reserve(&borrow.reserve) else {
                continue;
            };
            let name = |what: &str| format!("{} {what}", to_base58(&borrow.reserve));
            self.push(
                "debt",
                name("index"),
                reserve.index.to_le_bytes(),
                1 << BITS,
                "floor",
                "index · (1 + rate / slots per year)^slots",
            );
            self.fraction(
                "debt",
                name("amount"),
                borrow.amount,
                "floor",
                "amount · index / own index",
            );
            self.fraction(
                "debt",
                name("value"),
                borrow.value,
                "floor",
                "amount · price / 10^decimals",
            );
            let percent = factor(reserve, group.as_ref()).to_percent().unwrap_or(0);
            let note = format!("value · {percent} %");
            self.fraction(
                "debt",
                name("weighted value"),
                borrow.weighted,
                "floor",
                &note,
            );
        }
    }

    fn health(&mut self, held: &Held, clock: Clock) {
        let position = &held.position;
        for (name, value, note) in [
            (
                "deposited value",
                position.deposited,
                "sum of the deposits' values",
            ),
            ("borrowed value", position.debt, "sum of the debts' values"),
            (
                "weighted borrowed value",
                position.weighted_debt,
                "sum of weighted values",
            ),
            (
                "unhealthy borrow value",
                position.unhealthy,
                "sum of unhealthy parts",
            ),
        ] {
            self.fraction("health", name, value, "exact", note);
        }
        if let Ok(ratios) = Ratios::of(position) {
            let (ltv, limit) = (ratios.ltv, ratios.unhealthy_ltv);
            self.fraction(
                "health",
                "LTV",
                ltv,
                "floor",
                "weighted borrowed / deposited",
            );
            self.fraction(
                "health",
                "unhealthy LTV",
                limit,
                "floor",
                "unhealthy / deposited",
            );
            let distance = Fraction(limit.0.abs_diff(ltv.0));
            self.fraction(
                "health",
                "distance",
                distance,
                "exact",
                "unhealthy LTV − LTV; liquidated at 0 and below",
            );
            if let Some(distance) = self.0.last_mut() {
                distance.negative = ltv > limit;
            }
        }
        let verdict = judge(held, clock);
        let (liquidatable, reason) = match verdict {
            Ok(health) => (health.liquidatable, health.reason),
            Err(stop) => (false, stop.reason()),
        };
        self.count(
            "health",
            "liquidatable",
            liquidatable.into(),
            "exact",
            &reason,
        );
    }

    fn plan(&mut self, plan: &BestPlan) {
        let (asked, done) = (&plan.request, &plan.prediction);
        let debt = to_base58(&asked.debt_reserve);
        let note = format!("of {debt}: the most profitable that the priorities admit, highest borrow factor and lowest threshold first");
        self.count("liquidation", "amount", asked.amount, "exact", &note);
        self.count(
            "liquidation",
            "repaid",
            done.repaid,
            "ceil",
            "the close factor's part of all debt, at most the debt and the market's limit; a small debt whole",
        );
        let bonus = Fraction(done.bonus.numerator);
        self.fraction(
            "liquidation",
            "bonus",
            bonus,
            "floor",
            "LTV − unhealthy LTV between the reserves' least and most, at most what the collateral leaves",
        );
        let note = format!(
            "of {}, the protocol's part deducted",
            to_base58(&asked.collateral_reserve)
        );
        self.count("profit", "seized", done.seized, "floor", &note);
        self.count(
            "profit",
            "collateral tokens left",
            done.seized_shares,
            "exact",
            "that the reserve could not redeem",
        );
        self.count(
            "profit",
            "protocol fee",
            done.protocol_fee,
            "ceil",
            "(tokens − tokens / (1 + bonus)) · fee, at least 1",
        );
        let value = wide(Fraction(plan.profit.unsigned_abs()));
        let note = "value seized − value repaid, at the reserves' prices";
        self.push("profit", "profit", value, 1_000_000, "floor", note);
        if let Some(profit) = self.0.last_mut() {
            profit.negative = plan.profit < 0;
        }
    }
}
