//! The generic market's book never misses: random and adversarial markets against the oracle, by every kernel.
//!
//! Each test is a way in which a careless screen was shown to miss.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "generic/world.rs"]
mod world;

use world::{kernels, World};

/// Runs a market of this many assets and positions under every kernel.
fn everywhere(assets: usize, positions: u64, seed: u64, story: impl Fn(&mut World)) {
    for kernel in kernels() {
        let mut world = World::of(assets, kernel, seed);
        world.populate(0..positions);
        world.book.reanchor();
        story(&mut world);
        world.check_sweep();
    }
}

#[test]
fn joint_moves_of_all_prices() {
    everywhere(12, 1_500, 1, |world| {
        for step in 0..60 {
            let prices = world.moved(0.02, [0.0, 1e-6, 1e-4, 5e-3][step % 4]);
            world.tick(&prices);
        }
    });
}

#[test]
fn many_small_steps_without_a_new_anchor() {
    everywhere(8, 1_500, 2, |world| {
        for _ in 0..150 {
            let prices = world.moved(1e-4, 3e-4);
            world.tick(&prices);
        }
    });
}

#[test]
fn one_asset_falls_by_99_percent_and_another_rises_by_1e9() {
    everywhere(10, 1_500, 3, |world| {
        for round in 0..10 {
            let (calm, asset) = (world.prices(), world.dice.below(10));
            for factor in [0.01, 100.0, 1e9, 1.0] {
                let mut prices = calm.clone();
                prices[asset] = ((calm[asset] as f64 * factor).min(9e18) as i64).max(1);
                world.tick(&prices);
            }
            if round % 3 == 0 {
                world.book.reanchor();
            }
        }
    });
}

#[test]
fn prices_of_a_billionth_and_of_a_billion() {
    everywhere(10, 1_500, 4, |world| {
        for _ in 0..30 {
            let mut prices = world.moved(0.0, 1e-3);
            let asset = world.dice.below(10);
            prices[asset] =
                world
                    .dice
                    .one(&[1, 10, 100_000_000_000_000_000, 1_000_000_000_000_000_000]);
            world.tick(&prices);
        }
    });
}

#[test]
fn a_price_that_is_missing_at_the_anchor_and_comes_back() {
    everywhere(6, 1_200, 5, |world| {
        for _ in 0..12 {
            let (calm, asset) = (world.prices(), world.dice.below(6));
            let mut missing = calm.clone();
            missing[asset] = 0;
            world.tick(&missing);
            world.book.reanchor();
            world.churn(1_200);
            world.tick(&calm);
            let prices = world.moved(1e-3, 1e-3);
            world.tick(&prices);
        }
    });
}

#[test]
fn weights_of_zero_and_back() {
    everywhere(6, 1_200, 6, |world| {
        for _ in 0..12 {
            let [collateral, debt] = world.oracle.weights.clone();
            let (asset, mut none) = (world.dice.below(6), [collateral.clone(), debt.clone()]);
            let side = world.dice.below(2);
            none[side][asset] = 0;
            world.weigh(&none[0], &none[1]);
            world.book.reanchor();
            let prices = world.moved(1e-3, 1e-3);
            world.tick(&prices);
            world.churn(1_200);
            world.weigh(&collateral, &debt);
        }
    });
}

#[test]
fn updates_between_ticks_keyed_at_the_anchor_of_the_order_they_go_into() {
    everywhere(8, 2_500, 7, |world| {
        for _ in 0..120 {
            world.churn(3_000);
            let prices = world.moved(1e-3, 2e-3);
            world.tick(&prices);
        }
    });
}

#[test]
fn updates_and_ticks_while_a_new_anchor_is_being_laid() {
    everywhere(8, 2_000, 8, |world| {
        for round in 0..15 {
            let task = world.begin_anchor();
            for _ in 0..round {
                world.churn(2_500);
                let prices = world.moved(5e-3, 5e-3);
                world.tick(&prices);
            }
            let order = task.lay();
            world.churn(2_500);
            world.book.install(order);
            let prices = world.moved(1e-3, 1e-3);
            world.tick(&prices);
            world.check_sweep();
        }
    });
}

#[test]
fn a_task_given_up_is_not_installed() {
    everywhere(4, 600, 9, |world| {
        let first = world.begin_anchor();
        world.churn(600);
        let second = world.begin_anchor();
        world.churn(600);
        world.book.install(first.lay());
        let prices = world.moved(1e-2, 1e-2);
        world.tick(&prices);
        world.check_sweep();
        world.book.reanchor();
        world.churn(600);
        world.book.install(second.lay());
        for _ in 0..10 {
            let prices = world.moved(1e-2, 1e-2);
            world.tick(&prices);
        }
    });
}

