//! What the book promises, one promise a test.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use lending_math::state::Side::{Collateral, Debt};
use liquidation_core::protocols::reference::health::{Reason, Verdict};
use liquidation_core::CoreError;

/// 100 tokens at one USD carry 72.72… tokens of debt: 100·0.8 / 1.1.
const LEGS: [(u8, lending_math::state::Side, u64); 2] =
    [(0, Collateral, 100_000_000), (1, Debt, 72_000_000)];

const NONE: [lending_math::Pubkey; 0] = [];

fn with_position() -> (liquidation_core::book::Book, Chain) {
    let (mut book, chain) = book(2, 1);
    let position = State::new(position_at(0), 1, position_data(0, 1, &LEGS));
    assert_eq!(book.apply(&position.account()).unwrap().crossed, NONE);
    (book, chain)
}

fn price(number: u8, price: u64, slot: u64) -> State {
    State::new(oracle_at(number), slot, oracle_data(number, price, 0, slot))
}

#[test]
fn a_fall_of_the_collateral_is_a_crossing_and_its_return_a_recovery() {
    let (mut book, _) = with_position();
    let fallen = book.apply(&price(0, 98, 2).account()).unwrap();
    assert_eq!(
        (fallen.crossed, fallen.recovered, fallen.kind),
        (vec![position_at(0)], vec![], "oracle")
    );
    assert_eq!(
        book.apply(&price(0, 97, 3).account()).unwrap().crossed,
        NONE
    );
    assert_eq!(book.liquidatable(), [position_at(0)]);
    let risen = book.apply(&price(0, 100, 4).account()).unwrap();
    assert_eq!(
        (risen.crossed, risen.recovered),
        (vec![], vec![position_at(0)])
    );
    assert_eq!(book.liquidatable(), NONE);
}

#[test]
fn only_positions_near_their_limit_are_judged() {
    let (mut book, _) = with_position();
    for number in 1..21 {
        let legs = [(0, Collateral, 100_000_000), (1, Debt, 1_000_000)];
        let state = State::new(position_at(number), 1, position_data(0, 1, &legs));
        book.apply(&state.account()).unwrap();
    }
    let fallen = book.apply(&price(0, 98, 2).account()).unwrap();
    assert_eq!((fallen.crossed.len(), fallen.evaluated), (1, 1));
    assert_eq!(
        book.apply(&price(0, 98, 3).account()).unwrap().evaluated,
        0,
        "the same price again"
    );
    let further = book.apply(&price(0, 97, 4).account()).unwrap();
    assert_eq!(further.evaluated, 0, "who is known to be is not asked");
    assert_eq!(
        book.tick(5, 0).evaluated,
        0,
        "no interest of one slot reaches a covered position"
    );
}

#[test]
fn interest_alone_makes_a_position_liquidatable_at_the_exact_slot() {
    let (mut book, chain) = with_position();
    let mut chain = chain;
    for number in 0..2 {
        let mut stored = reserve(number);
        stored.config.max_oracle_age_slots = u64::MAX;
        let state = State::new(reserve_at(number), 2, reserve_data(&stored));
        book.apply(&state.account()).unwrap();
        chain.take(&state);
    }
    chain.take(&State::new(position_at(0), 1, position_data(0, 1, &LEGS)));
    let first = (1..1_000_000)
        .find(|now| !chain.needing(*now).is_empty())
        .unwrap();
    let crossed = (1..=first)
        .find(|now| !book.tick(*now, 0).crossed.is_empty())
        .unwrap();
    assert_eq!(crossed, first);
}

#[test]
fn a_price_grown_too_old_is_a_recovery_with_its_reason() {
    let (mut book, _) = with_position();
    book.apply(&price(0, 98, 2).account()).unwrap();
    let age = CONFIG.max_oracle_age_slots;
    assert_eq!(
        book.tick(1 + age, 0).recovered,
        NONE,
        "the other oracle is of slot 1"
    );
    assert_eq!(book.tick(2 + age, 0).recovered, [position_at(0)]);
    let judgement = book.judgement(&position_at(0)).unwrap();
    assert_eq!(judgement.verdict, Verdict::Blocked(Reason::StalePrice));
    assert!(
        judgement.health.unwrap().is_liquidatable(),
        "the sums at the last prices stay visible"
    );
}

