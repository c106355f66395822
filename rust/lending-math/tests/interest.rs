//! Properties of debt: the index never falls, and no sequence of borrowing and repaying earns the borrower anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lending_math::interest::{debt_of, project, repay, shares_to_borrow};
use lending_math::{Error, SLOTS_PER_YEAR, WAD};
use proptest::prelude::*;

fn indexes() -> impl Strategy<Value = u128> {
    prop_oneof![Just(WAD), WAD..2 * WAD, WAD..1_000_000 * WAD]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_projected_index_never_falls(index in indexes(), rate in 0u32..=1_000_000, slot in any::<u64>(), more in 0u64..SLOTS_PER_YEAR) {
        let now = slot.saturating_add(more);
        let first = project(index, rate, slot, now).unwrap();
        let second = project(index, rate, slot, now.saturating_add(1)).unwrap();
        prop_assert!(index <= first && first <= second);
    }

    #[test]
    fn a_slot_before_the_last_accrual_changes_nothing(index in indexes(), rate in any::<u32>(), slot in any::<u64>(), less in any::<u64>()) {
        prop_assert_eq!(project(index, rate, slot, slot.saturating_sub(less)), Ok(index));
    }

    #[test]
    fn a_loan_is_owed_in_full(tokens in any::<u64>(), index in indexes()) {
        let shares = shares_to_borrow(tokens, index).unwrap();
        match debt_of(shares, index) {
            Ok(debt) => prop_assert!(debt >= tokens),
            Err(error) => prop_assert_eq!(error, Error::Overflow),
        }
    }

    #[test]
    fn repaying_never_lowers_the_debt_by_more_than_was_paid(shares in 1u64..1 << 50, index in WAD..1_000 * WAD, tokens in 1u64..1 << 60) {
        let before = debt_of(shares, index).unwrap();
        match repay(tokens, shares, index) {
            Ok(paid) => {
                prop_assert!(paid.tokens <= tokens);
                let after = debt_of(shares - paid.shares, index).unwrap();
                prop_assert!(before - after <= paid.tokens);
                prop_assert!((paid.shares == shares) == (tokens >= before));
            }
            Err(error) => prop_assert_eq!(error, Error::AmountTooSmall),
        }
    }

    #[test]
    fn no_numbers_panic(index in any::<u128>(), rate in any::<u32>(), slots in any::<(u64, u64)>(), amounts in any::<(u64, u64)>()) {
        let _ = project(index, rate, slots.0, slots.1);
        let _ = shares_to_borrow(amounts.0, index);
        let _ = repay(amounts.0, amounts.1, index);
    }
}

#[test]
fn half_a_year_at_ten_percent_is_five_percent() {
    assert_eq!(
        project(WAD, 1_000, 7, 7 + SLOTS_PER_YEAR / 2),
        Ok(WAD * 105 / 100)
    );
}

#[test]
fn one_slot_at_the_least_rate_rounds_up() {
    assert_eq!(project(WAD, 1, 0, 1), Ok(WAD + 1_268_392)); // 10¹⁸ / (10⁴ · 78 840 000) = 1 268 391.679…
}