#[test]
fn a_debt_too_small_for_a_float_recovers_when_its_price_is_gone() {
    for kernel in kernels() {
        let mut world = World::described(&[255, 6], &[-128, -8], kernel, world::Dice(21));
        world.tick(&[1, 1]);
        world.set(&[(1, vec![(1, 1)])]);
        assert_eq!(world.book.liquidatable(), [1]);
        for step in 0..4 {
            if step % 2 == 0 {
                world.book.reanchor();
            }
            world.tick(&[0, 1]);
            assert!(world.book.liquidatable().is_empty());
            world.tick(&[1, 1]);
        }
    }
}

#[test]
fn crossing_recovering_and_crossing_again_is_told_each_time() {
    everywhere(6, 1_500, 10, |world| {
        let calm = world.prices();
        for step in 0..60 {
            let mut prices = calm.clone();
            prices[0] = (calm[0] as f64 * [1.0, 0.97, 1.02, 0.6][step % 4]) as i64;
            world.tick(&prices);
        }
    });
}

#[test]
fn rearmed_positions_are_told_again_by_the_next_tick() {
    everywhere(4, 800, 11, |world| {
        for _ in 0..20 {
            let standing = world.oracle.liquidatable();
            standing.iter().step_by(3).for_each(|id| world.rearm(*id));
            world.churn(800);
            let prices = world.moved(1e-3, 1e-3);
            world.tick(&prices);
        }
    });
}

#[test]
fn three_hundred_reserves_in_three_classes() {
    everywhere(900, 2_000, 12, |world| {
        for round in 0..15 {
            let prices = world.moved(1e-3, 2e-3);
            world.tick(&prices);
            world.churn(2_200);
            if round % 5 == 4 {
                let mut prices = world.prices();
                let asset = world.dice.below(900);
                prices[asset] = (prices[asset] / 100).max(1);
                world.tick(&prices);
                world.book.reanchor();
            }
        }
    });
}

#[test]
fn growth_one_by_one_from_nothing() {
    for kernel in kernels() {
        let mut world = World::of(5, kernel, 13);
        for id in 0..1_500 {
            world.populate(id..id + 1);
            if id % 25 == 0 {
                let prices = world.moved(1e-3, 1e-3);
                world.tick(&prices);
            }
        }
        world.check_sweep();
    }
}

#[test]
fn a_batch_that_is_laid_as_a_whole() {
    everywhere(5, 5_000, 14, |world| {
        world.populate(2_000..7_000);
        let prices = world.moved(1e-2, 1e-2);
        world.tick(&prices);
        world.check_sweep();
    });
}

#[test]
fn powers_of_ten_at_the_ends_of_their_range() {
    for kernel in kernels() {
        let (decimals, exponents) = ([0, 255, 0, 6, 40, 255], [127, -128, -128, -8, -2, 127]);
        let mut world = World::described(&decimals, &exponents, kernel, world::Dice(15));
        for round in 0..40 {
            let prices: Vec<i64> = (0..6)
                .map(|_| (world.dice.next() >> (1 + world.dice.below(63))) as i64)
                .collect();
            world.tick(&prices);
            world.populate(round * 20..round * 20 + 30);
            world.churn(800);
            if round % 7 == 0 {
                world.book.reanchor();
            }
        }
        world.check_sweep();
    }
}

/// Positions of one deposit and one debt in common assets, spread over a wide range of health; every hundredth also
/// holds a deposit or a debt in a rare one, worth half of its side.
fn spread_out(world: &mut World, count: u64) {
    let assets = world.assets();
    let mut one = |id: u64| {
        let (deposit, debt) = (
            2 * world.dice.below(assets - 1) as u16,
            2 * world.dice.below(assets - 1) as u16 + 1,
        );
        let mut legs = vec![(deposit, 1_000_000), (debt, 1_000_000)];
        if id.is_multiple_of(100) {
            legs.push((2 * assets as u16 - 2 + (id / 100 % 2) as u16, 1_000_000));
        }
        let health = 1.0 + 2.0 * world.dice.share() * world.dice.share();
        world.steered(legs, health)
    };
    let positions: Vec<_> = (0..count).map(|id| (id, one(id))).collect();
    world.set(&positions);
    world.book.reanchor();
}

#[test]
fn an_outlier_is_looked_for_in_all_blocks_and_nothing_else_is() {
    for kernel in kernels() {
        let (decimals, exponents) = ([6; 9], [-8; 9]);
        let mut world = World::described(&decimals, &exponents, kernel, world::Dice(16));
        let calm = vec![100_000_000; 9];
        world.tick(&calm);
        spread_out(&mut world, 20_000);
        for factor in [0.2, 0.9, 1.0, 2.0, 9.0, 1.0] {
            let mut prices = world.moved(0.0, 1e-4);
            prices[8] = (calm[8] as f64 * factor) as i64;
            world.tick(&prices);
            let (read, total) = world.book.read();
            assert!(read < total / 2, "{read} of {total} blocks at {factor}");
        }
        world.check_sweep();
    }
}

