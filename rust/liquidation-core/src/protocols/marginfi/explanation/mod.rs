//! Every term of an account's health with its rounding, the chosen liquidation and what it gains.

use lending_math::Pubkey;

mod outcome;

use crate::address::to_base58;
use crate::fixed::i80f48::I80F48;
use crate::protocols::adapter::{Accounts, Clock, Term, Unanswered, Wide};
use crate::protocols::marginfi::account::Side;
use crate::protocols::marginfi::assessment::{assess, verdict, version_of, wide, Assessed};
use crate::protocols::marginfi::bank::{Bank, Requirement};
use crate::protocols::marginfi::feed::{self, Feed};
use crate::protocols::marginfi::health::{lines, Line};
use crate::protocols::marginfi::refusal::{Outcome, Refusal};
use crate::protocols::marginfi::world::World;

/// Bits of 1.
const ONE: u128 = 1 << 48;

/// Returns every term, the plan for the only other account among them where there is one.
pub fn explain(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Vec<Term>, Unanswered> {
    let world = World::new(accounts, clock, version_of(accounts, clock, position));
    world.demand(&[*position], &[])?;
    let mut terms = match assess(&world, position).and_then(|it| of_health(&world, &it)) {
        Ok(terms) => terms,
        Err(refusal) => return Ok(vec![refused(refusal, &world)]),
    };
    terms.extend(outcome::of_plans(accounts, clock, &world, position));
    Ok(terms)
}

fn refused(refusal: Refusal, world: &World) -> Term {
    let note = refusal.name(world.version);
    let code = refusal.code(world.version);
    let mut term = count("health", "refused", code.unsigned_abs(), note);
    term.negative = code < 0;
    term
}

fn of_health(world: &World, assessed: &Assessed) -> Outcome<Vec<Term>> {
    let mut terms = Vec::new();
    let all = lines(
        &assessed.account,
        &assessed.banks,
        world,
        Requirement::Maintenance,
    )?;
    for line in &all {
        let bank = assessed.banks.held(&line.bank).ok_or(Refusal::Panic)?;
        terms.extend(of_oracle(world, bank));
        terms.extend(of_line(line, bank));
    }
    let totals = assessed.totals;
    let health = totals.health()?;
    terms.push(number(
        "health",
        "assets",
        totals.assets,
        "exact",
        "sum of the deposits' values",
    ));
    terms.push(number(
        "health",
        "liabilities",
        totals.liabilities,
        "exact",
        "sum of the debts' values",
    ));
    terms.push(number(
        "health",
        "health",
        health,
        "exact",
        verdict(assessed),
    ));
    terms.extend(distance(&all, health));
    Ok(terms)
}

fn of_oracle(world: &World, bank: &Bank) -> Vec<Term> {
    let name = |what: &str| format!("{} {what}", to_base58(&bank.key));
    let Ok(loaded) = feed::load(bank, world) else {
        return Vec::new(); // an isolated deposit's: it is not read
    };
    let mut terms = match loaded.feed {
        Feed::Pyth { spot, exponent, .. } => vec![
            signed(
                "oracle",
                name("price"),
                i128::from(spot.price),
                format!("Pyth, times 10^{exponent}"),
            ),
            count(
                "oracle",
                &name("confidence"),
                spot.confidence,
                format!("Pyth, times 10^{exponent}"),
            ),
        ],
        Feed::Switchboard { value, deviation } => vec![
            signed(
                "oracle",
                name("price"),
                value,
                "Switchboard, 18 decimals".to_owned(),
            ),
            signed(
                "oracle",
                name("deviation"),
                deviation,
                "Switchboard, 18 decimals".to_owned(),
            ),
        ],
        Feed::Noted { .. } => Vec::new(), // between start and end of a receivership only
        Feed::Fixed(price) => vec![number("oracle", &name("price"), price, "exact", "fixed")],
    };
    if let Some(published) = feed::published(bank, world) {
        let (age, most) = (
            world.clock.unix_timestamp.saturating_sub(published),
            feed::max_age(bank, world.version),
        );
        let note = format!("seconds since 1970; {age} old, at most {most}");
        terms.push(signed("oracle", name("published"), published.into(), note));
    }
    let most = bank.oracle_max_confidence();
    if let Ok(priced) = loaded
        .feed
        .priced(Requirement::Maintenance, most, world.version)
    {
        let note = "confidence · 2.12 (deviation · 1.96), at most 5 % of the price";
        terms.push(number(
            "oracle",
            &name("taken off or added"),
            priced.confidence,
            "floor",
            note,
        ));
    }
    if let Some((_, factor)) = loaded.raw {
        let note = "tokens per unit of the deposit";
        terms.push(number("oracle", &name("multiplier"), factor, "floor", note));
    }
    terms
}

fn of_line(line: &Line, bank: &Bank) -> Vec<Term> {
    let section = match line.side {
        Side::Assets => "collateral",
        Side::Liabilities => "debt",
    };
    let (share_value, price_note, weight_note) = match line.side {
        Side::Assets => (
            bank.asset_share_value(),
            "price − confidence",
            "maintenance; e-mode's where every debt's bank grants more",
        ),
        Side::Liabilities => (
            bank.liability_share_value(),
            "price + confidence",
            "maintenance",
        ),
    };
    let name = |what: &str| format!("{} {what}", to_base58(&line.bank));
    if line.side == Side::Assets && bank.is_isolated() {
        let note = "deposits of the isolated tier do not count";
        return vec![number(section, &name("value"), line.value, "exact", note)];
    }
    vec![
        number(
            section,
            &name("share value"),
            share_value,
            "floor",
            "brought to now",
        ),
        number(
            section,
            &name("amount"),
            line.amount,
            "floor",
            "shares · share value",
        ),
        number(section, &name("price"), line.price, "exact", price_note),
        number(section, &name("weight"), line.weight, "exact", weight_note),
        number(
            section,
            &name("value"),
            line.value,
            "floor",
            "amount · weight · price / 10^decimals",
        ),
    ]
}

/// How far every asset's price would have to fall, in basis points, until the account can be liquidated.
fn distance(lines: &[Line], health: I80F48) -> Option<Term> {
    let mut assets = lines.iter().filter(|line| line.side == Side::Assets);
    let assets = assets.try_fold(I80F48::ZERO, |sum, line| sum.plus(line.value))?;
    let part = health.times(I80F48::whole(10_000))?.over(assets)?;
    let note = "basis points that all collateral may fall; below 0 it is past the line";
    Some(number("health", "distance", part, "floor", note))
}

fn number(
    section: &'static str,
    name: &str,
    value: I80F48,
    rounding: &'static str,
    note: &str,
) -> Term {
    let magnitude = I80F48::from_bits(value.bits().saturating_abs());
    Term {
        section,
        name: name.to_owned(),
        value: wide(magnitude),
        scale: ONE,
        negative: value < I80F48::ZERO,
        rounding,
        note: note.to_owned(),
    }
}

fn signed(section: &'static str, name: String, value: i128, note: String) -> Term {
    let mut wide: Wide = [0; 32];
    let bytes = value.unsigned_abs().to_le_bytes();
    wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Term {
        section,
        name,
        value: wide,
        scale: 1,
        negative: value < 0,
        rounding: "exact",
        note,
    }
}

fn count(section: &'static str, name: &str, value: u64, note: String) -> Term {
    signed(section, name.to_owned(), i128::from(value), note)
}
