//! Oracles: a mint's price, set by whoever made the oracle. A market's owner chooses which to believe.

use lending_math::state::{Oracle, ORACLE_LEN};
use lending_math::Error;

use crate::arguments::Arguments;
use crate::input::Call;
use crate::syscalls::{self, Seed};
use crate::{load, system, token};

/// `init_oracle(exponent)`: without a price yet, so nobody can rely on it.
pub fn init(call: &Call<'_>) -> Result<(), Error> {
    let exponent = Arguments::new(call.data, 4)?.i32()?;
    let [authority, oracle, mint, system_program] = call.exactly()?;
    load::signer(authority)?;
    system::program(system_program)?;
    token::decimals(mint)?;
    let seeds = [
        Seed::new(b"oracle"),
        Seed::new(authority.key()),
        Seed::new(mint.key()),
    ];
    let new = system::New {
        payer: authority,
        account: oracle,
        seeds: &seeds,
        len: ORACLE_LEN,
        owner: call.program,
    };
    let bump = new.create(call.program)?;
    let (authority, mint) = (*authority.key(), *mint.key());
    let state = Oracle {
        bump,
        exponent,
        authority,
        mint,
        price: 0,
        confidence: 0,
        slot: 0,
        updates: 0,
    };
    oracle.write(|bytes| state.encode(bytes))
}

/// `set_price(price, confidence)`, by the oracle's authority. A price of 0 takes the price back.
pub fn set_price(call: &Call<'_>) -> Result<(), Error> {
    let mut arguments = Arguments::new(call.data, 16)?;
    let (price, confidence) = (arguments.u64()?, arguments.u64()?);
    let [authority, oracle] = call.exactly()?;
    let mut state = load::oracle_of(call.program, oracle, authority)?;
    state.price = price;
    state.confidence = confidence;
    state.slot = syscalls::slot()?;
    state.updates = state.updates.checked_add(1).ok_or(Error::Overflow)?;
    oracle.write(|bytes| state.encode(bytes))
}