#[test]
fn a_batch_judges_each_position_once_at_its_end() {
    let (mut book, _) = with_position();
    let (down, up) = (price(0, 50, 2), price(0, 98, 3));
    let change = book
        .tick_accounts(&[down.account(), up.account()], 3, 0)
        .unwrap();
    assert_eq!((change.crossed.len(), change.evaluated), (1, 1));
}

#[test]
fn a_position_that_stays_below_after_a_partial_close_is_emitted_again() {
    let (mut book, _) = with_position();
    book.apply(&price(0, 60, 2).account()).unwrap();
    let legs = [(0, Collateral, 60_000_000), (1, Debt, 50_000_000)];
    let closed = State::new(position_at(0), 3, position_data(1, 3, &legs));
    assert_eq!(
        book.apply(&closed.account()).unwrap().crossed,
        [position_at(0)]
    );
    let touched = State::new(position_at(0), 4, position_data(1, 4, &legs));
    assert_eq!(
        book.apply(&touched.account()).unwrap().crossed,
        NONE,
        "nothing material changed"
    );
}

#[test]
fn a_rearmed_position_is_emitted_by_the_next_tick() {
    let (mut book, _) = with_position();
    book.apply(&price(0, 60, 2).account()).unwrap();
    book.rearm(&position_at(0));
    book.rearm(&position_at(99));
    assert_eq!(book.tick(1, 0).crossed, [position_at(0)]);
    assert_eq!(book.tick(1, 0).crossed, NONE);
}

#[test]
fn an_older_state_is_ignored_also_after_a_removal() {
    let (mut book, _) = with_position();
    let older = State::new(position_at(0), 0, position_data(0, 0, &[]));
    assert_eq!(book.apply(&older.account()).unwrap().kind, "older");
    let closed = State::new(position_at(0), 5, vec![]);
    assert_eq!(book.apply(&closed.account()).unwrap().kind, "removed");
    assert_eq!(book.len(), 0);
    let late = State::new(position_at(0), 4, position_data(0, 4, &LEGS));
    assert_eq!(book.apply(&late.account()).unwrap().kind, "older");
    assert_eq!(
        book.judgement(&position_at(0)),
        Err(CoreError::UnknownPosition(
            liquidation_core::address::to_base58(&position_at(0))
        ))
    );
}

#[test]
fn a_removed_position_leaves_the_set() {
    let (mut book, _) = with_position();
    book.apply(&price(0, 60, 2).account()).unwrap();
    let taken = State {
        owner: OTHER,
        ..State::new(position_at(0), 3, position_data(0, 3, &LEGS))
    };
    assert_eq!(
        book.apply(&taken.account()).unwrap().recovered,
        [position_at(0)]
    );
    assert!(book.liquidatable().is_empty() && book.is_empty());
}

#[test]
fn a_paused_market_blocks_everybody_until_it_opens() {
    let (mut book, _) = with_position();
    book.apply(&price(0, 60, 2).account()).unwrap();
    let market = |slot, paused| State::new(MARKET, slot, market_data(paused));
    assert_eq!(
        book.apply(&market(3, true).account()).unwrap().recovered,
        [position_at(0)]
    );
    assert_eq!(
        book.judgement(&position_at(0)).unwrap().verdict,
        Verdict::Blocked(Reason::Paused)
    );
    assert_eq!(
        book.apply(&market(4, false).account()).unwrap().crossed,
        [position_at(0)]
    );
}

#[test]
fn one_position_that_overflows_is_named_and_poisons_nobody() {
    let (mut book, _) = with_position();
    let mut huge = reserve(2);
    huge.config.liquidation_threshold_bps = 10_000;
    let states = [
        State::new(reserve_at(2), 1, reserve_data(&huge)),
        State::new(oracle_at(2), 1, oracle_data(2, u64::MAX, 0, 1)),
        State::new(
            position_at(1),
            1,
            position_data(0, 1, &[(2, Collateral, u64::MAX), (1, Debt, 1)]),
        ),
        price(0, 60, 2),
    ];
    let accounts: Vec<_> = states.iter().map(State::account).collect();
    assert_eq!(
        book.tick_accounts(&accounts, 2, 0).unwrap().crossed,
        [position_at(0)]
    );
    let judgement = book.judgement(&position_at(1)).unwrap();
    assert_eq!(judgement.verdict, Verdict::Blocked(Reason::Overflow));
}

