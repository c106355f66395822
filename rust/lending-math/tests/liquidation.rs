//! Properties of a liquidation: it never makes a position worse, and no rounding favours the liquidator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lending_math::health::{Health, PricedLeg};
use lending_math::interest::{debt_of, debt_of_down};
use lending_math::liquidation::{quote, terms, CollateralLeg, DebtLeg, Mode, Quote};
use lending_math::state::Side;
use lending_math::wide::{multiply, Wide};
use lending_math::{Error, BPS, WAD};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
struct Case {
    health: Health,
    debt: DebtLeg,
    collateral: CollateralLeg,
    tokens: u64,
}

/// A position of the two legs and a rest of collateral and debt, priced so that it is near the edge.
fn cases() -> impl Strategy<Value = Case> {
    let debt = (
        1u64..1 << 45,
        prop_oneof![Just(WAD), WAD..50 * WAD],
        1u128..1_000_000_000_000_000,
    );
    let collateral = (
        1u64..1 << 45,
        1u128..1_000_000_000_000_000,
        0u16..5_000,
        0u16..5_000,
        0u16..=10_000,
    );
    let rules = (
        1u16..=10_000,
        prop_oneof![Just(0u64), 1u64..1_000_000_000_000],
        1u16..9_500,
        10_000u32..20_000,
    );
    let rest = (0u64..1 << 40, 0u64..1 << 40, 50u128..400);
    (
        debt,
        collateral,
        rules,
        rest,
        prop_oneof![Just(u64::MAX), 0u64..1 << 46],
    )
        .prop_map(build)
}

type Parts = (
    (u64, u128, u128),
    (u64, u128, u16, u16, u16),
    (u16, u64, u16, u32),
    (u64, u64, u128),
    u64,
);

fn build((debt, collateral, rules, rest, tokens): Parts) -> Case {
    let (shares, index, debt_unit) = debt;
    let (close_factor_bps, dust_limit_micro_usd, threshold, factor) = rules;
    let debt_leg = DebtLeg {
        shares,
        index,
        unit: debt_unit,
        close_factor_bps,
        dust_limit_micro_usd,
    };
    let (mut amount, unit, a, b, protocol_fee_bps) = collateral;
    let owed = debt_of(shares, index).unwrap();
    let worth = u128::from(owed) * debt_unit * rest.2 / 100 / unit; // 0.5 to 4 times the debt
    if amount % 3 > 0 {
        amount = u64::try_from(worth.clamp(1, 1 << 50)).unwrap();
    }
    let (min_bonus_bps, max_bonus_bps) = (a.min(b), a.max(b));
    let collateral_leg = CollateralLeg {
        amount,
        unit,
        min_bonus_bps,
        max_bonus_bps,
        protocol_fee_bps,
    };
    let leg = |side, tokens, unit| PricedLeg {
        side,
        tokens,
        unit,
        ltv_bps: 0,
        liquidation_threshold_bps: threshold,
        borrow_factor_bps: factor,
    };
    let legs = [
        leg(Side::Debt, owed, debt_unit),
        leg(Side::Collateral, amount, unit),
        leg(Side::Debt, rest.0, 1_000_000),
        leg(Side::Collateral, rest.1, 1_000_000),
    ];
    Case {
        health: Health::of(&legs).unwrap(),
        debt: debt_leg,
        collateral: collateral_leg,
        tokens,
    }
}

fn quoted(case: &Case) -> Result<Quote, Error> {
    quote(&case.health, &case.debt, &case.collateral, case.tokens, 0)
}

