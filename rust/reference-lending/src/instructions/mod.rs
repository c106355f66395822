//! Every instruction by its Anchor discriminator: `sha256("global:<name>")[..8]`.

mod bad_debt;
mod insurance;
mod lending;
mod liquidation;
mod market;
mod oracle;
mod position;
mod reserve;
mod supply;

use lending_math::Error;

use crate::input::Call;

const INIT_MARKET: [u8; 8] = [33, 253, 15, 116, 89, 25, 127, 236];
const UPDATE_MARKET: [u8; 8] = [153, 39, 2, 197, 179, 50, 199, 217];
const INIT_ORACLE: [u8; 8] = [78, 100, 33, 183, 96, 207, 60, 91];
const SET_PRICE: [u8; 8] = [16, 19, 182, 8, 149, 83, 72, 181];
const INIT_INSURANCE_FUND: [u8; 8] = [92, 192, 77, 17, 160, 115, 251, 28];
const CONTRIBUTE_TO_INSURANCE: [u8; 8] = [236, 217, 11, 34, 46, 102, 74, 234];
const INIT_RESERVE: [u8; 8] = [138, 245, 71, 225, 153, 4, 3, 43];
const UPDATE_RESERVE: [u8; 8] = [46, 250, 249, 240, 166, 54, 22, 86];
const INIT_POSITION: [u8; 8] = [197, 20, 10, 1, 97, 160, 177, 91];
const CLOSE_POSITION: [u8; 8] = [123, 134, 81, 0, 49, 68, 98, 98];
const DEPOSIT: [u8; 8] = [242, 35, 198, 137, 82, 225, 242, 182];
const WITHDRAW: [u8; 8] = [183, 18, 70, 156, 148, 109, 161, 34];
const BORROW: [u8; 8] = [228, 253, 131, 202, 207, 116, 89, 18];
const REPAY: [u8; 8] = [234, 103, 67, 82, 208, 234, 219, 166];
const ACCRUE: [u8; 8] = [23, 76, 128, 149, 229, 247, 72, 228];
const LIQUIDATE: [u8; 8] = [223, 179, 226, 125, 48, 46, 39, 74];
const WRITE_OFF: [u8; 8] = [42, 219, 118, 129, 76, 117, 45, 177];
const COVER_BAD_DEBT: [u8; 8] = [137, 228, 6, 238, 18, 142, 153, 232];

/// Executes the instruction that the data names.
pub fn execute(call: &Call<'_>) -> Result<(), Error> {
    let (discriminator, data) = call
        .data
        .split_first_chunk::<8>()
        .ok_or(Error::InvalidInstruction)?;
    let call = Call {
        program: call.program,
        accounts: call.accounts,
        data,
    };
    match *discriminator {
        LIQUIDATE => liquidation::liquidate(&call),
        SET_PRICE => oracle::set_price(&call),
        DEPOSIT => supply::deposit(&call),
        WITHDRAW => supply::withdraw(&call),
        BORROW => lending::borrow(&call),
        REPAY => lending::repay(&call),
        ACCRUE => lending::accrue(&call),
        WRITE_OFF => bad_debt::write_off(&call),
        COVER_BAD_DEBT => bad_debt::cover(&call),
        CONTRIBUTE_TO_INSURANCE => insurance::contribute(&call),
        INIT_MARKET => market::init(&call),
        UPDATE_MARKET => market::update(&call),
        INIT_ORACLE => oracle::init(&call),
        INIT_INSURANCE_FUND => insurance::init(&call),
        INIT_RESERVE => reserve::init(&call),
        UPDATE_RESERVE => reserve::update(&call),
        INIT_POSITION => position::init(&call),
        CLOSE_POSITION => position::close(&call),
        _ => Err(Error::InvalidInstruction),
    }
}
