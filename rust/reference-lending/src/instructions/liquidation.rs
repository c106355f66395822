//! `liquidate`: one debt leg against one collateral leg of a position whose collateral no longer covers its debt.

use lending_math::bytes::put;
use lending_math::liquidation::{quote, CollateralLeg, DebtLeg, Quote};
use lending_math::state::{InsuranceFund, Market, Position, Reserve, Side};
use lending_math::Error;

use crate::arguments::Arguments;
use crate::input::{Account, Call};
use crate::instructions::supply::pay_out;
use crate::legs::{Named, Sources};
use crate::load::{self, MarketSigner};
use crate::{syscalls, token};

/// What the caller asks for.
struct Wanted {
    amount: u64,
    min_seize: u64,
    expected_version: u64,
}

/// The accounts, by what they are.
struct Accounts<'a> {
    liquidator: &'a Account<'a>,
    market: &'a Account<'a>,
    position: &'a Account<'a>,
    source: &'a Account<'a>,
    debt_vault: &'a Account<'a>,
    collateral_vault: &'a Account<'a>,
    destination: &'a Account<'a>,
    fund: &'a Account<'a>,
    fund_vault: &'a Account<'a>,
    debt_reserve: &'a Account<'a>,
    debt_oracle: &'a Account<'a>,
    collateral_reserve: &'a Account<'a>,
    collateral_oracle: &'a Account<'a>,
    others: &'a [Account<'a>],
}

/// The state that a liquidation changes.
struct State {
    held: Position,
    debt: Reserve,
    collateral: Reserve,
    fund: InsuranceFund,
}

/// `liquidate(amount, min_seize, expected_version)`, by anybody who pays.
pub fn liquidate(call: &Call<'_>) -> Result<(), Error> {
    let mut arguments = Arguments::new(call.data, 24)?;
    let (amount, min_seize, expected_version) =
        (arguments.u64()?, arguments.u64()?, arguments.u64()?);
    let wanted = Wanted {
        amount,
        min_seize,
        expected_version,
    };
    let accounts = named(call)?;
    load::signer(accounts.liquidator)?;
    let market = load::market(call.program, accounts.market)?;
    let mut state = load_state(call, &accounts, &market, &wanted)?;
    let now = syscalls::slot()?;
    load::accrue(&mut state.debt, now)?;
    let quote = decide(call, &accounts, &state, &wanted, now)?;
    settle(&accounts, &mut state, &quote, now)?;
    move_tokens(&accounts, &MarketSigner::new(&market), &quote)?;
    report(&quote, state.held.version)
}

fn named<'a>(call: &Call<'a>) -> Result<Accounts<'a>, Error> {
    let (
        [liquidator, market, position, source, debt_vault, collateral_vault, destination, fund, fund_vault, token_program, debt_reserve, debt_oracle, collateral_reserve, collateral_oracle],
        others,
    ) = call.first()?;
    token::program(token_program)?;
    Ok(Accounts {
        liquidator,
        market,
        position,
        source,
        debt_vault,
        collateral_vault,
        destination,
        fund,
        fund_vault,
        debt_reserve,
        debt_oracle,
        collateral_reserve,
        collateral_oracle,
        others,
    })
}

/// Checks and reads everything that will change. The version comes first: a position that somebody else has just
/// liquidated may have lost the legs that this caller names.
#[inline(never)]
fn load_state(
    call: &Call<'_>,
    accounts: &Accounts<'_>,
    market: &Market,
    wanted: &Wanted,
) -> Result<State, Error> {
    let (program, key) = (call.program, accounts.market.key());
    let held = load::position(program, key, accounts.position)?;
    if market.paused {
        return Err(Error::Paused);
    }
    if held.version != wanted.expected_version {
        return Err(Error::VersionMismatch);
    }
    let debt = load::reserve_and_vault(program, key, accounts.debt_reserve, accounts.debt_vault)?;
    let collateral = load::reserve_and_vault(
        program,
        key,
        accounts.collateral_reserve,
        accounts.collateral_vault,
    )?;
    if accounts.debt_reserve.key() == accounts.collateral_reserve.key() {
        return Err(Error::InvalidAccount);
    }
    load::token_account(accounts.source, &debt.mint, accounts.debt_vault)?;
    load::token_account(
        accounts.destination,
        &collateral.mint,
        accounts.collateral_vault,
    )?;
    let fund = load::fund(program, key, &collateral.mint, accounts.fund)?;
    load::fund_vault(&fund, accounts.fund_vault)?;
    load::token_account(accounts.destination, &collateral.mint, accounts.fund_vault)?;
    Ok(State {
        held,
        debt,
        collateral,
        fund,
    })
}

