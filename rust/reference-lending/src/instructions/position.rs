//! Positions: made and closed by their owner.

use lending_math::state::{Position, POSITION_LEN};
use lending_math::Error;

use crate::arguments::Arguments;
use crate::input::Call;
use crate::syscalls::{self, Seed};
use crate::{load, system};

/// `init_position(id)`: without legs.
pub fn init(call: &Call<'_>) -> Result<(), Error> {
    let id = Arguments::new(call.data, 8)?.u64()?;
    let [owner, market, position, system_program] = call.exactly()?;
    load::signer(owner)?;
    system::program(system_program)?;
    load::market(call.program, market)?;
    let id_bytes = id.to_le_bytes();
    let seeds = [
        Seed::new(b"position"),
        Seed::new(market.key()),
        Seed::new(owner.key()),
        Seed::new(&id_bytes),
    ];
    let new = system::New {
        payer: owner,
        account: position,
        seeds: &seeds,
        len: POSITION_LEN,
        owner: call.program,
    };
    let bump = new.create(call.program)?;
    let mut state = Position::new(bump, *market.key(), *owner.key(), id);
    state.last_update_slot = syscalls::slot()?;
    position.write(|bytes| state.encode(bytes))
}

/// `close_position()`: its lamports go back to the owner.
pub fn close(call: &Call<'_>) -> Result<(), Error> {
    Arguments::new(call.data, 0)?;
    let [owner, position] = call.exactly()?;
    let state = load::any_position(call.program, position)?;
    load::signed_by(owner, &state.owner)?;
    if !state.legs().is_empty() {
        return Err(Error::PositionNotEmpty);
    }
    position.close(owner)
}
