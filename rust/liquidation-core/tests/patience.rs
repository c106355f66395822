//! A verdict holds until its next look, however small, large or close to the limit the figures are.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use lending_math::state::Side::{Collateral, Debt};
use lending_math::state::{Oracle, Reserve, Side};
use liquidation_core::protocols::reference::health::{judge, Judgement, LegAt};
use liquidation_core::protocols::reference::patience::next_look;
use liquidation_core::protocols::reference::pricing::Standing;
use proptest::prelude::*;

/// Two reserves and a position between them.
#[derive(Clone, Debug)]
struct Pair {
    reserves: [Reserve; 2],
    oracles: [Oracle; 2],
    legs: [(Side, u64); 2],
}

impl Pair {
    fn at(&self, now: u64) -> ([Standing; 2], Judgement) {
        let of = |place: usize| {
            Standing::of(Some(&self.reserves[place]), Some(&self.oracles[place]), now)
        };
        let standings = [of(0), of(1)];
        let judgement = judge(self.legs_at(&standings), false);
        (standings, judgement)
    }

    fn legs_at<'a>(
        &'a self,
        standings: &'a [Standing; 2],
    ) -> impl Iterator<Item = LegAt<'a>> + Clone {
        let both = self.legs.iter().zip(standings);
        both.map(|((side, amount), reserve)| LegAt {
            side: *side,
            amount: *amount,
            reserve,
        })
    }

    fn look(&self, now: u64) -> (bool, u64) {
        let (standings, judgement) = self.at(now);
        (
            judgement.verdict.needs_an_act(),
            next_look(self.legs_at(&standings), &judgement, now),
        )
    }

    fn needs_an_act(&self, now: u64) -> bool {
        self.at(now).1.verdict.needs_an_act()
    }
}

fn oracle(price: u64) -> Oracle {
    Oracle::decode(&oracle_data(0, price, 0, 1)).unwrap()
}

fn pairs() -> impl Strategy<Value = Pair> {
    let shares = prop_oneof![
        1..50u64,
        1..1_000_000_000_000u64,
        (0..1_000u64).prop_map(|less| u64::MAX - less)
    ];
    let index = prop_oneof![
        Just(10u128.pow(18)),
        10u128.pow(18)..2 * 10u128.pow(18),
        Just(10u128.pow(30))
    ];
    let rate = prop_oneof![Just(0), 1..1_000u32, 1..1_000_001u32];
    let age = prop_oneof![1..1_000_000u64, Just(u64::MAX)];
    let more = prop_oneof![Just(0u64), 0..40u64, 0..10_000_000u64];
    let decimals = prop_oneof![Just(0u8), Just(6), Just(9)];
    (shares, index, rate, age, more, decimals, 1..1_000u64).prop_map(
        |(shares, index, rate, age, more, decimals, price)| {
            let mut reserves = [reserve(0), reserve(1)];
            reserves[1].borrow_index = index;
            reserves[1].decimals = decimals;
            reserves[0].config.liquidation_threshold_bps = 10_000;
            reserves[1].config.borrow_factor_bps = 10_000;
            reserves[1].config.interest_rate_bps = rate;
            reserves
                .iter_mut()
                .for_each(|reserve| reserve.config.max_oracle_age_slots = age);
            let oracles = [oracle(100), oracle(price)];
            // collateral worth the debt now, and some smallest units more
            let debt = (u128::from(shares) * u128::from(price))
                .saturating_mul(index.div_ceil(1_000))
                / 10u128.pow(15);
            let worth = debt.saturating_mul(10u128.pow(6)) / 10u128.pow(u32::from(decimals)) / 100;
            let collateral = u64::try_from(worth)
                .unwrap_or(u64::MAX)
                .saturating_add(more)
                .max(1);
            Pair {
                reserves,
                oracles,
                legs: [(Collateral, collateral), (Debt, shares)],
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_verdict_changes_before_its_next_look(pair in pairs(), now in 1..1_000_000u64, part in 0.0..1.0f64) {
        let (needs, look) = pair.look(now);
        prop_assert!(look > now);
        // debts only grow and prices only age, so the last slot before the look speaks for most of the way
        let last = (look - 1).min(now + (1 << 40));
        let between = now + ((last - now) as f64 * part) as u64;
        for slot in [between.min(last), last] {
            prop_assert_eq!(pair.needs_an_act(slot), needs, "at {} of {}..{}", slot, now, look);
        }
    }
}

#[test]
fn a_well_covered_position_is_left_alone_for_long() {
    let mut pair = Pair {
        reserves: [reserve(0), reserve(1)],
        oracles: [oracle(100), oracle(100)],
        legs: [(Collateral, 200_000_000), (Debt, 72_000_000)],
    };
    pair.reserves[1].config.interest_rate_bps = 1_000;
    let (needs, look) = pair.look(1);
    assert!(!needs);
    assert!(
        look > 70_000_000,
        "ten percent a year doubles nothing before slot {look}"
    );
}
