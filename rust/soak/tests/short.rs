//! A short soak: all kinds of markets at a fraction of their size, every kernel, nothing missed.

use soak::arguments::Arguments;
use soak::{report, run};

#[test]
fn nothing_is_missed_in_any_kind_of_market_under_any_kernel() {
    let arguments = Arguments {
        seeds: Some(1),
        scale: 8,
        first_seed: 1_000_000,
        ..Arguments::default()
    };
    let outcome = run::run(&arguments, |_| false);
    assert!(
        outcome.is_clean(),
        "{}",
        report::table(&arguments, &outcome)
    );
    let total = outcome.total();
    assert!(
        total.near > 100_000 && total.equal > 50_000 && total.missed == 0,
        "{}",
        report::table(&arguments, &outcome)
    );
    assert_eq!(total.markets, 19 * arguments.kernels.len() as u64);
}
