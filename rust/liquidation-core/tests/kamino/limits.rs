//! What the screen may not take for linear: liquidation compares floor quotients.

use liquidation_core::fixed::fraction::Fraction;

/// LTV ≥ UL as floor quotients, 1M deposited: a debt just below the unhealthy value is liquidated, one further below is not.
#[test]
fn a_debt_below_the_unhealthy_value_by_less_than_the_quotients_unit_is_liquidatable() {
    let deposited = Fraction(Fraction::whole(1_000_000).0 + 1);
    let unhealthy = deposited.by(Fraction::percent(75)).unwrap();
    let liquidatable = |below: u128| {
        let debt = Fraction(unhealthy.0 - below);
        debt.per(deposited).unwrap() >= unhealthy.per(deposited).unwrap()
    };
    assert!(liquidatable(0));
    assert!(liquidatable(400_000));
    assert!(!liquidatable(2_000_000));
}
