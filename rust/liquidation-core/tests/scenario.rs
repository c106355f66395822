//! What-if counts, ids and sums against the oracle: random and adversarial markets, by every kernel.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)] // the never-miss tests' world, of which this needs a part
#[path = "generic/world.rs"]
mod world;

use exact_oracle::{Leg, Oracle};
use liquidation_core::book::generic::GenericBook;
use liquidation_core::scenario::{Outcome, Scenarios};
use world::{kernels, Dice, World};

fn outcome(book: &GenericBook, shocks: &[f64]) -> Outcome {
    let mut scenarios = Scenarios::new(book, shocks, book.market().assets().len(), true).unwrap();
    while scenarios.step() {}
    scenarios.outcome()
}

/// Returns an oracle of the same positions under shocks.
fn shocked(oracle: &Oracle, shocks: &[f64]) -> Oracle {
    let mut oracle = oracle.clone();
    for (price, shock) in oracle.prices.iter_mut().zip(shocks) {
        if *shock != 0.0 {
            *price = (*price as f64 * (1.0 + shock)).floor() as i64;
        }
    }
    oracle
}

/// Returns the market values of a position's collateral and debt, in quote currency.
fn values(oracle: &Oracle, legs: &[Leg]) -> (f64, f64) {
    let mut market = oracle.clone();
    market.weights = [
        vec![10_000; oracle.prices.len()],
        vec![10_000; oracle.prices.len()],
    ];
    let quote = |sum: String| sum.parse::<f64>().unwrap() / 1e18;
    let (collateral, debt) = market.sums(legs);
    (quote(collateral.to_string()), quote(debt.to_string()))
}

/// Runs scenarios under every kernel's book and compares each with the oracle.
fn agree(world: &World, shocks: &[Vec<f64>]) -> Outcome {
    let found = outcome(&world.book, &shocks.concat());
    assert_eq!(found.offsets.len(), shocks.len() + 1);
    for (number, row) in shocks.iter().enumerate() {
        let oracle = shocked(&world.oracle, row);
        let (mut ids, mut debts, mut shorts) = (Vec::new(), 0.0, 0.0);
        for (id, legs) in &oracle.positions {
            if oracle.is_liquidatable(legs) {
                let (collateral, debt) = values(&oracle, legs);
                ids.push(*id);
                debts += debt;
                shorts += (debt - collateral).max(0.0);
            }
        }
        let bounds = found.offsets[number] as usize..found.offsets[number + 1] as usize;
        assert_eq!(
            found.ids[bounds],
            ids,
            "scenario {number}, {:?}",
            world.book.kernel()
        );
        assert_eq!(found.counts[number], ids.len() as u64);
        // the oracle's values are rounded to units that dust consists of
        let near = |found: f64, expected: f64| (found - expected).abs() <= 1e-12 * debts + 1e-13;
        assert!(near(found.debt_at_risk[number], debts), "{number}: {debts}");
        assert!(near(found.shortfall[number], shorts), "{number}: {shorts}");
    }
    found
}

/// Returns many rows of shocks: calm, joint, violent, gone, a billion times.
fn rows(dice: &mut Dice, assets: usize, count: usize) -> Vec<Vec<f64>> {
    let row = |dice: &mut Dice| {
        let (common, own) = (
            dice.one(&[0.0, 0.0, -0.3, 0.3]),
            dice.one(&[0.0, 1e-9, 1e-4, 0.5]),
        );
        let mut row: Vec<f64> = (0..assets)
            .map(|_| common + own * (2.0 * dice.share() - 1.0))
            .collect();
        let asset = dice.below(assets);
        row[asset] = dice.one(&[row[asset], row[asset], -1.0, -0.99, 90.0, 0.0]);
        row
    };
    let mut rows: Vec<_> = (0..count).map(|_| row(dice)).collect();
    rows.push(vec![0.0; assets]);
    rows.push(vec![-1.0; assets]);
    rows
}

