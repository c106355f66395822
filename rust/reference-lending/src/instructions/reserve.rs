//! Reserves: made and configured by the market's owner.

use lending_math::state::{Config, Oracle, Reserve, RESERVE_LEN};
use lending_math::{price, Error, WAD};

use crate::arguments::Arguments;
use crate::input::{Account, Call};
use crate::syscalls::{self, Seed};
use crate::{load, system, token};

/// `init_reserve(config)`: the mint's insurance fund has to cover this market.
pub fn init(call: &Call<'_>) -> Result<(), Error> {
    let config = Arguments::new(call.data, 40)?.config()?;
    let [owner, market, reserve, vault, mint, oracle, fund, token_program, system_program] =
        call.exactly()?;
    let mut market_state = load::market_of(call.program, market, owner)?;
    token::program(token_program)?;
    system::program(system_program)?;
    let decimals = token::decimals(mint)?;
    let oracle_state = load::any_oracle(call.program, mint.key(), oracle)?;
    price::power(oracle_state.exponent, decimals)?;
    load::fund(call.program, market.key(), mint.key(), fund)?;
    market_state.reserve_count = market_state
        .reserve_count
        .checked_add(1)
        .ok_or(Error::Overflow)?;
    market.write(|bytes| market_state.encode(bytes))?;
    let bump = create(call, owner, market, reserve, mint)?;
    create_vault(call, owner, market, reserve, vault, mint)?;
    store_new(
        reserve,
        bump,
        decimals,
        &config,
        [market, mint, vault, oracle],
    )
}

#[inline(never)]
fn create(
    call: &Call<'_>,
    payer: &Account<'_>,
    market: &Account<'_>,
    reserve: &Account<'_>,
    mint: &Account<'_>,
) -> Result<u8, Error> {
    let seeds = [
        Seed::new(b"reserve"),
        Seed::new(market.key()),
        Seed::new(mint.key()),
    ];
    let new = system::New {
        payer,
        account: reserve,
        seeds: &seeds,
        len: RESERVE_LEN,
        owner: call.program,
    };
    new.create(call.program)
}

#[inline(never)]
fn create_vault(
    call: &Call<'_>,
    payer: &Account<'_>,
    market: &Account<'_>,
    reserve: &Account<'_>,
    vault: &Account<'_>,
    mint: &Account<'_>,
) -> Result<(), Error> {
    let seeds = [Seed::new(b"vault"), Seed::new(reserve.key())];
    let new = system::New {
        payer,
        account: vault,
        seeds: &seeds,
        len: token::ACCOUNT_LEN,
        owner: &token::PROGRAM,
    };
    new.create(call.program)?;
    token::initialize(vault, mint, market.key())
}

#[inline(never)]
fn store_new(
    reserve: &Account<'_>,
    bump: u8,
    decimals: u8,
    config: &Config,
    [market, mint, vault, oracle]: [&Account<'_>; 4],
) -> Result<(), Error> {
    let state = Reserve {
        bump,
        decimals,
        market: *market.key(),
        mint: *mint.key(),
        vault: *vault.key(),
        oracle: *oracle.key(),
        config: *config,
        total_deposits: 0,
        total_debt_shares: 0,
        borrow_index: WAD,
        accrued_slot: syscalls::slot()?,
        bad_debt_total: 0,
        bad_debt_covered: 0,
        liquidations: 0,
    };
    reserve.write(|bytes| state.encode(bytes))
}

/// `update_reserve(config)`: interest up to now is at the old rate; the oracle may be another of the mint.
pub fn update(call: &Call<'_>) -> Result<(), Error> {
    let config = Arguments::new(call.data, 40)?.config()?;
    let [owner, market, reserve, oracle] = call.exactly()?;
    load::market_of(call.program, market, owner)?;
    let mut state = load::reserve(call.program, market.key(), reserve)?;
    let Oracle { exponent, .. } = load::any_oracle(call.program, &state.mint, oracle)?;
    price::power(exponent, state.decimals)?;
    load::accrue(&mut state, syscalls::slot()?)?;
    state.config = config;
    state.oracle = *oracle.key();
    reserve.write(|bytes| state.encode(bytes))
}
