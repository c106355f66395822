//! The last terms: for each way to liquidate the chosen amount, why no more, and its profit from top to bottom.

use lending_math::Pubkey;

use super::{count, number, signed};
use crate::address::to_base58;
use crate::protocols::adapter::{Accounts, BestPlan, Choice, Clock, Policy, Term};
use crate::protocols::marginfi::planning::best_plan;
use crate::protocols::marginfi::ways::{Classic, Receivership, Way};
use crate::protocols::marginfi::world::World;

/// Names of a way's terms and how its amounts are rounded.
struct Words {
    section: &'static str,
    profit: &'static str,
    repaid: &'static str,
    relieved: &'static str,
}

const CLASSIC: Words = Words {
    section: "liquidation",
    profit: "profit",
    repaid: "collateral · 0.975 at the biased prices, floored: what the liquidator takes on",
    relieved: "collateral · 0.95, floored: what the position is rid of",
};
const RECEIVERSHIP: Words = Words {
    section: "receivership",
    profit: "receivership profit",
    repaid: "the least for which the premium is allowed",
    relieved: "all of it",
};

/// Returns the terms of both ways: the classic one for the only other margin account, the receivership where its accounts are there.
pub fn of_plans(accounts: &Accounts, clock: Clock, world: &World, position: &Pubkey) -> Vec<Term> {
    let mut terms = Vec::new();
    let chosen = |liquidator, instruction: &str| {
        let policy = Policy {
            position: Some(*position),
            liquidator,
            balances: Default::default(),
            min_profit: i128::MIN,
            costs: 0,
            instruction: Some(instruction.to_owned()),
            version: Some(world.version.label().to_owned()),
        };
        best_plan(accounts, clock, &policy).ok()
    };
    let position = *position;
    if let Ok(liquidator) = world.only_other(Some(&position)) {
        let way = Classic {
            world,
            position,
            liquidator,
        };
        if let Some(choice) = chosen(Some(liquidator), "v1") {
            terms.extend(of_choice(choice, &way, world, &CLASSIC));
        }
    }
    if !world.version.is_old() {
        let way = Receivership {
            world,
            position,
            receiver: None,
        };
        if let Some(choice) = chosen(None, "v2") {
            terms.extend(of_choice(choice, &way, world, &RECEIVERSHIP));
        }
    }
    terms
}

fn of_choice(choice: Choice, way: &impl Way, world: &World, words: &Words) -> Vec<Term> {
    match choice {
        Choice::Refusal(reason) => vec![count(words.section, "refused", 0, reason)],
        Choice::Plan(plan) => of_plan(&plan, way, world, words),
    }
}

fn of_plan(plan: &BestPlan, way: &impl Way, world: &World, words: &Words) -> Vec<Term> {
    let (asked, done) = (&plan.request, &plan.prediction);
    let (asset, debt) = (asked.collateral_reserve, asked.debt_reserve);
    let more = way.tried(asset, debt, asked.amount.saturating_add(1)).err();
    let why = more.map_or_else(String::new, |why| {
        format!("; one more: {}", why.name(world.version))
    });
    let legs = format!(
        "of {} against {}: the largest that the program accepts{why}",
        to_base58(&asset),
        to_base58(&debt)
    );
    let relieved = done.debt_relieved.unwrap_or(0);
    let mut terms = vec![
        count(words.section, "amount", asked.amount, legs),
        count(
            words.section,
            "repaid",
            done.repaid,
            words.repaid.to_owned(),
        ),
        count(
            words.section,
            "relieved",
            relieved,
            words.relieved.to_owned(),
        ),
        Term {
            scale: done.bonus.denominator,
            ..signed(
                words.section,
                "bonus".to_owned(),
                i128::try_from(done.bonus.numerator).unwrap_or(i128::MAX),
                "of the value, at most; the same for every amount".to_owned(),
            )
        },
    ];
    let fee = "repaid − relieved, floored: goes to the insurance vault".to_owned();
    terms.push(count(words.profit, "insurance fee", done.protocol_fee, fee));
    if let Ok(deal) = way.tried(asset, debt, asked.amount) {
        let note = "at the oracle's price, without its confidence";
        terms.push(number(
            words.profit,
            "value taken",
            deal.gained,
            "floor",
            note,
        ));
        terms.push(number(words.profit, "value owed", deal.lost, "floor", note));
    }
    let note = "value taken − value owed, in millionths, before what the transaction costs";
    terms.push(Term {
        scale: 1_000_000,
        rounding: "floor",
        ..signed(
            words.profit,
            "profit".to_owned(),
            plan.profit,
            note.to_owned(),
        )
    });
    terms
}