/// a/b ≤ c/d for fractions of u128, exactly.
fn at_most((a, b): (u128, u128), (c, d): (u128, u128)) -> bool {
    let (left, right): (Wide, Wide) = (multiply(a, d), multiply(c, b));
    left <= right
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, max_global_rejects: 1_000_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_partial_liquidation_never_lowers_collateral_over_debt(case in cases()) {
        let Ok(quote) = quoted(&case) else { return Err(TestCaseError::reject("refused")) };
        prop_assume!(quote.terms.mode == Mode::Partial);
        let (c, d) = (case.health.collateral, case.health.debt);
        let left = debt_of(case.debt.shares - quote.shares, case.debt.index).unwrap();
        let owed = debt_of(case.debt.shares, case.debt.index).unwrap();
        let c_after = c - u128::from(quote.seize) * case.collateral.unit;
        let d_after = d - u128::from(owed - left) * case.debt.unit;
        prop_assume!(d_after > 0);
        prop_assert!(at_most((c, d), (c_after, d_after)), "{c}/{d} fell to {c_after}/{d_after}");
    }

    #[test]
    fn the_liquidator_never_gets_more_than_he_pays_for(case in cases()) {
        let Ok(quote) = quoted(&case) else { return Err(TestCaseError::reject("refused")) };
        let paid = multiply(u128::from(quote.repaid) * case.debt.unit, u128::from(BPS + quote.terms.bonus_bps));
        let got = multiply(u128::from(quote.seize) * case.collateral.unit, u128::from(BPS));
        prop_assert!(got <= paid);
        prop_assert_eq!(quote.received + quote.fee, quote.seize);
    }

    #[test]
    fn the_debt_falls_by_no_more_than_what_is_paid(case in cases()) {
        let Ok(quote) = quoted(&case) else { return Err(TestCaseError::reject("refused")) };
        let owed = debt_of(case.debt.shares, case.debt.index).unwrap();
        prop_assert!(owed - quote.debt_left <= quote.repaid);
        prop_assert!(owed - quote.debt_left >= debt_of_down(quote.shares, case.debt.index).unwrap());
        prop_assert!(quote.repaid <= case.tokens);
    }

    #[test]
    fn bonus_seizure_and_debt_stay_in_their_limits(case in cases()) {
        let Ok(quote) = quoted(&case) else { return Err(TestCaseError::reject("refused")) };
        prop_assert!((u64::from(case.collateral.min_bonus_bps)..=u64::from(case.collateral.max_bonus_bps))
            .contains(&quote.terms.bonus_bps));
        prop_assert!(quote.seize >= 1 && quote.seize <= case.collateral.amount);
        prop_assert!(quote.shares >= 1 && quote.shares <= case.debt.shares);
    }

    #[test]
    fn a_pair_closed_whole_loses_its_collateral_or_its_debt(case in cases()) {
        let Ok(quote) = quoted(&case) else { return Err(TestCaseError::reject("refused")) };
        prop_assume!(quote.terms.mode == Mode::Whole);
        prop_assert!(quote.seize == case.collateral.amount || quote.shares == case.debt.shares);
    }

    #[test]
    fn asking_for_what_the_terms_allow_is_never_dust_nor_too_small(case in cases()) {
        let Ok(terms) = terms(&case.health, &case.debt, &case.collateral) else { return Err(TestCaseError::reject("refused")) };
        match quote(&case.health, &case.debt, &case.collateral, terms.limit_repay, 0) {
            Ok(quote) => prop_assert_eq!(quote.shares, terms.limit_shares),
            Err(error) => prop_assert_eq!(error, Error::AmountTooSmall), // all rounds to nothing
        }
    }

    #[test]
    fn no_numbers_panic(
        sums in proptest::array::uniform5(any::<u128>()),
        shares in any::<u64>(), index in any::<u128>(), units in any::<(u128, u128)>(),
        rules in any::<(u16, u64, u16, u16, u16)>(), amounts in any::<(u64, u64, u64)>(),
    ) {
        let [collateral, debt, weighted_collateral, weighted_debt, borrow_limit] = sums;
        let health = Health { weighted_collateral, weighted_debt, collateral, debt, borrow_limit };
        let (close_factor_bps, dust_limit_micro_usd, min_bonus_bps, max_bonus_bps, protocol_fee_bps) = rules;
        let debt = DebtLeg { shares, index, unit: units.0, close_factor_bps, dust_limit_micro_usd };
        let amount = amounts.0;
        let collateral = CollateralLeg { amount, unit: units.1, min_bonus_bps, max_bonus_bps, protocol_fee_bps };
        let _ = quote(&health, &debt, &collateral, amounts.1, amounts.2);
    }
}

#[test]
fn a_healthy_position_has_no_terms() {
    let health = Health {
        weighted_collateral: 5,
        weighted_debt: 5,
        collateral: 9,
        debt: 5,
        borrow_limit: 0,
    };
    let debt = DebtLeg {
        shares: 5,
        index: WAD,
        unit: 1,
        close_factor_bps: 5_000,
        dust_limit_micro_usd: 0,
    };
    let collateral = CollateralLeg {
        amount: 9,
        unit: 1,
        min_bonus_bps: 0,
        max_bonus_bps: 0,
        protocol_fee_bps: 0,
    };
    assert_eq!(terms(&health, &debt, &collateral), Err(Error::Healthy));
}

#[test]
fn the_sums_of_the_contract_decide_at_equality() {
    let leg = |side, tokens| PricedLeg {
        side,
        tokens,
        unit: 1,
        ltv_bps: 7_500,
        liquidation_threshold_bps: 8_000,
        borrow_factor_bps: 10_000,
    };
    let at = |debt| Health::of(&[leg(Side::Collateral, 1_000), leg(Side::Debt, debt)]).unwrap();
    assert!(!at(800).is_liquidatable());
    assert!(at(801).is_liquidatable());
    assert!(at(750).is_within_ltv());
    assert!(!at(751).is_within_ltv());
}
