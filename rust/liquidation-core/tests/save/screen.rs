//! The screen lets through, and the fast verdict confirms, exactly what a whole refresh finds.

use std::collections::HashMap;
use std::sync::LazyLock;

use lending_math::Pubkey;
use liquidation_core::book::generic::kernels::Kernel;
use liquidation_core::book::generic::GenericBook;
use liquidation_core::fixed::wad::Decimal;
use liquidation_core::protocols::save::confirm::{confirm, Position, Rates};
use liquidation_core::protocols::save::legs::{always, legs, Scales};
use liquidation_core::protocols::save::liquidate::liquidatable;
use liquidation_core::protocols::save::obligation::Obligation;
use liquidation_core::protocols::save::refresh::Sums;
use liquidation_core::protocols::save::reserve::Reserve;

use proptest::prelude::*;

use crate::recorded::{trials, unpack, Trial};

/// A recorded obligation with its reserves as the program left them, which is refreshed.
#[derive(Clone, Debug)]
struct Case {
    obligation: Obligation,
    reserves: HashMap<Pubkey, Reserve>,
}

fn case(trial: &Trial) -> Option<Case> {
    let bytes = trial.accounts.get(&trial.request.position)?.data;
    let obligation = Obligation::decode(bytes).ok()?;
    let refreshed = |address: &Pubkey| {
        let written = trial
            .expected
            .accounts_after
            .get(address)
            .map(Vec::as_slice);
        let data = written.or_else(|| trial.accounts.get(address).map(|account| account.data))?;
        Some((*address, Reserve::decode(data).ok()?))
    };
    let reserves: Option<HashMap<_, _>> = obligation.reserves().map(refreshed).collect();
    trial.expected.error.is_none().then_some(())?;
    Some(Case {
        obligation,
        reserves: reserves?,
    })
}

/// Returns whether the program would liquidate, by a whole refresh; `None` where it would fail.
fn slowly(case: &Case) -> Option<(bool, Decimal, Decimal)> {
    let (mut sums, mut obligation) = (Sums::default(), case.obligation.clone());
    for deposit in &mut obligation.deposits {
        sums.deposit(deposit, &case.reserves[&deposit.reserve])
            .ok()?;
    }
    for borrow in &mut obligation.borrows {
        sums.borrow(borrow, &case.reserves[&borrow.reserve], |_| ())
            .ok()?;
    }
    sums.settle(&mut obligation);
    Some((
        liquidatable(&obligation).is_ok(),
        obligation.unhealthy,
        obligation.borrowed,
    ))
}

/// Returns the same case with every price times 10⁻⁶ⁿ: what the program's floors take off is then a good part of the values.
fn tiny(mut case: Case, times: u32) -> Case {
    let addresses: Vec<Pubkey> = case.reserves.keys().copied().collect();
    for address in addresses {
        (0..times).for_each(|_| moved(&mut case, &address, 1, 1_000_000));
    }
    case
}

/// What was seen, so that the test cannot pass by seeing nothing.
#[derive(Debug, Default)]
struct Seen {
    fast: usize,
    liquidatable: usize,
    equal: usize,
    let_through_in_vain: usize,
}

/// One obligation in a generic book of its reserves, as they were when the book was opened.
struct Screen {
    book: GenericBook,
    scales: Scales,
    places: HashMap<Pubkey, u16>,
}

impl Screen {
    fn open(case: &Case) -> Option<Screen> {
        let places: HashMap<_, _> = (case.reserves.keys().copied()).zip(0u16..).collect();
        let rates = rates(case, &places);
        let mut decimals = vec![0; places.len()];
        for (address, place) in &places {
            decimals[usize::from(*place)] = case.reserves[address].decimals;
        }
        let scales = Scales::of(&rates);
        let mut book = GenericBook::new(scales.assets(&decimals), Kernel::best()).unwrap();
        let table = scales.table(&rates)?;
        book.set_weights(&table.collateral_bps, &table.debt_bps)
            .unwrap();
        book.tick(&table.mantissas, 1, 1).unwrap();
        let position = Position::of(&case.obligation, |key| places.get(key).copied()).unwrap();
        let (slots, amounts): (Vec<_>, Vec<_>) = legs(&position, &rates)?.into_iter().unzip();
        let offsets = [0, slots.len() as u32];
        book.set_positions(&[7], &offsets, &slots, &amounts)
            .unwrap();
        Some(Screen {
            book,
            scales,
            places,
        })
    }

    /// Moves the book to the case's prices and returns whether the obligation is to be looked at.
    fn looks_at(&mut self, case: &Case) -> Option<bool> {
        let rates = rates(case, &self.places);
        let table = self.scales.table(&rates)?;
        self.book
            .set_weights(&table.collateral_bps, &table.debt_bps)
            .unwrap();
        self.book.tick(&table.mantissas, 2, 2).unwrap();
        let position = Position::of(&case.obligation, |key| self.places.get(key).copied()).unwrap();
        Some(always(&position, &rates) || self.book.liquidatable() == [7])
    }
}

fn rates(case: &Case, places: &HashMap<Pubkey, u16>) -> Vec<Option<Rates>> {
    let mut rates = vec![None; places.len()];
    for (address, place) in places {
        rates[usize::from(*place)] = Rates::of(&case.reserves[address]);
    }
    rates
}