#[test]
fn counts_ids_and_sums_are_the_oracles_whatever_the_shock() {
    for (seed, assets) in [(1, 3), (2, 12), (3, 70)] {
        let mut bits = Vec::new();
        for kernel in kernels() {
            let mut world = World::of(assets, kernel, seed);
            world.populate(0..700);
            let shocks = rows(&mut world.dice, assets, 20);
            bits.push(agree(&world, &shocks));
        }
        assert!(
            bits.windows(2).all(|pair| pair[0] == pair[1]),
            "kernels differ"
        );
    }
}

#[test]
fn positions_at_their_limit_under_the_shock_and_one_unit_off_are_decided_exactly() {
    for kernel in kernels() {
        let mut world = World::of(6, kernel, 11);
        let calm = world.prices();
        let shocks = rows(&mut world.dice, 6, 8);
        for (number, row) in shocks.iter().enumerate().filter(|(_, row)| row[0] != -1.0) {
            world.oracle = shocked(&world.oracle, row);
            let mut at_limit = Vec::new();
            for id in 0..60 {
                let legs = world.position();
                at_limit.push((number as u64 * 100 + id, world.steered(legs, 1.0)));
            }
            world.oracle.prices.clone_from(&calm);
            world.set(&at_limit);
        }
        agree(&world, &shocks);
    }
}

#[test]
fn a_debt_below_any_float_and_prices_up_to_the_highest_are_decided_exactly() {
    for kernel in kernels() {
        let mut world = World::described(&[255, 6, 0], &[-128, -8, 127], kernel, Dice(5));
        world.tick(&[1 << 62, 1, i64::MAX]);
        let most = u64::MAX;
        world.set(&[
            (3, vec![(1, 1)]),
            (2, vec![(0, most), (1, 1)]),
            (1, vec![(2, 10_000_000), (3, 10_000_001)]),
            (9, vec![(4, most), (5, most)]),
            (8, vec![(4, most - 1), (5, most)]),
            (7, vec![(4, 7)]),
            (6, vec![]),
        ]);
        let shocks: Vec<_> = [0.0, -0.5, -1.0]
            .iter()
            .flat_map(|one| [vec![*one, 0.5, -0.25], vec![0.5, 4.0, *one]])
            .collect();
        agree(&world, &shocks);
    }
}

#[test]
fn positions_are_those_of_the_beginning_whatever_the_book_does_meanwhile() {
    let mut world = World::of(8, kernels()[0], 4);
    world.populate(0..900);
    let shocks = rows(&mut world.dice, 8, 30);
    let expected = outcome(&world.book, &shocks.concat());
    let mut scenarios = Scenarios::new(&world.book, &shocks.concat(), 8, true).unwrap();
    let prices = world.moved(0.3, 0.3);
    world.tick(&prices);
    world.churn(1_000);
    while scenarios.step() {}
    assert_eq!(scenarios.outcome(), expected);
}

#[test]
fn a_long_run_goes_in_steps_of_whole_scenarios() {
    let mut world = World::of(2, kernels()[0], 6);
    world.populate(0..50);
    let shocks = vec![-0.25; 2 * 301];
    let mut scenarios = Scenarios::new(&world.book, &shocks, 2, false).unwrap();
    let mut steps = Vec::new();
    while scenarios.step() {
        steps.push(scenarios.done());
    }
    assert_eq!((steps, scenarios.done()), (vec![128, 256], 301));
    let found = scenarios.outcome();
    assert!(found.counts.iter().all(|count| *count == found.counts[0]));
    assert_eq!((found.ids.len(), found.offsets), (0, vec![0]));
}

#[test]
fn no_scenarios_and_no_positions_are_fine() {
    let world = World::of(2, kernels()[0], 7);
    assert_eq!(outcome(&world.book, &[]).counts, []);
    assert_eq!(outcome(&world.book, &[0.5; 4]).counts, [0, 0]);
}
