//! Many markets answer as each of their books would alone, whatever comes in.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use exact_oracle::dice::Dice;
use lending_math::state::Side::{Collateral, Debt};
use lending_math::state::{Position, Reserve};
use lending_math::Pubkey;
use liquidation_core::book::markets::Markets;
use liquidation_core::book::{Account, Book, Change};
use liquidation_core::CoreError;

const BOTH: [Pubkey; 2] = [MARKET, OTHER];

/// The reserve of a market; both markets' reserves of a number share its oracle.
fn reserve_in(market: usize, number: u8) -> State {
    let stored = Reserve {
        market: BOTH[market],
        ..reserve(number)
    };
    State::new(address(10 + market as u8, number), 1, reserve_data(&stored))
}

fn position_in(market: usize, number: u8, slot: u64, debt: u64) -> State {
    let mut position = Position::new(1, BOTH[market], [6; 32], 1);
    let reserve = |number| address(10 + market as u8, number);
    position
        .increase(&reserve(number % 3), Collateral, 100_000_000)
        .unwrap();
    position
        .increase(&reserve((number + 1) % 3), Debt, debt)
        .unwrap();
    let mut data = vec![0; lending_math::state::POSITION_LEN];
    position.encode(&mut data).unwrap();
    State::new(address(20 + market as u8, number), slot, data)
}

fn oracle(number: u8, price: u64, slot: u64) -> State {
    State::new(oracle_at(number), slot, oracle_data(number, price, 0, slot))
}

/// Both markets with three reserves, and the same two books on their own.
fn opened() -> (Markets, [Book; 2]) {
    let mut markets = Markets::default();
    let books = BOTH.map(|market| Book::new(PROGRAM, market));
    for market in BOTH {
        markets.open(PROGRAM, market).unwrap();
    }
    (markets, books)
}

fn setup() -> Vec<State> {
    let reserves = (0..2).flat_map(|market| (0..3).map(move |number| reserve_in(market, number)));
    reserves
        .chain((0..3).map(|number| oracle(number, 100, 1)))
        .collect()
}

fn told(changes: &[(usize, Change)]) -> Vec<(usize, Vec<Pubkey>, Vec<Pubkey>)> {
    let news = changes
        .iter()
        .filter(|(_, change)| !change.crossed.is_empty() || !change.recovered.is_empty());
    news.map(|(number, change)| (*number, change.crossed.clone(), change.recovered.clone()))
        .collect()
}

fn any_state(dice: &mut Dice, slot: u64) -> State {
    let (market, number) = (dice.below(2), dice.below(5) as u8);
    match dice.below(8) {
        0..=2 => oracle(number % 3, 80 + dice.next() % 40, slot),
        3..=5 => position_in(market, number, slot, 60_000_000 + dice.next() % 20_000_000),
        6 => State::new(address(20 + market as u8, number), slot, vec![]),
        _ => {
            let paused = dice.below(3) == 0;
            State::new(BOTH[market], slot, market_data(paused))
        }
    }
}

#[test]
fn each_market_answers_as_its_book_alone_would() {
    for seed in 0..200 {
        let (mut dice, (mut markets, mut books)) = (Dice(seed), opened());
        let mut states = setup();
        for step in 3..60 {
            let slot = step / 3;
            let accounts: Vec<Account<'_>> = states.iter().map(State::account).collect();
            let found = markets.tick_accounts(&accounts, slot, 0).unwrap();
            let alone = books.each_mut();
            let alone = alone.map(|book| book.tick_accounts(&accounts, slot, 0).unwrap());
            let alone: Vec<_> = (0..).zip(alone).collect();
            assert_eq!(told(&found), told(&alone), "seed {seed} step {step}");
            for (number, book) in books.iter().enumerate() {
                let held = markets.book(number).unwrap().lock().unwrap();
                assert_eq!(held.liquidatable(), book.liquidatable());
                assert_eq!(held.lines(None), book.lines(None));
            }
            if dice.below(10) == 0 {
                markets = Markets::from_bytes(&markets.to_bytes().unwrap()).unwrap();
            }
            states.clear();
            for _ in 0..dice.below(4) {
                let age = dice.next() % 2;
                states.push(any_state(&mut dice, slot + 1 - age));
            }
        }
    }
}

#[test]
fn a_price_reaches_every_market_and_a_position_only_its_own() {
    let (mut markets, _) = opened();
    let mut states = setup();
    states.extend((0..2).map(|market| position_in(market, 0, 1, 72_000_000)));
    let accounts: Vec<Account<'_>> = states.iter().map(State::account).collect();
    markets.tick_accounts(&accounts, 1, 0).unwrap();
    let fallen = markets.apply(&oracle(0, 97, 2).account()).unwrap();
    assert_eq!(
        told(&fallen),
        [
            (0, vec![address(20, 0)], vec![]),
            (1, vec![address(21, 0)], vec![])
        ]
    );
    let changed = markets.apply(&position_in(1, 0, 3, 1).account()).unwrap();
    assert_eq!(told(&changed), [(1, vec![], vec![address(21, 0)])]);
    markets.rearm(&address(20, 0)).unwrap();
    assert_eq!(
        told(&markets.tick(3, 0).unwrap()),
        [(0, vec![address(20, 0)], vec![])]
    );
}

#[test]
fn a_position_that_moved_to_another_market_leaves_the_first() {
    let (mut markets, _) = opened();
    let mut states = setup();
    states.push(position_in(0, 0, 1, 75_000_000));
    let accounts: Vec<Account<'_>> = states.iter().map(State::account).collect();
    let first = markets.tick_accounts(&accounts, 1, 0).unwrap();
    assert_eq!(told(&first), [(0, vec![address(20, 0)], vec![])]);
    let moved = State {
        address: address(20, 0),
        ..position_in(1, 0, 2, 75_000_000)
    };
    let change = markets.apply(&moved.account()).unwrap();
    assert_eq!(
        told(&change),
        [
            (0, vec![], vec![address(20, 0)]),
            (1, vec![address(20, 0)], vec![])
        ]
    );
    let elsewhere = State {
        owner: [3; 32],
        slot: 3,
        ..moved
    };
    assert_eq!(
        told(&markets.apply(&elsewhere.account()).unwrap()),
        [(1, vec![], vec![address(20, 0)])]
    );
}

#[test]
fn one_malformed_account_changes_no_book() {
    let (mut markets, _) = opened();
    let states = setup();
    let mut accounts: Vec<Account<'_>> = states.iter().map(State::account).collect();
    let broken = State::new(
        address(20, 0),
        1,
        position_in(0, 0, 1, 1).data[..100].to_vec(),
    );
    accounts.push(broken.account());
    let before = markets.to_bytes().unwrap();
    let error = markets.tick_accounts(&accounts, 9, 0).unwrap_err();
    assert!(matches!(error, CoreError::Malformed { .. }));
    assert_eq!(markets.to_bytes().unwrap(), before);
}

#[test]
fn a_market_is_opened_once() {
    let (mut markets, _) = opened();
    assert!(markets.open(PROGRAM, OTHER).is_err());
    assert_eq!(markets.open([3; 32], OTHER).unwrap(), 2);
}
