//! Insurance funds: one of each mint, for the bad debt of one market.

use lending_math::state::{InsuranceFund, INSURANCE_FUND_LEN};
use lending_math::Error;

use crate::arguments::{amount, Arguments};
use crate::input::{Account, Call};
use crate::syscalls::Seed;
use crate::{load, system, token};

/// `init_insurance_fund()`, by the owner of the market that the fund will cover.
pub fn init(call: &Call<'_>) -> Result<(), Error> {
    Arguments::new(call.data, 0)?;
    let [owner, market, fund, vault, mint, token_program, system_program] = call.exactly()?;
    load::market_of(call.program, market, owner)?;
    token::program(token_program)?;
    system::program(system_program)?;
    token::decimals(mint)?;
    let bump = create_fund(call, owner, fund, mint)?;
    create_vault(call, owner, vault, mint, fund)?;
    let (mint, vault, market) = (*mint.key(), *vault.key(), *market.key());
    let state = InsuranceFund {
        bump,
        mint,
        vault,
        contributed: 0,
        fees: 0,
        covered: 0,
        market,
    };
    fund.write(|bytes| state.encode(bytes))
}

#[inline(never)]
fn create_fund(
    call: &Call<'_>,
    payer: &Account<'_>,
    fund: &Account<'_>,
    mint: &Account<'_>,
) -> Result<u8, Error> {
    let seeds = [Seed::new(b"insurance_fund"), Seed::new(mint.key())];
    let seeds = if *mint.key() == token::SOL_MINT {
        &seeds[..1]
    } else {
        &seeds[..]
    };
    let new = system::New {
        payer,
        account: fund,
        seeds,
        len: INSURANCE_FUND_LEN,
        owner: call.program,
    };
    new.create(call.program)
}

#[inline(never)]
fn create_vault(
    call: &Call<'_>,
    payer: &Account<'_>,
    vault: &Account<'_>,
    mint: &Account<'_>,
    fund: &Account<'_>,
) -> Result<(), Error> {
    let seeds = [Seed::new(b"insurance_vault"), Seed::new(mint.key())];
    let new = system::New {
        payer,
        account: vault,
        seeds: &seeds,
        len: token::ACCOUNT_LEN,
        owner: &token::PROGRAM,
    };
    new.create(call.program)?;
    token::initialize(vault, mint, fund.key())
}

/// `contribute_to_insurance(amount)`, by anybody.
pub fn contribute(call: &Call<'_>) -> Result<(), Error> {
    let amount = amount(call.data)?;
    let [contributor, fund, vault, source, token_program] = call.exactly()?;
    load::signer(contributor)?;
    token::program(token_program)?;
    let mut state = load::any_fund(call.program, fund)?;
    load::fund_vault(&state, vault)?;
    load::token_account(source, &state.mint, vault)?;
    state.contributed = state
        .contributed
        .checked_add(amount)
        .ok_or(Error::Overflow)?;
    fund.write(|bytes| state.encode(bytes))?;
    token::transfer(source, vault, contributor, amount, &[])
}
