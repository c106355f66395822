//! A short soak: all kinds of markets at a fraction of their size, every kernel, nothing missed.

use soak::arguments::Arguments;
use soak::{report, run};

#[test]
fn nothing_is_missed_in_any_kind_of_market_under_any_kernel() {
    let arguments = Arguments {
        seeds: Some(2),
        scale: 2,
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
        total.near > 1_000_000 && total.equal > 500_000 && total.missed == 0,
        "{}",
        report::table(&arguments, &outcome)
    );
    assert_eq!(total.markets, 2 * 19 * arguments.kernels.len() as u64);
}
