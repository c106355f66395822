//! After any sequence of accounts and ticks the book's set is the one that judging everybody anew gives, and each crossing
//! was told exactly once.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::*;
use lending_math::state::Side::{Collateral, Debt};
use lending_math::Pubkey;
use liquidation_core::book::{Account, Book, Change};
use proptest::collection::vec;
use proptest::prelude::*;

const RESERVES: u8 = 4;
const POSITIONS: u8 = 6;

#[derive(Clone, Debug)]
enum Step {
    Take(State),
    Tick(u64),
    Batch(Vec<State>, u64),
    Rearm(u8),
    Restore,
}

fn slots() -> impl Strategy<Value = u64> {
    prop_oneof![1..40u64, 1..400u64, 1..2_000_000u64]
}

/// Prices in cents near one USD, where the positions below are near their limit.
fn oracles() -> impl Strategy<Value = State> {
    let price = prop_oneof![Just(0), 60..140u64, Just(u64::MAX)];
    let confidence = prop_oneof![4 => Just(0), 1 => 0..5u64];
    (0..RESERVES, price, confidence, slots(), slots()).prop_map(
        |(number, price, confidence, set, slot)| {
            State::new(
                oracle_at(number),
                slot,
                oracle_data(number, price, confidence, set),
            )
        },
    )
}

fn reserves() -> impl Strategy<Value = State> {
    let index = prop_oneof![1.0..3.0f64, Just(1e20)];
    let rate = prop_oneof![Just(0u32), 1..1_000_001u32];
    let age = prop_oneof![1..500u64, Just(u64::MAX)];
    (0..RESERVES, index, rate, age, slots(), slots()).prop_map(
        |(number, index, rate, age, accrued, slot)| {
            let mut stored = reserve(number);
            stored.borrow_index = (index * 1e18) as u128;
            stored.accrued_slot = accrued;
            (
                stored.config.interest_rate_bps,
                stored.config.max_oracle_age_slots,
            ) = (rate, age);
            State::new(reserve_at(number), slot, reserve_data(&stored))
        },
    )
}

/// Positions whose debt is within a millionth, a thousandth or a half of what their collateral carries at one USD.
fn positions() -> impl Strategy<Value = State> {
    let closeness = prop_oneof![-1e-6..1e-6f64, -1e-3..1e-3f64, -0.5..0.5f64];
    let size = prop_oneof![
        1u64..1_000,
        1_000_000u64..1_000_000_000_000,
        Just(u64::MAX / 2)
    ];
    let legs = (0..RESERVES, 1..RESERVES, size, closeness, 0..6u8);
    (0..POSITIONS, legs, 0..3u64, slots()).prop_map(|(number, legs, version, slot)| {
        let (first, step, size, closeness, shape) = legs;
        let debt = ((size as f64 * 0.8 / 1.1 * (1.0 + closeness)) as u64).max(1);
        let second = (first + step) % RESERVES;
        let legs: &[_] = match shape {
            0 => &[],
            1 => &[(first, Debt, debt)],
            2 => &[(first, Collateral, size)],
            _ => &[(first, Collateral, size), (second, Debt, debt)],
        };
        State::new(
            position_at(number),
            slot,
            position_data(version, slot, legs),
        )
    })
}

fn others() -> impl Strategy<Value = State> {
    let closed = (1..4u8, 0..POSITIONS, slots())
        .prop_map(|(kind, number, slot)| State::new(address(kind, number), slot, vec![]));
    let market = (any::<bool>(), slots())
        .prop_map(|(paused, slot)| State::new(MARKET, slot, market_data(paused)));
    prop_oneof![closed, market]
}

fn states() -> impl Strategy<Value = State> {
    prop_oneof![4 => oracles(), 2 => reserves(), 6 => positions(), 1 => others()]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => states().prop_map(Step::Take),
        3 => slots().prop_map(Step::Tick),
        2 => (vec(states(), 0..6), slots()).prop_map(|(states, slot)| Step::Batch(states, slot)),
        1 => (0..POSITIONS).prop_map(Step::Rearm),
        1 => Just(Step::Restore),
    ]
}

/// What was told so far, kept beside the book: who is known to need an act, and for whom that was said.
#[derive(Default)]
struct Told {
    needing: BTreeSet<Pubkey>,
    said: BTreeSet<Pubkey>,
}

