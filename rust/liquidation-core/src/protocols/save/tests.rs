//! The tables of the program's own repository: bonus, liquidation amounts and the protocol's fee.
#![allow(clippy::unwrap_used)]

use super::amounts::{Amounts, Bonus};
use super::fault::{Outcome, OBLIGATION_HEALTHY};
use super::obligation::{Borrow, Deposit, Obligation, OBLIGATION_LENGTH};
use super::reserve::{Reserve, RESERVE_LENGTH};
use crate::fixed::wad::Decimal;

/// Hundredths.
fn cents(value: u128) -> Decimal {
    Decimal::scaled(value * 10_000_000_000_000_000)
}

fn whole(value: u128) -> Decimal {
    Decimal::whole(value)
}

fn reserve(bonus: u8, max_bonus: u8, fee: u8) -> Reserve {
    let mut data = [0; RESERVE_LENGTH];
    data[0] = 1;
    data[301] = bonus;
    data[371] = fee;
    data[479] = max_bonus;
    Reserve::decode(&data).unwrap()
}

fn obligation(
    borrowed: u128,
    unhealthy: u128,
    super_unhealthy: u128,
    closeable: bool,
) -> Obligation {
    let mut data = [0; OBLIGATION_LENGTH];
    data[0] = 1;
    Obligation {
        borrowed: whole(borrowed),
        unhealthy: whole(unhealthy),
        super_unhealthy: whole(super_unhealthy),
        closeable,
        ..Obligation::decode(&data).unwrap()
    }
}

fn total(values: (u128, u128, u128, bool), config: (u8, u8, u8)) -> Outcome<Decimal> {
    let (borrowed, unhealthy, super_unhealthy, closeable) = values;
    let obligation = obligation(borrowed, unhealthy, super_unhealthy, closeable);
    Bonus::of(&reserve(config.0, config.1, config.2).config, &obligation).map(|bonus| bonus.total)
}

#[test]
fn the_bonus_grows_from_unhealthy_to_super_unhealthy() {
    let usual = (10, 20, 10);
    for (values, config, expected) in [
        ((100, 101, 150, true), usual, 0),
        ((100, 100, 150, false), usual, 11),
        ((100, 50, 150, false), usual, 16),
        ((100, 50, 100, false), usual, 21),
        ((200, 50, 100, false), usual, 21),
        ((60, 50, 50, false), usual, 11),
        ((60, 40, 60, false), (10, 30, 10), 25),
        ((60, 40, 60, false), (30, 30, 30), 25),
    ] {
        assert_eq!(
            total(values, config),
            Ok(cents(expected)),
            "{values:?} {config:?}"
        );
    }
    assert_eq!(
        total((100, 101, 150, false), usual),
        Err(OBLIGATION_HEALTHY)
    );
}

#[test]
fn a_liquidation_closes_a_fifth_or_all_of_a_small_debt() {
    // deposit: tokens, cents of value; debt: units, cents of value; bonus %: settle, repay, withdraw
    for (deposit, debt, bonus, expected) in [
        ((1_000, 10_000), (800, 8_000), 5, (160, 160, 168)),
        ((1_680, 168_000), (8_000, 800_000), 5, (1_600, 1_600, 1_680)),
        ((840, 84_000), (8_000, 800_000), 5, (800, 800, 840)),
        ((100, 100), (100, 50), 5, (100, 100, 52)),
        ((1_000, 105), (1, 100), 5, (1, 1, 1_000)),
        ((1, 1_000), (1, 100), 5, (1, 1, 1)),
        ((100, 10_000), (100, 10_000), 0, (20, 20, 20)),
    ] {
        let deposit = Deposit {
            reserve: [1; 32],
            shares: deposit.0,
            value: cents(deposit.1),
            attributed: Decimal::ZERO,
        };
        let borrow = Borrow {
            reserve: [2; 32],
            index: Decimal::ONE,
            amount: whole(debt.0),
            value: cents(debt.1),
        };
        let bonus = Bonus {
            total: cents(bonus),
            protocol: Decimal::ZERO,
        };
        let mut obligation = obligation(0, 0, 0, false);
        obligation.borrowed = borrow.value;
        let amounts = Amounts::of(u64::MAX, &obligation, &borrow, &deposit, &bonus);
        let (settle, repay, withdraw) = expected;
        let settle = whole(settle);
        assert_eq!(
            amounts,
            Ok(Amounts {
                settle,
                repay,
                withdraw
            }),
            "{deposit:?} {borrow:?}"
        );
    }
}

#[test]
fn the_protocol_takes_its_part_of_what_is_not_bonus_and_at_least_one() {
    // liquidity, total bonus %, fee in 10⁻³
    for (liquidity, total, fee, expected) in [
        (105, 5, 10, 1),
        (105, 5, 20, 2),
        (10_000, 5, 0, 1),
        (10_000, 1, 10, 100),
    ] {
        let bonus = Bonus {
            total: cents(total),
            protocol: Decimal::bps(fee * 10),
        };
        assert_eq!(bonus.protocol_fee(liquidity), Ok(expected));
    }
}

#[test]
fn what_older_versions_left_at_zero_is_filled_in() {
    let mut data = [0; RESERVE_LENGTH];
    data[0] = 1;
    (data[299], data[301], data[302], data[305]) = (80, 5, 75, 50);
    data[371] = 255;
    let reserve = Reserve::decode(&data).unwrap();
    let config = &reserve.config;
    assert_eq!(
        (
            config.max_utilization,
            config.max_bonus,
            config.max_threshold
        ),
        (80, 5, 75)
    );
    assert_eq!(
        (config.super_max_rate, config.protocol_fee_deca_bps),
        (50, 50)
    );
    assert_eq!(
        (config.attributed_open, config.attributed_close),
        (u64::MAX, u64::MAX)
    );
    let before = data;
    reserve.encode(&mut data).unwrap();
    let changed: Vec<_> = (0..RESERVE_LENGTH)
        .filter(|at| data[*at] != before[*at])
        .collect();
    let limits: Vec<_> = (554..570).collect();
    assert_eq!(changed, [vec![371, 470, 471, 479, 480], limits].concat());
}

#[test]
fn an_account_of_another_length_version_or_truth_value_is_none() {
    let mut data = vec![0; RESERVE_LENGTH];
    assert!(Reserve::decode(&data).is_err()); // version 0: never written
    data[0] = 1;
    assert!(Reserve::decode(&data).is_ok());
    for (at, value) in [(0, 2), (9, 2), (469, 2), (521, 2)] {
        let mut data = data.clone();
        data[at] = value;
        assert!(Reserve::decode(&data).is_err(), "byte {at}");
    }
    data.push(0);
    assert!(Reserve::decode(&data).is_err());
    let mut data = vec![0; OBLIGATION_LENGTH];
    data[0] = 1;
    (data[202], data[203]) = (1, 9);
    assert!(Obligation::decode(&data).is_ok());
    data[203] = 10; // 88 + 10·112 bytes do not fit
    assert!(Obligation::decode(&data).is_err());
}
