//! Against schoolbook arithmetic on single bits.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::limbs::{add, divide, multiply, sub, Limbs, Reciprocal};
use super::{Decimal, Overflow, Rate, Unit, WAD};

/// Bits of a number, lowest first, in twice its width.
fn bits(number: Limbs) -> Vec<bool> {
    (0..384)
        .map(|bit| bit < 192 && number[bit / 64] >> (bit % 64) & 1 == 1)
        .collect()
}

fn number(bits: &[bool]) -> Option<Limbs> {
    let mut limbs = [0; 3];
    for (place, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
        *limbs.get_mut(place / 64)? |= 1 << (place % 64);
    }
    Some(limbs)
}

fn slow_add(a: &[bool], b: &[bool]) -> Vec<bool> {
    let mut carry = 0;
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let sum = u8::from(*a) + u8::from(*b) + carry;
            carry = sum / 2;
            sum % 2 == 1
        })
        .collect()
}

fn slow_multiply(a: Limbs, b: Limbs) -> Option<Limbs> {
    let mut product = vec![false; 384];
    for (place, _) in bits(b).iter().enumerate().filter(|(_, bit)| **bit) {
        let mut shifted = vec![false; place];
        shifted.extend(bits(a));
        shifted.truncate(384);
        product = slow_add(&product, &shifted);
    }
    number(&product)
}

fn any_limbs() -> impl Strategy<Value = Limbs> {
    let limb = prop_oneof![
        any::<u64>(),
        Just(0),
        Just(u64::MAX),
        0..9u64,
        Just(1 << 63)
    ];
    (limb.clone(), limb.clone(), limb, 0..193u32).prop_map(|(a, b, c, width)| {
        let kept = |at: u32| match width.saturating_sub(64 * at) {
            0 => 0,
            bits @ 1..64 => (1u64 << bits) - 1,
            _ => u64::MAX,
        };
        [a & kept(0), b & kept(1), c & kept(2)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_sum_carries_and_a_difference_undoes_it(a in any_limbs(), b in any_limbs()) {
        let sum = add(a, b);
        prop_assert_eq!(sum, number(&slow_add(&bits(a), &bits(b))));
        if let Some(sum) = sum {
            prop_assert_eq!(sub(sum, b), Some(a));
            prop_assert_eq!(sub(sum, a), Some(b));
        }
        prop_assert_eq!(sub(a, b).is_none(), Decimal(a) < Decimal(b));
    }

    #[test]
    fn a_product_is_exact_or_none(a in any_limbs(), b in any_limbs()) {
        prop_assert_eq!(multiply(a, b), slow_multiply(a, b));
    }

    #[test]
    fn a_quotient_is_the_largest_whose_product_is_not_above(n in any_limbs(), d in any_limbs()) {
        let Some(quotient) = divide(n, d) else {
            prop_assert_eq!(d, [0; 3]);
            return Ok(());
        };
        let below = multiply(quotient, d).and_then(|product| sub(n, product));
        prop_assert!(below.is_some_and(|rest| Decimal(rest) < Decimal(d)), "{:?}", quotient);
    }

    #[test]
    fn a_reciprocal_divides_like_division(n in any_limbs(), d in 1..=u64::MAX) {
        prop_assert_eq!(Some(Reciprocal::of(d).divide(n)), divide(n, [d, 0, 0]));
        let narrow = u128::from(n[1]) << 64 | u128::from(n[0]);
        prop_assert_eq!(Reciprocal::of(d).divide_u128(narrow), narrow / u128::from(d));
    }

    #[test]
    fn one_division_by_a_unit_is_two_floors(a in any_limbs(), b in any_limbs(), digits in 0..=9u8) {
        let unit = Unit::of(digits).unwrap();
        let tenfold = Reciprocal::of(10u64.pow(digits.into()));
        if let Ok(slow) = Decimal(a).try_mul(Decimal(b)) {
            prop_assert_eq!(Decimal(a).mul_over(Decimal(b), &unit), Ok(Decimal(tenfold.divide(slow.0))));
        }
    }

    #[test]
    fn a_rate_and_a_decimal_agree_where_both_fit(a in any::<u128>(), b in any::<u128>()) {
        if let Ok(product) = Rate(a).try_mul(Rate(b)) {
            prop_assert_eq!(Decimal::scaled(a).try_mul(Decimal::scaled(b)), Ok(product.into()));
        }
        if let Ok(quotient) = Rate(a).try_div(Rate(b)) {
            prop_assert_eq!(Decimal::scaled(a).try_div(Decimal::scaled(b)), Ok(quotient.into()));
        }
    }
}

#[test]
fn whole_numbers_round_as_their_names_say() {
    let value = |scaled| Decimal::scaled(scaled);
    let wad = u128::from(WAD);
    assert_eq!(value(wad * 5 / 2).floor(), Ok(2));
    assert_eq!(value(wad * 5 / 2).ceil(), Ok(3));
    assert_eq!(value(wad * 5 / 2).round(), Ok(3));
    assert_eq!(value(wad * 5 / 2 - 1).round(), Ok(2));
    assert_eq!(value(2 * wad).ceil(), Ok(2));
    assert_eq!(Decimal::whole(1 << 64).floor(), Err(Overflow));
}

#[test]
fn a_power_squares_once_more_than_it_needs() {
    // 18.44² · 10³⁶ is just above 2¹²⁸: the square after the last one decides.
    let base = Rate(18_450_000_000_000_000_000);
    assert_eq!(base.pow(0), Ok(Rate::ONE));
    assert_eq!(base.pow(1), Err(Overflow));
    assert_eq!(
        Rate(18_440_000_000_000_000_000).pow(1).map(|rate| rate.0),
        Ok(18_440_000_000_000_000_000)
    );
}
