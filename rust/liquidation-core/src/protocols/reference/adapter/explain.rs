//! Every term of a position's health, leg by leg, down to the best pair and its profit.

use lending_math::health::Health as Sums;
use lending_math::state::{Leg, Side};
use lending_math::{Pubkey, BPS, WAD};

use super::{best_pair, has_both_sides, wide, Reader};
use crate::address::to_base58;
use crate::protocols::adapter::{Accounts, Clock, Policy, Term, Unanswered};
use crate::protocols::reference::health::value_of;
use crate::protocols::reference::planning::PairQuote;
use crate::protocols::reference::pricing::{Priced, Standing};
use crate::CoreError;

const MICRO: u128 = 1_000_000;

/// Collects the lines.
struct Lines(Vec<Term>);

impl Lines {
    fn add(
        &mut self,
        section: &'static str,
        name: String,
        value: u128,
        scale: u128,
        how: (&'static str, &str),
    ) {
        let (rounding, note) = how;
        self.0.push(Term {
            section,
            name,
            value: wide(value),
            scale,
            negative: false,
            rounding,
            note: note.to_owned(),
        });
    }
}

/// Returns the lines of a position whose accounts are all there.
pub fn terms(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Vec<Term>, Unanswered> {
    let reader = Reader::new(accounts, position)?;
    let held = reader.position(position)?;
    let mut lines = Lines(Vec::new());
    let mut sums = Sums::default();
    for leg in held.legs() {
        let reserve = reader.reserve(&leg.reserve)?;
        let oracle = reader.oracle(&reserve)?;
        let standing = Standing::of(Some(&reserve), Some(&oracle), clock.slot);
        let name = to_base58(&leg.reserve);
        let age = clock.slot.saturating_sub(oracle.slot);
        let note = format!(
            "price {} ± {} · 10^{} of slot {}, {age} slots old",
            oracle.price, oracle.confidence, oracle.exponent, oracle.slot
        );
        match standing {
            Standing::Priced(priced) => {
                let note = match priced.refusal {
                    Some(refusal) => format!("{note}: refused, {}", refusal.name()),
                    None => note,
                };
                lines.add("oracle", name, priced.unit, WAD, ("exact", &note));
                leg_terms(&mut lines, leg, &priced, &mut sums)?;
            }
            Standing::Broken(refusal) => {
                let note = format!("{note}: cannot be priced, {}", refusal.name());
                lines.add("oracle", name, 0, WAD, ("exact", &note));
            }
            Standing::Missing => {}
        }
    }
    health_terms(&mut lines, &sums);
    if has_both_sides(&held) {
        match best_pair(accounts, clock, position, &anything()) {
            Ok(Some((pair, profit))) => pair_terms(&mut lines, &pair, profit),
            Err(CoreError::Refused(refusal)) => {
                let note = format!("refused: {}", refusal.name());
                lines.add("liquidation", "none".to_owned(), 0, 1, ("exact", &note));
            }
            Ok(None) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(lines.0)
}

fn leg_terms(
    lines: &mut Lines,
    leg: &Leg,
    priced: &Priced,
    sums: &mut Sums,
) -> Result<(), CoreError> {
    let name = to_base58(&leg.reserve);
    let valued = value_of(leg.side, leg.amount, priced)?;
    let before = *sums;
    sums.add(&valued)?;
    let (section, tokens, weight, weighted) = match leg.side {
        Side::Collateral => (
            "collateral",
            ("exact", "deposited tokens".to_owned()),
            (
                "floor",
                format!(
                    "value · liquidation threshold {} / 10⁴",
                    valued.liquidation_threshold_bps
                ),
            ),
            sums.weighted_collateral - before.weighted_collateral,
        ),
        Side::Debt => (
            "debt",
            (
                "ceil",
                format!("{} shares · index {} / 10¹⁸", leg.amount, priced.index),
            ),
            (
                "ceil",
                format!("value · borrow factor {} / 10⁴", valued.borrow_factor_bps),
            ),
            sums.weighted_debt - before.weighted_debt,
        ),
    };
    lines.add(
        section,
        format!("{name} tokens"),
        u128::from(valued.tokens),
        1,
        (tokens.0, &tokens.1),
    );
    lines.add(
        section,
        format!("{name} value"),
        valued.value()?,
        WAD,
        ("exact", "tokens · unit price"),
    );
    lines.add(
        section,
        format!("{name} weighted"),
        weighted,
        WAD,
        (weight.0, &weight.1),
    );
    Ok(())
}

fn health_terms(lines: &mut Lines, sums: &Sums) {
    let mut add = |name: &str, value: u128, note: &str| {
        lines.add("health", name.to_owned(), value, WAD, ("exact", note));
    };
    add(
        "weighted collateral",
        sums.weighted_collateral,
        "Σ of weighted collateral",
    );
    add(
        "weighted debt",
        sums.weighted_debt,
        "Σ of weighted debt; liquidatable iff above weighted collateral",
    );
    add(
        "distance to liquidation",
        sums.weighted_collateral.saturating_sub(sums.weighted_debt),
        "what weighted collateral may lose; 0 when liquidatable",
    );
    add(
        "collateral",
        sums.collateral,
        "Σ of collateral values, unweighted",
    );
    add("debt", sums.debt, "Σ of debt values, unweighted");
}

fn pair_terms(lines: &mut Lines, pair: &PairQuote, profit: i128) {
    let quote = &pair.quote;
    let names = format!(
        "{} → {}",
        to_base58(&pair.debt.0),
        to_base58(&pair.collateral.0)
    );
    let limited = format!("{names}, limited by {}", pair.limited_by.name());
    lines.add(
        "liquidation",
        "repaid".to_owned(),
        u128::from(quote.repaid),
        1,
        ("ceil", &limited),
    );
    lines.add(
        "liquidation",
        "seized".to_owned(),
        u128::from(quote.seize),
        1,
        ("floor", "repaid value · (1 + bonus) / unit price"),
    );
    lines.add(
        "liquidation",
        "bonus".to_owned(),
        u128::from(quote.terms.bonus_bps),
        u128::from(BPS),
        (
            "floor",
            "shortfall / weighted debt, within the reserve's bounds and the surplus",
        ),
    );
    lines.add(
        "liquidation",
        "protocol fee".to_owned(),
        u128::from(quote.fee),
        1,
        ("ceil", "share of the bonus"),
    );
    lines.add(
        "profit",
        "received".to_owned(),
        pair.seized_micro_usd,
        MICRO,
        ("floor", "(seized − fee) · unit price"),
    );
    lines.add(
        "profit",
        "repaid".to_owned(),
        pair.repaid_micro_usd,
        MICRO,
        ("ceil", "repaid · unit price"),
    );
    lines.add(
        "profit",
        "profit".to_owned(),
        profit.unsigned_abs(),
        MICRO,
        ("floor", "received − repaid, before fees and tip"),
    );
    if let Some(last) = lines.0.last_mut() {
        last.negative = profit < 0;
    }
}

fn anything() -> Policy {
    Policy {
        position: None,
        liquidator: None,
        balances: std::collections::BTreeMap::new(),
        min_profit: i128::MIN,
        costs: 0,
        instruction: None,
        version: None,
    }
}
