//! Prices of a validator's pool token: SOL's price times what one token stands for.

use lending_math::bytes::{get, get_u64};
use lending_math::Pubkey;

use super::bank::Bank;
use super::derived::on_ramp;
use super::feed::{primary, Feed, Loaded, Quote};
use super::multiplier::scaled;
use super::programs::TOKEN;
use super::refusal::{math, Outcome, Refusal};
use super::world::World;
use crate::fixed::i80f48::I80F48;

/// Lamports that stay in a pool for ever.
const INITIAL_STAKE: u64 = 1_000_000_000;
/// Flags: prices are switched off; prices count both stake accounts' lamports.
const DISABLED: u64 = 1 << 9;
const COUNTS_ON_RAMP: u64 = 1 << 10;
/// Length of an initialised mint.
const MINT_LENGTH: usize = 82;

/// Returns the accounts beside the price that the bank's oracle reads.
#[must_use]
pub fn accounts(bank: &Bank, is_old: bool) -> Vec<Pubkey> {
    let mut needed = vec![bank.oracle_key(1), bank.oracle_key(2)];
    if !is_old {
        needed.extend(on_ramp_of(bank));
    }
    needed
}

fn on_ramp_of(bank: &Bank) -> Option<Pubkey> {
    let (configured, vote) = (bank.oracle_key(3), bank.fields.key(1_560));
    match (configured == [0; 32], vote == [0; 32]) {
        (false, _) => Some(configured),
        (true, false) => Some(on_ramp(&vote)),
        (true, true) => None,
    }
}

/// Reads the price of SOL and multiplies it.
pub fn load(bank: &Bank, world: &World) -> Outcome<Loaded> {
    let is_old = world.version.is_old();
    let mint = world.account(&bank.oracle_key(1)).ok_or(Refusal::Panic)?;
    let is_initialised = mint.data.get(45) == Some(&1);
    if mint.owner != TOKEN || mint.data.len() != MINT_LENGTH || !is_initialised {
        return Err(Refusal::Panic);
    }
    let supply = get_u64(mint.data, 36).map_err(|_| Refusal::Panic)?;
    if supply == 0 && !is_old {
        return Err(Refusal::StakeSupply);
    }
    let stake = match bank.flags() & (DISABLED | COUNTS_ON_RAMP) {
        0 => delegated(bank, world)?,
        _ if is_old => delegated(bank, world)?,
        DISABLED => return Err(Refusal::StakeDisabled),
        _ => held(bank, world)?,
    };
    let raw = primary(bank, world)?;
    let Feed::Pyth {
        spot,
        average,
        exponent,
    } = raw
    else {
        return Err(Refusal::Panic);
    };
    let multiplied = |quote| {
        if is_old {
            old(quote, stake, supply)
        } else {
            adjusted(quote, stake, supply)
        }
    };
    let feed = Feed::Pyth {
        spot: multiplied(spot)?,
        average: multiplied(average)?,
        exponent,
    };
    let factor = I80F48::whole(stake).over(I80F48::whole(supply));
    Ok(Loaded {
        feed,
        raw: Some((raw, factor.unwrap_or(I80F48::ONE))),
    })
}

/// The old program leaves the confidence as it is, and panics where a price does not fit.
fn old(quote: Quote, stake: u64, supply: u64) -> Outcome<Quote> {
    let price = i128::from(quote.price)
        .checked_mul(i128::from(stake))
        .and_then(|price| price.checked_div(i128::from(supply)));
    let price = i64::try_from(math(price)?).map_err(|_| Refusal::Panic)?;
    Ok(Quote { price, ..quote })
}

fn adjusted(quote: Quote, stake: u64, supply: u64) -> Outcome<Quote> {
    let sure = Quote { price: 0, ..quote };
    let confidence = math(scaled(sure, u128::from(stake), u128::from(supply)))?.confidence;
    let price = old(quote, stake, supply).map_err(|_| Refusal::Math)?.price;
    Ok(Quote { price, confidence })
}

/// Returns the pool's delegated lamports without its first SOL.
fn delegated(bank: &Bank, world: &World) -> Outcome<u64> {
    /// Tag, meta, delegation, credits, flags.
    const LENGTH: usize = 197;
    let pool = world
        .account(&bank.oracle_key(2))
        .ok_or(Refusal::StakePool)?;
    let tag = get(pool.data, 0).map(u32::from_le_bytes);
    match tag {
        Ok(2) if pool.data.len() >= LENGTH => {
            let stake = get_u64(pool.data, 156).map_err(|_| Refusal::Internal)?;
            math(stake.checked_sub(INITIAL_STAKE))
        }
        Ok(0 | 1 | 3) if world.version.is_old() => Err(Refusal::Panic),
        Ok(0 | 1 | 3) => Err(Refusal::StakePool),
        _ => Err(Refusal::Internal),
    }
}

/// Returns both stake accounts' lamports above what rent demands.
fn held(bank: &Bank, world: &World) -> Outcome<u64> {
    let second = on_ramp_of(bank).ok_or(Refusal::StakePool)?;
    let above_rent = |key: &Pubkey| {
        let account = world.account(key).ok_or(Refusal::OracleKeys)?;
        let rent = (account.data.len() as u64 + 128) * 6_960;
        Ok(account.lamports.saturating_sub(rent))
    };
    let first: u64 = above_rent(&bank.oracle_key(2))?;
    Ok(first.saturating_add(above_rent(&second)?))
}
