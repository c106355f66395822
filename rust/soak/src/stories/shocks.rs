//! Prices and weights that jump, vanish and come back.

use exact_oracle::Leg;

use crate::market::{Checked, Market};
use crate::positions::{steer, EDGES, MIXED};
use crate::stories::times;

/// One asset falls by 99 %, rises to a hundred times, to a billion times, and comes back.
pub fn falls_and_rises(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &EDGES)?;
    market.reanchor();
    for round in 0..24 {
        let (calm, asset) = (market.prices(), market.dice.below(market.assets()));
        for factor in [0.01, 100.0, 1e9, 1.0] {
            let mut prices = calm.clone();
            prices[asset] = times(calm[asset], factor);
            market.tick(&prices)?;
            market.churn(10, positions, &MIXED)?;
        }
        if round % 3 == 0 {
            market.reanchor();
        }
    }
    Ok(())
}

/// Prices of a billionth and of a billion, one unit of mantissa among them.
pub fn ends_of_the_range(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &EDGES)?;
    market.reanchor();
    for step in 0..70 {
        let mut prices = market.moved(0.0, 1e-3);
        let asset = market.dice.below(prices.len());
        prices[asset] = market.dice.one(&[
            1,
            10,
            100_000_000,
            100_000_000_000_000_000,
            1_000_000_000_000_000_000,
        ]);
        market.tick(&prices)?;
        market.churn(10, positions, &EDGES)?;
        if step % 20 == 19 {
            market.reanchor();
        }
    }
    Ok(())
}

/// A price is missing when an anchor is laid, accounts change, it comes back; and the other way round.
pub fn missing_prices(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &EDGES)?;
    for round in 0..24 {
        let (calm, asset) = (market.prices(), market.dice.below(market.assets()));
        let mut missing = calm.clone();
        missing[asset] = 0;
        if round % 2 == 0 {
            market.tick(&missing)?;
        }
        market.reanchor();
        market.churn(60, positions, &EDGES)?;
        market.tick(if round % 2 == 0 { &calm } else { &missing })?;
        market.move_all(1e-3, 1e-3)?;
        market.tick(&calm)?;
    }
    Ok(())
}

/// A weight is 0 when an anchor is laid, and comes back.
pub fn zero_weights(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &EDGES)?;
    for _ in 0..24 {
        let [collateral, debt] = market.judge.weights().clone();
        let (asset, side) = (market.dice.below(market.assets()), market.dice.below(2));
        let mut none = [collateral.clone(), debt.clone()];
        none[side][asset] = 0;
        market.weigh(&none[0], &none[1])?;
        market.reanchor();
        market.move_all(1e-3, 1e-3)?;
        market.churn(60, positions, &EDGES)?;
        market.weigh(&collateral, &debt)?;
    }
    Ok(())
}

/// One in a hundred holds a rare asset, far from its limit; that asset alone goes far.
pub fn rare_outlier(market: &mut Market, positions: usize) -> Checked {
    let positions = positions.max(20_000); // with fewer, reading everything costs less than the rule
    let all: Vec<_> = (0..positions)
        .map(|place| (place, with_a_rare_leg(market, place)))
        .collect();
    market.set(&all)?;
    market.reanchor();
    let (calm, rare) = (market.prices(), market.assets() - 1);
    for step in 0..40 {
        let mut prices = market.moved(0.0, 1e-4);
        prices[rare] = times(calm[rare], [0.2, 0.9, 1.0, 2.0, 9.0, 1.0][step % 6]);
        market.tick(&prices)?;
    }
    Ok(())
}

fn with_a_rare_leg(market: &mut Market, place: usize) -> Vec<Leg> {
    let common = market.assets() - 1;
    let leg = |market: &mut Market, asset: usize, side: u16| {
        let slot = 2 * asset as u16 + side;
        (
            slot,
            (1e20 / market.judge.unit(slot)).clamp(1.0, 1e18) as u64,
        )
    };
    let (deposit, debt) = (market.dice.below(common), market.dice.below(common));
    let mut legs = vec![leg(market, deposit, 0), leg(market, debt, 1)];
    if place.is_multiple_of(100) {
        legs.push(leg(market, common, (place / 100 % 2) as u16));
    }
    let health = 1.0 + 2.0 * market.dice.share() * market.dice.share();
    steer(&market.judge, &mut legs, health);
    legs
}