/// Prices the position and says what the liquidation does.
#[inline(never)]
fn decide(
    call: &Call<'_>,
    accounts: &Accounts<'_>,
    state: &State,
    wanted: &Wanted,
    now: u64,
) -> Result<Quote, Error> {
    let (debt_key, collateral_key) = (
        accounts.debt_reserve.key(),
        accounts.collateral_reserve.key(),
    );
    let (debt_place, shares) = state.held.leg(debt_key, Side::Debt)?;
    let (collateral_place, tokens) = state.held.leg(collateral_key, Side::Collateral)?;
    let named = [
        Named {
            key: debt_key,
            reserve: &state.debt,
            oracle: accounts.debt_oracle,
        },
        Named {
            key: collateral_key,
            reserve: &state.collateral,
            oracle: accounts.collateral_oracle,
        },
    ];
    let (market, others) = (accounts.market.key(), accounts.others);
    let priced = Sources {
        program: call.program,
        market,
        named: &named,
        others,
        now,
    }
    .price(&state.held)?;
    let unit = |place: usize| priced.units.get(place).copied().ok_or(Error::LegNotFound);
    let debt = DebtLeg::new(
        shares,
        state.debt.borrow_index,
        unit(debt_place)?,
        &state.debt.config,
    );
    let collateral = CollateralLeg::new(tokens, unit(collateral_place)?, &state.collateral.config);
    quote(
        &priced.health,
        &debt,
        &collateral,
        wanted.amount,
        wanted.min_seize,
    )
}

/// Changes and stores the books of position, reserves and fund.
#[inline(never)]
fn settle(
    accounts: &Accounts<'_>,
    state: &mut State,
    quote: &Quote,
    now: u64,
) -> Result<(), Error> {
    let State {
        held,
        debt,
        collateral,
        fund,
    } = state;
    held.decrease(accounts.debt_reserve.key(), Side::Debt, quote.shares)?;
    held.decrease(
        accounts.collateral_reserve.key(),
        Side::Collateral,
        quote.seize,
    )?;
    held.version = held.version.checked_add(1).ok_or(Error::Overflow)?;
    held.last_update_slot = now;
    debt.total_debt_shares = debt
        .total_debt_shares
        .checked_sub(quote.shares)
        .ok_or(Error::Overflow)?;
    debt.liquidations = debt.liquidations.checked_add(1).ok_or(Error::Overflow)?;
    collateral.total_deposits = collateral
        .total_deposits
        .checked_sub(quote.seize)
        .ok_or(Error::Overflow)?;
    fund.fees = fund.fees.checked_add(quote.fee).ok_or(Error::Overflow)?;
    accounts.position.write(|bytes| held.encode(bytes))?;
    accounts.debt_reserve.write(|bytes| debt.encode(bytes))?;
    accounts
        .collateral_reserve
        .write(|bytes| collateral.encode(bytes))?;
    accounts.fund.write(|bytes| fund.encode(bytes))
}

/// Step 8: debt in, collateral out, the fee to the insurance vault.
#[inline(never)]
fn move_tokens(accounts: &Accounts<'_>, signer: &MarketSigner, quote: &Quote) -> Result<(), Error> {
    let Accounts {
        collateral_vault,
        market,
        ..
    } = accounts;
    token::transfer(
        accounts.source,
        accounts.debt_vault,
        accounts.liquidator,
        quote.repaid,
        &[],
    )?;
    if quote.received > 0 {
        pay_out(
            signer,
            collateral_vault,
            accounts.destination,
            market,
            quote.received,
        )?;
    }
    if quote.fee > 0 {
        pay_out(
            signer,
            collateral_vault,
            accounts.fund_vault,
            market,
            quote.fee,
        )?;
    }
    Ok(())
}

/// Returns and logs what was done.
#[inline(never)]
fn report(quote: &Quote, version: u64) -> Result<(), Error> {
    let fields = [
        quote.repaid,
        quote.received,
        quote.fee,
        quote.terms.bonus_bps,
        version,
        quote.debt_left,
    ];
    let mut data = [0; 48];
    for (place, field) in fields.iter().enumerate() {
        put(&mut data, 8 * place, &field.to_le_bytes())?;
    }
    syscalls::return_data(&data);
    syscalls::log_data(&data);
    Ok(())
}
