//! Positions and markets of unusual shape.

use exact_oracle::Leg;

use crate::market::{Checked, Market};
use crate::positions::{limit, steer, Edge, Recipe, EDGES, MIXED};
use crate::stories::times;

const TRILLIONS: Recipe = Recipe {
    sizes: &[1e12, 1e11, 1e6],
    legs: &[1, 2, 4],
    edges: EDGES.edges,
};
const WIDE: Recipe = Recipe {
    legs: &[16],
    sizes: &[1e3],
    edges: &[
        Edge::Near(1e-6),
        Edge::Near(-1e-6),
        Edge::Near(1e-7),
        Edge::Near(1e-8),
        Edge::Limit,
    ],
};

/// Sixteen legs a side, everybody within a millionth of equality.
pub fn wide(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &WIDE)?;
    market.reanchor();
    let calm = market.prices();
    for step in 0..40 {
        match step % 4 {
            0 => market.move_all(0.9, 0.0)?,
            1 => market.move_all(0.0, 1e-7)?,
            2 => market.move_few(3, 1e-6)?,
            _ => {
                let factor = market.dice.one(&[1e-3, 1e3, 1.0, 0.3]);
                let prices: Vec<i64> = calm.iter().map(|price| times(*price, factor)).collect();
                market.tick(&prices)?;
            }
        }
        market.churn(10, positions, &WIDE)?;
    }
    Ok(())
}

/// Amounts of a few units, whose roundings decide.
pub fn dust(market: &mut Market, positions: usize) -> Checked {
    let all: Vec<_> = (0..positions).map(|place| (place, dusty(market))).collect();
    market.set(&all)?;
    market.reanchor();
    for step in 0..60 {
        let (common, own) = [(0.0, 1e-8), (1e-3, 1e-4), (0.3, 0.05)][step % 3];
        market.move_all(common, own)?;
        let place = market.dice.below(positions);
        let legs = dusty(market);
        market.set(&[(place, legs)])?;
    }
    Ok(())
}

fn dusty(market: &mut Market) -> Vec<Leg> {
    let size = market.dice.one(&[3, 20, 1_000, 1_000_000, 1_000_000_000]);
    let counts = [market.dice.below(6), 1 + market.dice.below(6)];
    let mut legs = Vec::new();
    for (side, count) in (0..).zip(counts) {
        for _ in 0..count {
            let slot = 2 * market.dice.below(market.assets()) as u16 + side;
            legs.push((slot, 1 + market.dice.next() % size));
        }
    }
    steer(&market.judge, &mut legs, 1.0);
    legs
}

/// Trillions of quote units a leg, at the edge.
pub fn trillions(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &TRILLIONS)?;
    market.reanchor();
    for step in 0..80 {
        match step % 3 {
            0 => market.move_few(3, 1e-7)?,
            1 => market.move_few(3, 1e-3)?,
            _ => market.move_all(1e-2, 1e-9)?,
        }
        market.churn(20, positions, &TRILLIONS)?;
    }
    Ok(())
}

/// 300 reserves in three weight classes: more slots than a page has.
pub fn many_reserves(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &MIXED)?;
    market.reanchor();
    for step in 0..90 {
        market.churn(20, positions * 11 / 10, &MIXED)?;
        market.move_few([3, 30, 900][step % 3], 2e-3)?;
        if step % 20 == 19 {
            let (mut prices, asset) = (market.prices(), market.dice.below(market.assets()));
            prices[asset] = times(prices[asset], 0.01);
            market.tick(&prices)?;
            market.reanchor();
        }
    }
    Ok(())
}

/// One position alone, whose price goes to its limit and one unit to either side.
pub fn alone(market: &mut Market, _: usize) -> Checked {
    for _ in 0..400 {
        let calm: Vec<i64> = (0..2)
            .map(|_| 1 + (market.dice.next() >> 30) as i64)
            .collect();
        market.tick(&calm)?;
        let mut legs = vec![(0, market.dice.next() >> 20), (3, market.dice.next() >> 20)];
        let health = 1.0 + market.dice.share();
        steer(&market.judge, &mut legs, health);
        market.set(&[(0, legs)])?;
        market.reanchor();
        let asset = market.dice.below(2);
        let Ok(Some(aim)) = market
            .book
            .liquidation_price(crate::market::id_of(0), asset)
        else {
            continue;
        };
        for off in [0, 1, 0, -1, 0] {
            let mut prices = calm.clone();
            prices[asset] = (aim as i64).saturating_add(off).max(0);
            market.tick(&prices)?;
        }
    }
    Ok(())
}

/// Decimals and exponents at the ends of their types, prices of any size.
pub fn powers(market: &mut Market, positions: usize) -> Checked {
    for round in 0..30 {
        let any = |market: &mut Market| (market.dice.next() >> (1 + market.dice.below(63))) as i64;
        let prices: Vec<i64> = (0..market.assets()).map(|_| any(market)).collect();
        market.tick(&prices)?;
        let first = round * positions / 30;
        for place in first..first + positions / 20 + 1 {
            let mut legs = market.position(&EDGES);
            let more = market.dice.next() % 2;
            if place % 3 == 0 {
                limit(&market.judge, &mut legs, more);
            }
            market.set(&[(place, legs)])?;
        }
        if round % 7 == 0 {
            market.reanchor();
        }
    }
    Ok(())
}
