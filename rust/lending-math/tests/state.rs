//! Accounts: what is encoded is decoded again, and no bytes make decoding panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lending_math::config::validate;
use lending_math::state::{
    kind_of, Config, InsuranceFund, Kind, Market, Oracle, Position, Reserve, Side, CONFIG_LEN,
    INSURANCE_FUND_LEN, MARKET_LEN, ORACLE_LEN, POSITION_LEN, RESERVE_LEN,
};
use lending_math::{Error, WAD};
use proptest::prelude::*;

fn config() -> Config {
    Config {
        ltv_bps: 7_500,
        liquidation_threshold_bps: 8_000,
        borrow_factor_bps: 10_000,
        min_bonus_bps: 200,
        max_bonus_bps: 1_000,
        close_factor_bps: 5_000,
        protocol_fee_bps: 1_000,
        max_confidence_bps: 200,
        interest_rate_bps: 500,
        max_oracle_age_slots: 100,
        dust_limit_micro_usd: 1_000_000,
    }
}

fn reserve() -> Reserve {
    Reserve {
        bump: 254,
        decimals: 9,
        market: [1; 32],
        mint: [2; 32],
        vault: [3; 32],
        oracle: [4; 32],
        config: config(),
        total_deposits: 5,
        total_debt_shares: 6,
        borrow_index: WAD + 7,
        accrued_slot: 8,
        bad_debt_total: 9,
        bad_debt_covered: 10,
        liquidations: 11,
    }
}

fn position() -> Position {
    let mut position = Position::new(255, [1; 32], [2; 32], 3);
    position.increase(&[4; 32], Side::Collateral, 40).unwrap();
    position.increase(&[5; 32], Side::Debt, 50).unwrap();
    position.increase(&[6; 32], Side::Collateral, 60).unwrap();
    position
}

#[test]
fn every_account_comes_back_as_it_was_written() {
    let mut bytes = [0xFF; RESERVE_LEN];
    reserve().encode(&mut bytes).unwrap();
    assert_eq!(Reserve::decode(&bytes), Ok(reserve()));
    assert_eq!(kind_of(&bytes), Some(Kind::Reserve));

    let mut bytes = [0xFF; POSITION_LEN];
    position().encode(&mut bytes).unwrap();
    assert_eq!(Position::decode(&bytes), Ok(position()));

    let market = Market {
        bump: 1,
        paused: true,
        owner: [2; 32],
        insurance_authority: [3; 32],
        id: 4,
        reserve_count: 5,
        creator: [6; 32],
    };
    let mut bytes = [0xFF; MARKET_LEN];
    market.encode(&mut bytes).unwrap();
    assert_eq!(Market::decode(&bytes), Ok(market));

    let oracle = Oracle {
        bump: 1,
        exponent: -8,
        authority: [2; 32],
        mint: [3; 32],
        price: 4,
        confidence: 5,
        slot: 6,
        updates: 7,
    };
    let mut bytes = [0xFF; ORACLE_LEN];
    oracle.encode(&mut bytes).unwrap();
    assert_eq!(Oracle::decode(&bytes), Ok(oracle));

    let fund = InsuranceFund {
        bump: 1,
        mint: [2; 32],
        vault: [3; 32],
        contributed: 4,
        fees: 5,
        covered: 6,
        market: [7; 32],
    };
    let mut bytes = [0xFF; INSURANCE_FUND_LEN];
    fund.encode(&mut bytes).unwrap();
    assert_eq!(InsuranceFund::decode(&bytes), Ok(fund));
}

#[test]
fn a_position_with_an_impossible_leg_is_refused() {
    let mut bytes = [0; POSITION_LEN];
    position().encode(&mut bytes).unwrap();
    let damaged = [
        (10, 9),
        (104 + 40, 0),
        (104 + 40, 3),
        (104 + 32, 0),
        (104 + 48, 4),
        (8, 2),
        (0, 0),
    ];
    for (offset, value) in damaged {
        let mut bytes = bytes;
        if offset == 104 + 48 {
            bytes[104 + 48..104 + 80].fill(value); // the first leg's reserve again
        } else {
            bytes[offset] = value;
        }
        assert_eq!(
            Position::decode(&bytes),
            Err(Error::InvalidAccount),
            "offset {offset}"
        );
    }
}

