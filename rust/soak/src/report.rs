//! What a run came to, as a table and as JSON.

use std::fmt::Write;

use crate::arguments::{Arguments, GOALS};
use crate::market::Stop;
use crate::run::{counts, Outcome};
use crate::tally::Tally;

/// A count, what it is held to, and whether it keeps that.
struct Goal {
    name: &'static str,
    value: u64,
    goal: u64,
    at_least: bool,
}

impl Goal {
    fn is_kept(&self) -> bool {
        if self.at_least {
            self.value >= self.goal
        } else {
            self.value <= self.goal
        }
    }
}

fn goals(total: &Tally) -> Vec<Goal> {
    let names = ["position-ticks", "within 1e-6 of equality", "exactly equal"];
    let reached = names.into_iter().zip(counts(total)).zip(GOALS);
    let mut goals: Vec<Goal> = reached
        .map(|((name, value), goal)| Goal {
            name,
            value,
            goal,
            at_least: true,
        })
        .collect();
    for (name, value) in [
        ("missed", total.missed),
        ("told wrongly", total.wrong),
        (
            "ticks with more extras than 0.5 % of hits + 1e-4 N",
            total.ticks_over,
        ),
    ] {
        goals.push(Goal {
            name,
            value,
            goal: 0,
            at_least: false,
        });
    }
    goals
}

fn how(stop: &Stop) -> &str {
    match stop {
        Stop::Differs(how) | Stop::Refused(how) => how,
    }
}

/// Returns the report as text.
#[must_use]
pub fn table(arguments: &Arguments, outcome: &Outcome) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<24}{:>8}{:>9}{:>16}{:>15}{:>13}{:>12}{:>11}{:>11}{:>10}{:>9}{:>7}",
        "kind of market",
        "markets",
        "ticks",
        "position-ticks",
        "untouched",
        "near",
        "equal",
        "crossed",
        "recovered",
        "extras",
        "missed",
        "wrong"
    );
    let total = outcome.total();
    for (name, tally) in outcome
        .kinds
        .iter()
        .map(|(name, tally)| (*name, tally))
        .chain([("all", &total)])
    {
        let Tally {
            markets,
            ticks,
            position_ticks,
            untouched,
            near,
            equal,
            crossed,
            recovered,
            extras,
            missed,
            wrong,
            ..
        } = tally;
        let _ = writeln!(text, "{name:<24}{markets:>8}{ticks:>9}{position_ticks:>16}{untouched:>15}{near:>13}{equal:>12}{crossed:>11}{recovered:>11}{extras:>10}{missed:>9}{wrong:>7}");
    }
    let _ = writeln!(text);
    for goal in goals(&total) {
        let (bound, verdict) = (
            if goal.at_least { "at least" } else { "at most" },
            if goal.is_kept() { "yes" } else { "NO" },
        );
        let _ = writeln!(
            text,
            "{:<52}{:>14}   {bound} {:<12}{verdict}",
            goal.name, goal.value, goal.goal
        );
    }
    let _ = writeln!(
        text,
        "\n{} updates, {} of {} ticks held to the bound of extras",
        total.updates, total.bounded_ticks, total.ticks
    );
    let kernels: Vec<&str> = arguments
        .kernels
        .iter()
        .map(|kernel| kernel.name())
        .collect();
    let _ = writeln!(
        text,
        "seeds {} to {}, kernels {}, {:.0} s",
        outcome.seeds.0,
        outcome.seeds.1,
        kernels.join(" "),
        outcome.took.as_secs_f64()
    );
    for failure in &outcome.failures {
        let _ = writeln!(
            text,
            "FAILED {} with seed {} under {}: {}",
            failure.kind,
            failure.seed,
            failure.kernel.name(),
            how(&failure.stop)
        );
    }
    text
}

/// Returns the report as JSON.
#[must_use]
pub fn json(arguments: &Arguments, outcome: &Outcome) -> String {
    let total = outcome.total();
    let kernels: Vec<String> = arguments
        .kernels
        .iter()
        .map(|kernel| quoted(kernel.name()))
        .collect();
    let kinds: Vec<String> = outcome
        .kinds
        .iter()
        .map(|(name, tally)| format!("{}: {}", quoted(name), object(tally)))
        .collect();
    let goals: Vec<String> = goals(&total)
        .iter()
        .map(|goal| {
            format!(
                "{}: {{\"value\": {}, \"goal\": {}, \"direction\": {}, \"ok\": {}}}",
                quoted(goal.name),
                goal.value,
                goal.goal,
                quoted(if goal.at_least { "higher" } else { "lower" }),
                goal.is_kept()
            )
        })
        .collect();
    let failures: Vec<String> = outcome
        .failures
        .iter()
        .map(|failure| {
            format!(
                "{{\"kind\": {}, \"kernel\": {}, \"seed\": {}, \"what\": {}}}",
                quoted(failure.kind),
                quoted(failure.kernel.name()),
                failure.seed,
                quoted(how(&failure.stop))
            )
        })
        .collect();
    format!(
        "{{\"seeds\": [{}, {}], \"kernels\": [{}], \"scale\": {}, \"seconds\": {:.1}, \"total\": {}, \"kinds\": {{{}}}, \"goals\": {{{}}}, \"failures\": [{}]}}",
        outcome.seeds.0,
        outcome.seeds.1,
        kernels.join(", "),
        arguments.scale,
        outcome.took.as_secs_f64(),
        object(&total),
        kinds.join(", "),
        goals.join(", "),
        failures.join(", ")
    )
}

fn object(tally: &Tally) -> String {
    let fields = [
        ("markets", tally.markets),
        ("ticks", tally.ticks),
        ("position_ticks", tally.position_ticks),
        ("untouched", tally.untouched),
        ("near", tally.near),
        ("equal", tally.equal),
        ("updates", tally.updates),
        ("crossed", tally.crossed),
        ("recovered", tally.recovered),
        ("missed", tally.missed),
        ("wrong", tally.wrong),
        ("extras", tally.extras),
        ("bounded_ticks", tally.bounded_ticks),
        ("ticks_over", tally.ticks_over),
    ];
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, count)| format!("\"{name}\": {count}"))
        .collect();
    format!("{{{}}}", fields.join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