#[test]
fn dust_of_a_few_units_whose_roundings_decide() {
    for kernel in kernels() {
        let (decimals, exponents) = ([18; 5], [-8; 5]);
        let mut world = World::described(&decimals, &exponents, kernel, world::Dice(17));
        world.tick(&[100_000_000, 33_333_333, 70_000_001, 1, 150_000_000]);
        let mut dust = |id: u64| {
            let size = world.dice.one(&[3, 20, 1_000, 1_000_000, 1_000_000_000]);
            let sides = (world.dice.below(6), 1 + world.dice.below(6));
            let slot = |dice: &mut world::Dice, side: u16| {
                (2 * dice.below(5) as u16 + side, 1 + dice.next() % size)
            };
            let mut legs: Vec<_> = (0..sides.0).map(|_| slot(&mut world.dice, 0)).collect();
            legs.extend((0..sides.1).map(|_| slot(&mut world.dice, 1)));
            (id, world.steered(legs, 1.0))
        };
        let positions: Vec<_> = (0..2_000).map(&mut dust).collect();
        world.set(&positions);
        world.book.reanchor();
        for step in 0..40 {
            let prices = world.moved([0.0, 1e-3, 0.3][step % 3], [1e-8, 1e-4, 0.05][step % 3]);
            world.tick(&prices);
        }
        world.check_sweep();
    }
}

#[test]
fn a_slot_that_gets_its_first_holder_after_its_price_has_moved() {
    for kernel in kernels() {
        let mut world = World::described(&[6; 3], &[-8; 3], kernel, world::Dice(18));
        world.tick(&[100_000_000, 100_000_000, 100_000_000]);
        world.set(&[(1, vec![(0, 2_000_000), (3, 1_000_000)])]);
        world.book.reanchor();
        world.tick(&[100_000_000, 100_000_000, 50_000_000]); // nobody holds the third asset yet
        world.set(&[(2, vec![(4, 2_000_000), (3, 1_000_000)])]);
        world.tick(&[100_000_000, 100_000_001, 50_000_000]);
        assert_eq!(world.book.liquidatable(), [2]);
    }
}

#[test]
fn a_lonely_position_at_its_bound() {
    for kernel in kernels() {
        let mut dice = world::Dice(19);
        for _ in 0..400 {
            let mut world = World::described(&[6, 9], &[-8, -8], kernel, world::Dice(dice.next()));
            let calm = [
                1 + (dice.next() >> 30) as i64,
                1 + (dice.next() >> 30) as i64,
            ];
            world.tick(&calm);
            let legs = world.steered(
                vec![(0, dice.next() >> 20), (3, dice.next() >> 20)],
                1.0 + dice.share(),
            );
            world.set(&[(1, legs)]);
            world.book.reanchor();
            let (mut prices, asset) = (calm, dice.below(2));
            let Some(limit) = world.book.liquidation_price(1, asset).unwrap() else {
                continue;
            };
            for off in [0, 1, 0, -1, 0] {
                prices[asset] = (limit as i64).saturating_add(off).max(0);
                world.tick(&prices);
            }
        }
    }
}

#[test]
fn sixteen_legs_a_side_within_a_millionth_of_equality() {
    for kernel in kernels() {
        let mut world = World::of(40, kernel, 20);
        let mut wide = |id: u64| {
            let slot = |dice: &mut world::Dice, side: u16| {
                (
                    2 * dice.below(40) as u16 + side,
                    1_000 + (dice.next() >> dice.one(&[24, 34, 44])),
                )
            };
            let mut legs: Vec<_> = (0..16).map(|_| slot(&mut world.dice, 0)).collect();
            legs.extend((0..16).map(|_| slot(&mut world.dice, 1)));
            let health =
                1.0 + world.dice.one(&[0.0, 1e-6, 1e-7, 1e-8]) * (world.dice.share() - 0.5);
            (id, world.steered(legs, health))
        };
        let positions: Vec<_> = (0..800).map(&mut wide).collect();
        world.set(&positions);
        world.book.reanchor();
        for step in 0..40 {
            let prices = world.moved([0.9, 0.0, 1e-3][step % 3], [0.0, 1e-7, 1e-6][step % 3]);
            world.tick(&prices);
        }
        let calm = world.prices();
        for factor in [1e-3, 1e3, 1.0] {
            let prices: Vec<_> = calm
                .iter()
                .map(|price| ((*price as f64 * factor) as i64).max(1))
                .collect();
            world.tick(&prices);
        }
        world.check_sweep();
    }
}
