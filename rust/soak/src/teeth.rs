//! `make soak-sabotage`: every fault that a careless screen has is planted, and must be found.

use liquidation_core::sabotage::{plant, Fault, MARK};

use crate::arguments::Arguments;
use crate::market::Stop;
use crate::run::{run, Outcome};

/// Position-ticks within which a fault must be found, unless the arguments say otherwise.
const PATIENCE: u64 = 500_000_000;
/// Position-ticks of the run without a fault, which must find nothing.
const CONTROL: u64 = 20_000_000;

/// All faults with their names.
pub const FAULTS: [(Fault, &str); 9] = [
    (Fault::BandZero, "band 0"),
    (Fault::KeyRoundedUp, "key rounded up"),
    (Fault::OrderedCompare, "ordered compare (NaN lost)"),
    (Fault::KeyAtTodaysPrice, "key at today's price"),
    (Fault::BisectedMinima, "bisected minima"),
    (Fault::DroppedLeg, "dropped leg"),
    (
        Fault::RecoveryInScannedLanes,
        "recovery seen only in scanned lanes",
    ),
    (Fault::UpdateLostAtSwap, "update lost at the swap"),
    (Fault::OutlierRuleOff, "outlier rule off"),
];

/// Plants one fault after the other, prints what found each, and returns whether all were found and nothing without one.
#[must_use]
pub fn bite(arguments: &Arguments) -> bool {
    println!(
        "{:<38}{:>22}   found by",
        "sabotage", "after position-ticks"
    );
    let mut arguments = arguments.clone();
    arguments.position_ticks = Some(arguments.position_ticks.unwrap_or(PATIENCE));
    let mut all = is_marked();
    for (fault, name) in FAULTS {
        plant(Some(fault));
        let outcome = run(&arguments, |outcome| !outcome.failures.is_empty());
        plant(None);
        all &= tell(name, &outcome);
    }
    let clean = run(
        &Arguments {
            position_ticks: Some(CONTROL),
            ..arguments
        },
        |_| false,
    );
    println!(
        "{:<38}{:>22}   {}",
        "none",
        clean.total().position_ticks,
        if clean.is_clean() {
            "nothing found"
        } else {
            "FOUND SOMETHING"
        }
    );
    all && clean.is_clean()
}

fn tell(name: &str, outcome: &Outcome) -> bool {
    let ticks = outcome.total().position_ticks;
    let differs = outcome
        .failures
        .iter()
        .find_map(|failure| match &failure.stop {
            Stop::Differs(how) => Some((failure, how)),
            Stop::Refused(_) => None,
        });
    match differs {
        Some((failure, how)) => println!(
            "{name:<38}{ticks:>22}   '{}', seed {}, {}: {how}",
            failure.kind,
            failure.seed,
            failure.kernel.name()
        ),
        None => println!("{name:<38}{ticks:>22}   NOT FOUND"),
    }
    differs.is_some()
}

/// Returns whether this program has the mark that a test looks for in what is shipped.
fn is_marked() -> bool {
    let program = std::env::current_exe()
        .and_then(std::fs::read)
        .unwrap_or_default();
    let marked = program
        .windows(MARK.len())
        .any(|window| window == MARK.as_bytes());
    if !marked {
        println!("the mark of a build with faults is NOT in this program: the test of the wheel cannot see it");
    }
    marked
}
