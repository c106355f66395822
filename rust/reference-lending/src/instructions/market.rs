//! Markets: made once, then handed over, paused and resumed by their owner.

use lending_math::state::{Market, MARKET_LEN};
use lending_math::Error;

use crate::arguments::Arguments;
use crate::input::Call;
use crate::syscalls::Seed;
use crate::{load, system};

/// `init_market(id, insurance_authority)`: the signer becomes owner and creator.
pub fn init(call: &Call<'_>) -> Result<(), Error> {
    let mut arguments = Arguments::new(call.data, 40)?;
    let (id, insurance_authority) = (arguments.u64()?, arguments.key()?);
    let [owner, market, system_program] = call.exactly()?;
    load::signer(owner)?;
    system::program(system_program)?;
    let id_bytes = id.to_le_bytes();
    let seeds = [
        Seed::new(b"market"),
        Seed::new(owner.key()),
        Seed::new(&id_bytes),
    ];
    let new = system::New {
        payer: owner,
        account: market,
        seeds: &seeds,
        len: MARKET_LEN,
        owner: call.program,
    };
    let bump = new.create(call.program)?;
    let (owner, creator) = (*owner.key(), *owner.key());
    let state = Market {
        bump,
        paused: false,
        owner,
        insurance_authority,
        id,
        reserve_count: 0,
        creator,
    };
    market.write(|bytes| state.encode(bytes))
}

/// `update_market(owner, insurance_authority, paused)`, by the owner.
pub fn update(call: &Call<'_>) -> Result<(), Error> {
    let mut arguments = Arguments::new(call.data, 65)?;
    let (new_owner, insurance_authority) = (arguments.key()?, arguments.key()?);
    let paused = match arguments.u8()? {
        0 => false,
        1 => true,
        _ => return Err(Error::InvalidInstruction),
    };
    let [owner, market] = call.exactly()?;
    let mut state = load::market_of(call.program, market, owner)?;
    state.owner = new_owner;
    state.insurance_authority = insurance_authority;
    state.paused = paused;
    market.write(|bytes| state.encode(bytes))
}
