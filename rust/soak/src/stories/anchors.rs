//! What an anchor is laid over, and what changes while it is old or being laid.

use std::thread;

use crate::market::{Checked, Market, Stop};
use crate::positions::{EDGES, MIXED, NATURAL};

/// Hundreds of ticks and updates without a new anchor.
pub fn stale(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &MIXED)?;
    market.reanchor();
    for step in 0..160 {
        market.churn(
            40,
            positions * 11 / 10,
            if step % 2 == 0 { &NATURAL } else { &EDGES },
        )?;
        match step % 4 {
            0 => market.move_all(2e-3, 4e-3)?,
            1 => market.move_few(2, 2e-2)?,
            _ => market.move_few(2, 1e-6)?,
        }
    }
    Ok(())
}

/// Another thread lays the anchor while ticks and updates go on; some of them are given up for a later one.
pub fn laid_in_the_background(market: &mut Market, positions: usize) -> Checked {
    market.populate(0..positions, &MIXED)?;
    for round in 0..24 {
        let task = market.begin_anchor();
        let laying = thread::spawn(move || task.lay());
        for _ in 0..round % 7 {
            market.churn(40, positions, &MIXED)?;
            market.move_few(3, 5e-3)?;
        }
        if round % 8 == 7 {
            let (earlier, again) = (laying.join(), market.begin_anchor());
            market.churn(40, positions, &MIXED)?;
            market.install(earlier.map_err(|_| Stop::Refused("the laying thread died".into()))?);
            market.move_all(5e-3, 5e-3)?;
            market.install(again.lay());
        } else {
            market.churn(40, positions, &EDGES)?;
            market.install(
                laying
                    .join()
                    .map_err(|_| Stop::Refused("the laying thread died".into()))?,
            );
        }
        market.move_few(3, 1e-3)?;
        market.move_all(1e-2, 1e-3)?;
        market.look_at_all()?;
    }
    Ok(())
}

/// From nothing: one by one, then in batches, then at once as many as there are.
pub fn growth(market: &mut Market, positions: usize) -> Checked {
    let alone = (positions / 20).min(400);
    for place in 0..alone {
        market.populate(place..place + 1, &MIXED)?;
        if place % 25 == 0 {
            market.move_all(1e-3, 1e-3)?;
        }
    }
    let mut have = alone;
    while have < positions {
        let more = (have / 4).clamp(1, positions - have);
        market.populate(have..have + more, &MIXED)?;
        have += more;
        market.move_few(2, 3e-3)?;
    }
    market.populate(positions / 2..2 * positions, &MIXED)?;
    for _ in 0..30 {
        market.move_few(2, 3e-3)?;
    }
    market.remove(&(0..positions).collect::<Vec<_>>())?;
    market.move_all(1e-2, 1e-3)
}

/// Prices move while nobody holds the asset; then somebody does.
pub fn first_holders(market: &mut Market, positions: usize) -> Checked {
    for round in 0..20 {
        let all: Vec<usize> = (0..market.judge.places()).collect();
        market.remove(&all)?;
        market.reanchor();
        for step in 0..8 {
            market.move_few(4, [1e-3, 0.3, 0.9][step % 3])?;
            let places = step * positions / 8..(step + 1) * positions / 8;
            market.populate(places, if round % 2 == 0 { &EDGES } else { &MIXED })?;
            market.move_few(2, 1e-8)?;
            market.move_few(2, 1e-3)?;
        }
    }
    Ok(())
}