fn check(case: &Case, seen: &mut Seen) {
    let Some(mut screen) = Screen::open(case) else {
        return;
    };
    let screened = screen.looks_at(case).unwrap();
    let slow = slowly(case);
    if let Some((true, ..)) = slow {
        assert!(screened, "missed {:?}", case.obligation);
        seen.liquidatable += 1;
    }
    seen.let_through_in_vain += usize::from(screened && !slow.is_some_and(|slow| slow.0));
    let Some(rates) = rates(case, &screen.places)
        .into_iter()
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let place = |key: &Pubkey| screen.places.get(key).copied();
    let position = Position::of(&case.obligation, place).unwrap();
    let Some(verdict) = confirm(&position, &rates) else {
        return;
    };
    let found = (verdict.liquidatable, verdict.unhealthy, verdict.borrowed);
    assert_eq!(
        Some(found),
        slow.or(Some((false, Decimal::ZERO, Decimal::ZERO)))
    );
    seen.fast += 1;
    seen.equal += usize::from(verdict.unhealthy == verdict.borrowed);
}

/// Returns the same case with its first debt scaled so that the health is about `target`/10⁶.
fn near(case: &Case, target: u64, step: i64) -> Option<Case> {
    let (_, unhealthy, borrowed) = slowly(case)?;
    let mut obligation = case.obligation.clone();
    let first = obligation.borrows.first_mut()?;
    let ratio = unhealthy.try_div(borrowed).ok()?;
    let amount = first
        .amount
        .try_mul(ratio)
        .ok()?
        .times(1_000_000)
        .ok()?
        .over(target)
        .ok()?;
    let moved = i128::try_from(amount.to_scaled()?).ok()? + i128::from(step);
    first.amount = Decimal::scaled(u128::try_from(moved).ok()?);
    Some(Case {
        obligation,
        reserves: case.reserves.clone(),
    })
}

#[test]
fn the_screen_misses_nothing_and_the_fast_verdict_is_the_slow_one() {
    let (unpacked, mut seen) = (unpack(), Seen::default());
    let cases: Vec<_> = trials(&unpacked).iter().filter_map(case).collect();
    for case in &cases {
        check(case, &mut seen);
        for target in [
            500_000, 999_000, 999_999, 1_000_000, 1_000_001, 1_001_000, 2_000_000,
        ] {
            for step in [-1_000_000_000, -1, 0, 1, 1_000_000_000] {
                for times in 0..=3 {
                    if let Some(case) = near(&tiny(case.clone(), times), target, step) {
                        check(&case, &mut seen);
                    }
                }
            }
        }
    }
    assert!(
        cases.len() > 400 && seen.fast > 5_000 && seen.liquidatable > 5_000,
        "{seen:?}"
    );
    assert!(seen.let_through_in_vain < seen.liquidatable, "{seen:?}");
    println!("{seen:?}");
}

/// Multiplies a reserve's price and index, in millionths.
fn moved(case: &mut Case, address: &Pubkey, price: u64, growth: u64) {
    let reserve = case.reserves.get_mut(address).unwrap();
    let times = |value: Decimal, by: u64| value.times(by).unwrap().over(1_000_000).unwrap();
    (reserve.price, reserve.index) = (times(reserve.price, price), times(reserve.index, growth));
    reserve.smoothed_price = times(reserve.smoothed_price, price);
    reserve.extra_price = reserve.extra_price.map(|extra| times(extra, price));
}

static CASES: LazyLock<Vec<Case>> =
    LazyLock::new(|| trials(&unpack()).iter().filter_map(case).collect());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// The book is opened at one state of the market and ticked to others, the last of which puts the position within a hair of the line.
    #[test]
    fn the_book_misses_nobody_wherever_prices_and_interest_go(
        number in 0usize..400,
        moves in prop::collection::vec((200_000u64..5_000_000, 1_000_000u64..1_300_000), 8),
        hair in -3i64..=3,
    ) {
        let mut case = CASES[number % CASES.len()].clone();
        let Some(mut screen) = Screen::open(&case) else { return Ok(()) };
        let addresses: Vec<Pubkey> = case.reserves.keys().copied().collect();
        for (address, (price, growth)) in addresses.iter().zip(&moves) {
            moved(&mut case, address, *price, *growth);
        }
        let mut judge = |case: &Case| {
            let screened = screen.looks_at(case);
            prop_assert!(screened != Some(false) || !slowly(case).is_some_and(|slow| slow.0), "missed {case:?}");
            Ok(())
        };
        judge(&case)?;
        let Some((_, unhealthy, borrowed)) = slowly(&case) else { return Ok(()) };
        let Ok(ratio) = unhealthy.try_div(borrowed) else { return Ok(()) };
        let Ok(by) = ratio.times(1_000_000).and_then(Decimal::floor) else { return Ok(()) };
        let debts: Vec<Pubkey> = case.obligation.borrows.iter().map(|borrow| borrow.reserve).collect();
        for address in addresses.iter().filter(|address| debts.contains(address)) {
            moved(&mut case, address, by.saturating_add_signed(hair).clamp(1, 10_000_000), 1_000_000);
        }
        judge(&case)?;
    }
}
