//! The screen lets through, and the fast verdict confirms, exactly what a whole refresh finds.

use std::collections::HashMap;

use lending_math::Pubkey;
use liquidation_core::fixed::wad::Decimal;
use liquidation_core::protocols::save::confirm::{confirm, Position, Rates};
use liquidation_core::protocols::save::liquidate::liquidatable;
use liquidation_core::protocols::save::obligation::Obligation;
use liquidation_core::protocols::save::refresh::Sums;
use liquidation_core::protocols::save::reserve::Reserve;
use liquidation_core::protocols::save::screen::{Quantities, Slots};

use crate::recorded::{trials, unpack, Trial};

/// A recorded obligation with its reserves as the program left them, which is refreshed.
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

/// What was seen, so that the test cannot pass by seeing nothing.
#[derive(Debug, Default)]
struct Seen {
    fast: usize,
    liquidatable: usize,
    equal: usize,
    let_through_in_vain: usize,
}

fn check(case: &Case, seen: &mut Seen) {
    let places: HashMap<_, _> = (0u16..)
        .zip(case.reserves.keys())
        .map(|(n, key)| (*key, n))
        .collect();
    let Some(rates) = case
        .reserves
        .values()
        .map(Rates::of)
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let position = Position::of(&case.obligation, |key| places.get(key).copied()).unwrap();
    let table: Vec<_> = rates.iter().map(Slots::of).collect();
    let screened = Quantities::of(&position, &rates).may_be_liquidatable(&table);
    let slow = slowly(case);
    if let Some((true, ..)) = slow {
        assert!(screened, "missed {:?}", case.obligation);
        seen.liquidatable += 1;
    }
    seen.let_through_in_vain += usize::from(screened && !slow.is_some_and(|slow| slow.0));
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
                if let Some(case) = near(case, target, step) {
                    check(&case, &mut seen);
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
