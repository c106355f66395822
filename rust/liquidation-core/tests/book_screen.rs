//! A protocol's market of thousands, most of them near their limit: the screen leaves out nobody, whatever its kernel, and asks few.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use lending_math::state::Side::{self, Collateral, Debt};
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::Book;

const RESERVES: u8 = 20;
const POSITIONS: u16 = 1_500;

/// A generator of numbers, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A position of up to six legs, at its limit or up to 40 % off it where all prices are alike.
fn position(number: u16, slot: u64, dice: &mut Dice) -> State {
    let (collaterals, debts) = (1 + dice.below(4), 1 + dice.below(2));
    let size = 10u64.pow(2 + dice.below(9) as u32);
    let close = match dice.below(4) {
        0 => dice.below(3),
        1 => dice.below(2_000),
        _ => dice.below(400_000),
    };
    let first = dice.below(u64::from(RESERVES)) as u8;
    let legs: Vec<(u8, Side, u64)> = (0..collaterals + debts)
        .map(|leg| {
            let reserve = (first + leg as u8 * 3) % RESERVES;
            match leg < collaterals {
                true => (reserve, Collateral, 1_100 * size),
                false => {
                    let whole = 800 * size * collaterals / debts;
                    let step = (whole as f64 * close as f64 * 1e-6) as u64;
                    let debt = if dice.below(3) == 0 {
                        whole + step.min(3)
                    } else {
                        whole - step
                    };
                    (reserve, Debt, debt)
                }
            }
        })
        .collect();
    let mut address = position_at(0);
    address[1..3].copy_from_slice(&number.to_le_bytes());
    State::new(address, slot, position_data(0, slot, &legs))
}

/// A price in cents, most of the time near one USD, sometimes one that nobody believes.
fn price(reserve: u8, slot: u64, dice: &mut Dice) -> State {
    let cents = match dice.below(12) {
        0 => 1 + dice.below(300),
        _ => 97 + dice.below(6),
    };
    let refused = dice.below(10) == 0; // its confidence is half the price
    State::new(
        oracle_at(reserve),
        slot,
        oracle_data(reserve, cents, if refused { cents / 2 } else { 0 }, slot),
    )
}

/// Returns how many needed an act at each slot, and how many were asked about; with `tended` orders are laid behind the calls.
fn walk(kernel: Kernel, tended: bool) -> (Vec<usize>, usize) {
    let (mut book, mut chain) = book(RESERVES, 1);
    book.use_kernel(kernel);
    let mut task = None;
    if tended {
        book.tend();
    }
    let mut dice = Dice(7);
    for number in 0..POSITIONS {
        let state = position(number, 1, &mut dice);
        assert!(chain.take(&state));
        book.apply(&state.account()).unwrap();
    }
    let (mut needing, mut asked) = (Vec::new(), 0);
    for slot in 2..90u64 {
        let mut states = vec![price(dice.below(RESERVES.into()) as u8, slot, &mut dice)];
        if slot % 5 == 0 {
            states.extend((0..RESERVES).map(|reserve| price(reserve, slot, &mut dice)));
            states.remove(0);
        }
        for _ in 0..dice.below(12) {
            states.push(position(
                dice.below(POSITIONS.into()) as u16,
                slot,
                &mut dice,
            ));
        }
        if slot % 7 == 0 {
            states.push(State::new(MARKET, slot, market_data(slot % 14 == 0)));
        }
        states.dedup_by_key(|state| state.address);
        states.iter().for_each(|state| assert!(chain.take(state)));
        let accounts: Vec<_> = states.iter().map(State::account).collect();
        asked += book.tick_accounts(&accounts, slot, 0).unwrap().evaluated;
        assert_eq!(book.liquidatable(), chain.needing(slot), "at slot {slot}");
        assert_eq!(book.sweep(), book.liquidatable());
        needing.push(book.liquidatable().len());
        if tended && slot % 4 == 0 {
            task = Some(book.begin_anchor());
        } else if slot % 4 == 3 {
            task.take().map(|task| book.install(task.lay())); // three slots later
        }
        if slot % 31 == 0 {
            book = Book::from_bytes(&book.to_bytes()).unwrap();
            book.use_kernel(kernel);
        }
    }
    (needing, asked)
}

#[test]
fn nobody_is_left_out_by_any_kernel_and_few_are_asked() {
    let kernels = ["avx512", "avx2", "portable"]
        .into_iter()
        .filter_map(|name| Kernel::named(name).ok());
    let walks: Vec<_> = kernels.map(|kernel| walk(kernel, false)).collect();
    let (needing, asked) = &walks[0];
    assert!(
        needing.iter().any(|count| *count > 300) && needing.contains(&0),
        "{needing:?}"
    );
    assert!(walks.iter().all(|walk| walk.0 == *needing));
    assert!(*asked < 88 * usize::from(POSITIONS) / 3, "{asked}");
}

#[test]
fn nobody_is_lost_when_an_order_is_laid_behind_the_calls() {
    let (tended, alone) = (walk(Kernel::best(), true), walk(Kernel::best(), false));
    assert_eq!(tended.0, alone.0);
}