/// The program projects the index of debts alone.
#[test]
fn an_index_too_large_for_its_type_blocks_debts_and_leaves_collateral_as_it_is() {
    let (mut book, _) = book(2, 1);
    let mut owned = reserve(0);
    (owned.borrow_index, owned.config.max_oracle_age_slots) = (u128::MAX, u64::MAX);
    owned.config.interest_rate_bps = 1;
    let mut owed = reserve(1);
    (
        owed.config.interest_rate_bps,
        owed.config.max_oracle_age_slots,
    ) = (0, u64::MAX);
    for state in [
        State::new(reserve_at(0), 1, reserve_data(&owned)),
        State::new(reserve_at(1), 1, reserve_data(&owed)),
        State::new(position_at(0), 1, position_data(0, 1, &LEGS)),
        State::new(
            position_at(1),
            1,
            position_data(0, 1, &[(1, Collateral, 100_000_000), (0, Debt, 1)]),
        ),
    ] {
        book.apply(&state.account()).unwrap();
    }
    book.tick(1_000_000, 0);
    assert_eq!(
        book.apply(&price(0, 97, 1_000_000).account())
            .unwrap()
            .crossed,
        [position_at(0)]
    );
    let verdict = book.judgement(&position_at(1)).unwrap().verdict;
    assert_eq!(verdict, Verdict::Blocked(Reason::Overflow));
}

#[test]
fn debt_without_collateral_needs_a_write_off_at_any_price() {
    let (mut book, _) = with_position();
    let bad = State::new(position_at(0), 2, position_data(1, 2, &[(1, Debt, 5)]));
    assert_eq!(
        book.apply(&bad.account()).unwrap().crossed,
        [position_at(0)]
    );
    book.tick(1_000_000, 0);
    assert_eq!(
        book.judgement(&position_at(0)).unwrap().verdict,
        Verdict::BadDebt
    );
    assert_eq!(book.liquidatable(), [position_at(0)]);
}

#[test]
fn a_position_waits_for_reserves_not_seen_yet() {
    let (mut book, _) = book(1, 1);
    let legs = [(0, Collateral, 100_000_000), (1, Debt, 90_000_000)];
    book.apply(&State::new(position_at(0), 1, position_data(0, 1, &legs)).account())
        .unwrap();
    assert_eq!(
        book.judgement(&position_at(0)).unwrap().verdict,
        Verdict::Blocked(Reason::MissingAccount)
    );
    book.apply(&State::new(reserve_at(1), 1, reserve_data(&reserve(1))).account())
        .unwrap();
    assert_eq!(
        book.apply(&price(1, 100, 1).account()).unwrap().crossed,
        [position_at(0)]
    );
}

#[test]
fn malformed_bytes_change_nothing() {
    let (mut book, _) = with_position();
    let (fall, mut bad) = (price(0, 60, 2), price(1, 100, 2));
    bad.data.truncate(100);
    let error = book.tick_accounts(&[fall.account(), bad.account()], 9, 9);
    assert!(
        matches!(
            error,
            Err(CoreError::Malformed {
                kind: "oracle",
                found: 100,
                expected: 128,
                ..
            })
        ),
        "{error:?}"
    );
    assert_eq!((book.clock(), book.liquidatable().len()), ((1, 0), 0));
}

#[test]
fn other_markets_and_kinds_are_foreign() {
    let (mut book, _) = with_position();
    let mut theirs = reserve(0);
    theirs.market = OTHER;
    let state = State::new(address(1, 77), 2, reserve_data(&theirs));
    assert_eq!(book.apply(&state.account()).unwrap().kind, "foreign");
    let unknown = State::new(address(1, 78), 2, vec![1; 64]);
    assert_eq!(book.apply(&unknown.account()).unwrap().kind, "foreign");
    assert!(!book.addresses().contains(&address(1, 77)));
}

#[test]
fn the_clock_never_goes_back() {
    let (mut book, _) = with_position();
    book.tick(10, 100);
    book.tick(9, 90);
    assert_eq!(book.clock(), (10, 100));
}