impl Told {
    fn check(&mut self, change: &Change, needing: &[Pubkey]) {
        let needing: BTreeSet<_> = needing.iter().copied().collect();
        let crossed: Vec<_> = needing.difference(&self.said).copied().collect();
        let recovered: Vec<_> = self.needing.difference(&needing).copied().collect();
        assert_eq!(change.crossed, crossed, "crossings");
        assert_eq!(change.recovered, recovered, "recoveries");
        self.said = needing.clone();
        self.needing = needing;
    }
}

fn accounts(states: &[State]) -> Vec<Account<'_>> {
    states.iter().map(State::account).collect()
}

/// The part of a position's bytes that makes its need another one: version and legs.
fn material(chain: &Chain, address: &Pubkey) -> Option<Vec<u8>> {
    let state = chain
        .accounts
        .get(address)
        .filter(|state| !state.data.is_empty())?;
    Some([&state.data[10..11], &state.data[88..96], &state.data[104..]].concat())
}

fn note(chain: &mut Chain, told: &mut Told, state: &State) {
    let before = material(chain, &state.address);
    if chain.take(state) && state.address[0] == 3 && material(chain, &state.address) != before {
        told.said.remove(&state.address);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_set_is_the_recomputed_one_and_each_crossing_is_told_once(steps in vec(steps(), 1..40)) {
        let (mut book, mut chain) = book(RESERVES, 1);
        let (mut told, mut rearmed) = (Told::default(), BTreeSet::new());
        for step in steps {
            let change = match &step {
                Step::Take(state) => {
                    note(&mut chain, &mut told, state);
                    book.apply(&state.account()).unwrap()
                }
                Step::Tick(slot) => {
                    told.said.retain(|address| !rearmed.contains(address));
                    rearmed.clear();
                    book.tick(*slot, 0)
                }
                Step::Batch(states, slot) => {
                    told.said.retain(|address| !rearmed.contains(address));
                    rearmed.clear();
                    states.iter().for_each(|state| note(&mut chain, &mut told, state));
                    book.tick_accounts(&accounts(states), *slot, 0).unwrap()
                }
                Step::Rearm(number) => {
                    book.rearm(&position_at(*number));
                    rearmed.insert(position_at(*number));
                    continue;
                }
                Step::Restore => {
                    let written = book.to_bytes();
                    book = Book::from_bytes(&written).unwrap();
                    prop_assert_eq!(book.to_bytes(), written);
                    continue;
                }
            };
            let needing = chain.needing(book.clock().0);
            prop_assert_eq!(book.liquidatable(), needing.clone());
            // an apply that happens to judge a rearmed position may already tell it again
            told.said.retain(|address| !(rearmed.contains(address) && change.crossed.contains(address)));
            rearmed.retain(|address| !change.crossed.contains(address) && needing.contains(address));
            told.check(&change, &needing);
        }
    }

    #[test]
    fn a_snapshot_that_was_cut_or_changed_is_refused(states in vec(states(), 0..12), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut book = Book::new(PROGRAM, MARKET);
        states.iter().for_each(|state| { book.apply(&state.account()).unwrap(); });
        let mut bytes = book.to_bytes();
        let at = at.index(bytes.len());
        prop_assert!(Book::from_bytes(&bytes[..at]).is_err());
        bytes[at] ^= 1 << bit;
        prop_assert!(Book::from_bytes(&bytes).is_err());
    }

    #[test]
    fn the_order_of_updates_does_not_matter(states in vec(states(), 0..25), now in slots(), seed in any::<u64>()) {
        let mut distinct: Vec<State> = Vec::new();
        for state in states {
            if distinct.iter().all(|other| (other.address, other.slot) != (state.address, state.slot)) {
                distinct.push(state);
            }
        }
        let mut shuffled = distinct.clone();
        shuffled.sort_by_key(|state| (state.slot ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ u64::from(state.address[1])));
        let told = |states: &[State]| {
            let mut book = Book::new(PROGRAM, MARKET);
            states.iter().for_each(|state| { book.apply(&state.account()).unwrap(); });
            book.tick(now, 0);
            (book.liquidatable(), book.lines(None), book.addresses())
        };
        prop_assert_eq!(told(&distinct), told(&shuffled));
    }
}
