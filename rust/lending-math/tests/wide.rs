//! Products above 128 bits agree with what they must divide back into.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lending_math::price::{check, unit};
use lending_math::state::{Config, Oracle};
use lending_math::wide::{divide, mul_div, mul_div_up, multiply};
use lending_math::Error;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_product_divided_by_a_factor_is_the_other(a in any::<u128>(), b in 1u128..) {
        prop_assert_eq!(divide(multiply(a, b), b), Ok((a, 0)));
        prop_assert_eq!(mul_div(a, b, b), Ok(a));
        prop_assert_eq!(mul_div_up(a, b, b), Ok(a));
    }

    #[test]
    fn quotient_and_rest_make_the_product_again(a in any::<u128>(), b in any::<u128>(), divisor in 1u128..) {
        let product = multiply(a, b);
        match divide(product, divisor) {
            Ok((quotient, rest)) => {
                prop_assert!(rest < divisor);
                let mut again = multiply(quotient, divisor);
                let (low, carry) = again.low.overflowing_add(rest);
                again.low = low;
                again.high += u128::from(carry);
                prop_assert_eq!(again, product);
                prop_assert_eq!(mul_div(a, b, divisor), Ok(quotient));
                let up = quotient.checked_add(u128::from(rest > 0)).ok_or(Error::Overflow);
                prop_assert_eq!(mul_div_up(a, b, divisor), up);
            }
            Err(error) => {
                prop_assert_eq!(error, Error::Overflow);
                prop_assert!(product.high >= divisor);
            }
        }
    }

    #[test]
    fn dividing_twice_rounds_down_as_dividing_once(v in 0u128..1 << 110, b in 0u128..5_000, unit in 1u128..1 << 60) {
        let once = v * (10_000 + b) / (10_000 * unit);
        prop_assert_eq!(mul_div(v, 10_000 + b, 10_000).unwrap() / unit, once);
    }

    #[test]
    fn no_price_panics(price in any::<u64>(), exponent in any::<i32>(), decimals in any::<u8>()) {
        let _ = unit(price, exponent, decimals);
    }
}

#[test]
fn nothing_divides_by_zero() {
    assert_eq!(mul_div(1, 1, 0), Err(Error::Overflow));
    assert_eq!(mul_div_up(u128::MAX, 2, 0), Err(Error::Overflow));
}

fn oracle(price: u64, confidence: u64, slot: u64) -> Oracle {
    Oracle {
        bump: 0,
        exponent: 0,
        authority: [0; 32],
        mint: [0; 32],
        price,
        confidence,
        slot,
        updates: 0,
    }
}

fn config() -> Config {
    let mut bytes = [0; 40];
    bytes[16..18].copy_from_slice(&200u16.to_le_bytes());
    bytes[24] = 50;
    Config::decode(&bytes).unwrap()
}

#[test]
fn a_price_is_believed_up_to_its_age_and_confidence() {
    let now = 1_000;
    assert_eq!(check(&oracle(10_000, 200, 950), &config(), now), Ok(()));
    assert_eq!(check(&oracle(10_000, 200, 1_001), &config(), now), Ok(())); // of the next slot: age 0
    assert_eq!(
        check(&oracle(10_000, 200, 949), &config(), now),
        Err(Error::StalePrice)
    );
    assert_eq!(
        check(&oracle(0, 0, 1_000), &config(), now),
        Err(Error::StalePrice)
    );
    assert_eq!(
        check(&oracle(10_000, 201, 950), &config(), now),
        Err(Error::UncertainPrice)
    );
    assert_eq!(
        check(&oracle(10_000, 201, 949), &config(), now),
        Err(Error::StalePrice)
    );
}
