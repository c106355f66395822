//! Prices that move, a little or together.

use crate::market::{Checked, Market};
use crate::positions::{EDGES, MIXED, NATURAL};
use crate::stories::times;

/// Up to twenty assets move by up to ten basis points a tick; accounts change; the book says when it wants a new anchor.
pub fn ordinary_days(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &NATURAL)?;
    market.reanchor();
    for step in 0..300 {
        market.churn(20, positions * 21 / 20, &NATURAL)?;
        market.move_few([1, 3, 20][step % 3], 1e-3)?;
        if market.book.wants_anchor() {
            market.reanchor();
        }
    }
    Ok(())
}

/// Common moves: shares of a percent, whole multiples, and back to where equality was exact.
pub fn joint(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &EDGES)?;
    market.reanchor();
    let calm = market.prices();
    for step in 0..90 {
        match step % 6 {
            0 => market.tick(&calm)?,
            1 => market.move_all(0.02, 0.0)?,
            2 => market.move_all(0.0, 1e-6)?,
            3 => {
                let factor = market.dice.one(&[2, 3, 7, 10, 1_000]);
                let prices: Vec<i64> = calm
                    .iter()
                    .map(|price| price.saturating_mul(factor))
                    .collect();
                market.tick(&prices)?;
            }
            4 => {
                let factor = market.dice.one(&[1e-3, 0.1, 0.5, 0.999_999]);
                let prices: Vec<i64> = calm.iter().map(|price| times(*price, factor)).collect();
                market.tick(&prices)?;
            }
            _ => market.move_all(5e-3, 1e-4)?,
        }
        if step % 20 == 10 {
            market.churn(60, positions, &EDGES)?;
        }
    }
    Ok(())
}

/// A few prices by a unit or two of their mantissa, and back; whoever changes does so at the edge.
pub fn single_units(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &EDGES)?;
    market.reanchor();
    let calm = market.prices();
    for step in 0..160 {
        let mut prices = if step % 5 == 0 {
            calm.clone()
        } else {
            market.prices()
        };
        for _ in 0..1 + market.dice.below(6) {
            let (asset, off) = (
                market.dice.below(prices.len()),
                market.dice.one(&[-2, -1, -1, 1, 1, 2]),
            );
            prices[asset] = (prices[asset] + off).max(1);
        }
        market.tick(&prices)?;
        market.churn(20, positions, &EDGES)?;
        if step % 60 == 59 {
            market.reanchor();
        }
    }
    Ok(())
}

/// One price falls, comes back, overshoots and falls again; some of those told are to be told again.
pub fn crossing_again(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &MIXED)?;
    market.reanchor();
    let calm = market.prices();
    for step in 0..120 {
        let (asset, mut prices) = (step / 30 % market.assets(), calm.clone());
        prices[asset] = times(
            calm[asset],
            [1.0, 0.97, 1.02, 0.6, 0.999, 1.0, 1.5][step % 7],
        );
        if step % 10 == 5 {
            let standing: Vec<usize> = market.judge.liquidatable().step_by(3).collect();
            standing
                .into_iter()
                .try_for_each(|place| market.rearm(place))?;
        }
        if step % 10 == 7 {
            market.churn(40, positions, &MIXED)?;
        }
        market.tick(&prices)?;
        match step % 40 {
            25 => market.reanchor(), // laid while many are liquidatable: they have no lane to be seen in
            35 => market.restore()?, // some are still to be told again
            _ => {}
        }
    }
    Ok(())
}