#[test]
fn a_leg_that_becomes_zero_is_removed_and_the_later_ones_move_up() {
    let mut position = position();
    position.decrease(&[4; 32], Side::Collateral, 40).unwrap();
    let reserves: Vec<u8> = position.legs().iter().map(|leg| leg.reserve[0]).collect();
    assert_eq!(reserves, [5, 6]);
    assert_eq!(
        position.decrease(&[5; 32], Side::Collateral, 1),
        Err(Error::WrongSide)
    );
    assert_eq!(
        position.decrease(&[5; 32], Side::Debt, 51),
        Err(Error::Overflow)
    );
    assert_eq!(
        position.decrease(&[4; 32], Side::Debt, 1),
        Err(Error::LegNotFound)
    );
    for reserve in 10..16 {
        position.increase(&[reserve; 32], Side::Debt, 1).unwrap();
    }
    assert_eq!(
        position.increase(&[9; 32], Side::Debt, 1),
        Err(Error::TooManyLegs)
    );
}

#[test]
fn a_configuration_works_or_is_refused() {
    assert_eq!(validate(&config()), Ok(()));
    let refused = [
        Config {
            ltv_bps: 8_000,
            ..config()
        },
        Config {
            liquidation_threshold_bps: 10_001,
            ..config()
        },
        Config {
            borrow_factor_bps: 9_999,
            ..config()
        },
        Config {
            borrow_factor_bps: 100_001,
            ..config()
        },
        Config {
            min_bonus_bps: 1_001,
            ..config()
        },
        Config {
            max_bonus_bps: 2_500,
            ..config()
        }, // 0.8 · 1.25 = 1
        Config {
            max_bonus_bps: 5_001,
            liquidation_threshold_bps: 100,
            ltv_bps: 1,
            ..config()
        },
        Config {
            close_factor_bps: 0,
            ..config()
        },
        Config {
            protocol_fee_bps: 10_001,
            ..config()
        },
        Config {
            max_confidence_bps: 0,
            ..config()
        },
        Config {
            max_oracle_age_slots: 0,
            ..config()
        },
        Config {
            interest_rate_bps: 1_000_001,
            ..config()
        },
    ];
    for config in refused {
        assert_eq!(validate(&config), Err(Error::InvalidConfig), "{config:?}");
    }
    assert_eq!(
        validate(&Config {
            max_bonus_bps: 2_499,
            ..config()
        }),
        Ok(())
    );
}

#[test]
fn a_refusals_code_names_it() {
    for (place, error) in Error::ALL.into_iter().enumerate() {
        assert_eq!(error.code(), 6_000 + u32::try_from(place).unwrap());
        assert_eq!(Error::from_code(error.code()), Some(error));
    }
    assert_eq!(Error::from_code(5_999), None);
    assert_eq!(Error::from_code(6_024), None);
}

/// Bytes of a kind's length that begin like one of its accounts.
fn nearly(len: usize, discriminator: [u8; 8]) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), len).prop_map(move |mut bytes| {
        bytes[..8].copy_from_slice(&discriminator);
        bytes[8] = 1;
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = (Market::decode(&bytes), Reserve::decode(&bytes), Oracle::decode(&bytes));
        let _ = (Position::decode(&bytes), InsuranceFund::decode(&bytes), Config::decode(&bytes), kind_of(&bytes));
    }

    #[test]
    fn what_decodes_as_a_position_encodes_to_the_same_legs(bytes in nearly(POSITION_LEN, lending_math::state::POSITION), count in 0u8..10) {
        let mut bytes = bytes;
        bytes[10] = count;
        for place in 0..8 {
            bytes[104 + 48 * place + 40] = 1 + bytes[104 + 48 * place + 40] % 2;
        }
        if let Ok(position) = Position::decode(&bytes) {
            let mut again = [0; POSITION_LEN];
            position.encode(&mut again).unwrap();
            prop_assert_eq!(Position::decode(&again), Ok(position));
        } else {
            prop_assert!(count > 8);
        }
    }

    #[test]
    fn what_decodes_as_a_reserve_encodes_to_the_same(bytes in nearly(RESERVE_LEN, lending_math::state::RESERVE)) {
        let mut bytes = bytes;
        bytes[162..164].fill(0);
        bytes[215] = 1;
        let reserve = Reserve::decode(&bytes).unwrap();
        let mut again = [0; RESERVE_LEN];
        reserve.encode(&mut again).unwrap();
        prop_assert_eq!(Reserve::decode(&again), Ok(reserve));
    }
}

#[test]
fn the_configuration_is_forty_bytes() {
    let mut bytes = [0xFF; CONFIG_LEN];
    config().encode(&mut bytes).unwrap();
    assert_eq!(Config::decode(&bytes), Ok(config()));
    bytes[18] = 1;
    assert_eq!(Config::decode(&bytes), Err(Error::InvalidConfig));
}
