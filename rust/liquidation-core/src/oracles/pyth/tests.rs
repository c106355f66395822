//! Both layouts on bytes laid out by hand.
#![allow(clippy::unwrap_used)]

use super::{LegacyPrice, Price, PriceUpdate, Verification, LEGACY_LENGTH, PRICE_UPDATE_V2};

fn update(level: &[u8]) -> Vec<u8> {
    let mut data = [&PRICE_UPDATE_V2[..], &[9; 32], level, &[7; 32]].concat();
    data.extend(1_234i64.to_le_bytes());
    data.extend(5u64.to_le_bytes());
    data.extend((-8i32).to_le_bytes());
    data.extend(1_000i64.to_le_bytes());
    data.extend(999i64.to_le_bytes());
    data.extend(1_200i64.to_le_bytes());
    data.extend(6u64.to_le_bytes());
    data.extend(77u64.to_le_bytes());
    data
}

#[test]
fn a_partial_verification_shifts_what_follows_by_a_byte() {
    for (level, verification) in [
        (&[1][..], Verification::Full),
        (&[0, 5], Verification::Partial(5)),
    ] {
        let update = PriceUpdate::decode(&update(level)).unwrap();
        let price = |mantissa, confidence| Price {
            mantissa,
            confidence,
            exponent: -8,
        };
        assert_eq!((update.verification, update.feed), (verification, [7; 32]));
        assert_eq!(
            (update.price, update.average),
            (price(1_234, 5), price(1_200, 6))
        );
        assert_eq!((update.publish_time, update.posted_slot), (1_000, 77));
    }
}

#[test]
fn what_is_cut_off_or_has_another_discriminator_is_no_update() {
    let data = update(&[1]);
    assert!((0..data.len()).all(|length| PriceUpdate::decode(&data[..length]).is_none()));
    assert!(PriceUpdate::decode(&[&data[..], &[0; 9]].concat()).is_some());
    assert!(PriceUpdate::decode(&update(&[2])).is_none());
    let mut other = data;
    other[0] ^= 1;
    assert!(PriceUpdate::decode(&other).is_none());
}

#[test]
fn an_update_is_fresh_up_to_its_age_and_in_the_future() {
    let update = PriceUpdate::decode(&update(&[1])).unwrap();
    assert!(update.no_older_than(120, 1_120));
    assert!(!update.no_older_than(120, 1_121));
    assert!(update.no_older_than(0, i64::MIN));
}

#[test]
fn a_legacy_price_falls_back_to_the_one_before_it() {
    let mut data = vec![0; LEGACY_LENGTH];
    let mut put = |at: usize, bytes: &[u8]| data[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &0xa1b2_c3d4u32.to_le_bytes());
    put(4, &2u32.to_le_bytes());
    put(8, &3u32.to_le_bytes());
    put(176, &900u64.to_le_bytes());
    put(184, &10i64.to_le_bytes());
    put(208, &11i64.to_le_bytes());
    put(224, &1u32.to_le_bytes());
    put(232, &950u64.to_le_bytes());
    let mantissa = |data: &[u8], slots, now| {
        let price = LegacyPrice::decode(data).unwrap().no_older_than(slots, now);
        price.map(|price| price.mantissa)
    };
    assert_eq!(mantissa(&data, 50, 1_000), Some(11));
    assert_eq!(mantissa(&data, 49, 1_000), None);
    data[224] = 0; // not trading
    assert_eq!(mantissa(&data, 100, 1_000), Some(10));
    assert_eq!(
        LegacyPrice::decode(&data).unwrap().whatever_age().mantissa,
        10
    );
    assert!(LegacyPrice::decode(&data[..LEGACY_LENGTH - 1]).is_none());
    data[8] = 2; // a product, not a price
    assert!(LegacyPrice::decode(&data).is_none());
}
