//! Switchboard as Save reads it: version 2 aggregators and on-demand feeds. Both give a spot price and no smoothed one.

use lending_math::Pubkey;

use super::fault::{Fault, Outcome, ABORTED, BROKEN, INVALID_ORACLE, MATH_OVERFLOW};
use crate::fixed::wad::{Decimal, WAD};

/// Owner of version 2 aggregators, `SW1TCH7qEPTdLsDHRgPuMQjbQxKdH2aBStViMFnt64f`.
pub const AGGREGATOR_PROGRAM: Pubkey = [
    6, 136, 81, 198, 140, 104, 50, 240, 47, 165, 129, 177, 191, 73, 27, 119, 202, 65, 119, 107,
    162, 185, 136, 181, 166, 250, 186, 142, 227, 162, 236, 144,
];
/// Owner of on-demand feeds, `SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv`.
pub const FEED_PROGRAM: Pubkey = [
    6, 115, 189, 70, 242, 228, 126, 4, 241, 43, 217, 47, 183, 49, 150, 142, 205, 157, 151, 87, 194,
    116, 218, 135, 71, 111, 70, 92, 4, 12, 101, 115,
];

const AGGREGATOR: [u8; 8] = [0xd9, 0xe6, 0x41, 0x65, 0xc9, 0xa2, 0x1b, 0x7d];
const AGGREGATOR_LENGTH: usize = 3851;
const FEED: [u8; 8] = [0xc4, 0x1b, 0x6c, 0xc4, 0x0a, 0xd7, 0xdb, 0x28];
const FEED_LENGTH: usize = 3208;
/// Slots after which a price is stale.
const STALE_AFTER: u64 = 240;
/// Errors of the library that decodes aggregators: no discriminator, another one, too few oracles answered.
const NO_DISCRIMINATOR: Fault = Fault(3001);
const OTHER_DISCRIMINATOR: Fault = Fault(3002);
const INVALID_ROUND: Fault = Fault(6000);
/// 10¹⁸, which the feed's results are divided by.
const UNIT: Decimal = Decimal::scaled(WAD as u128 * WAD as u128);
/// Largest mantissa of the decimals that the on-demand library hands out, 96 bits.
const LARGEST_MANTISSA: u128 = (1 << 96) - 1;

/// Returns an aggregator's price; without `fresh`, however old it is.
pub fn aggregator_price(data: &[u8], slot: u64, fresh: bool) -> Outcome<Decimal> {
    if *data.first_chunk::<8>().ok_or(NO_DISCRIMINATOR)? != AGGREGATOR {
        return Err(OTHER_DISCRIMINATOR);
    }
    let data: &[u8; AGGREGATOR_LENGTH] = data.first_chunk().ok_or(ABORTED)?;
    let opened = u64::from_le_bytes(field(data, 350)?);
    let age = slot.checked_sub(opened).ok_or(MATH_OVERFLOW)?;
    if fresh && age >= STALE_AFTER {
        return Err(INVALID_ORACLE);
    }
    let [sliding] = field(data, 3712)?;
    let (wanted, answered) = (
        u32::from_le_bytes(field(data, 236)?),
        u32::from_le_bytes(field(data, 341)?),
    );
    if sliding != 1 && wanted > answered {
        return Err(INVALID_ROUND);
    }
    let mantissa =
        u128::try_from(i128::from_le_bytes(field(data, 366)?)).map_err(|_| INVALID_ORACLE)?;
    let scale = u32::from_le_bytes(field(data, 382)?);
    let unit = 10u128.checked_pow(scale).ok_or(ABORTED)?;
    Ok(Decimal::whole(mantissa).try_div(Decimal::whole(unit))?)
}

/// Returns an on-demand feed's price, which has to be fresh and its range within a tenth of it.
pub fn feed_price(data: &[u8], slot: u64) -> Outcome<Decimal> {
    if *data.first_chunk::<8>().ok_or(BROKEN)? != FEED {
        return Err(BROKEN);
    }
    let data: &[u8; FEED_LENGTH] = data.first_chunk().ok_or(ABORTED)?;
    let written = u64::from_le_bytes(field(data, 2368)?);
    if slot.checked_sub(written).ok_or(MATH_OVERFLOW)? >= STALE_AFTER {
        return Err(INVALID_ORACLE);
    }
    if written == 0 {
        return Err(BROKEN); // never answered
    }
    let price = decimal(i128::from_le_bytes(field(data, 2264)?))?;
    let range = decimal(i128::from_le_bytes(field(data, 2312)?))?;
    if range.times(10)? > price {
        return Err(INVALID_ORACLE);
    }
    Ok(price)
}

/// A result of 18 digits; the library panics where it does not fit its own decimals, and the program's division overflows
/// above 6,277 quote units.
fn decimal(value: i128) -> Outcome<Decimal> {
    if value.unsigned_abs() > LARGEST_MANTISSA {
        return Err(ABORTED);
    }
    let value = u128::try_from(value).map_err(|_| INVALID_ORACLE)?;
    Ok(Decimal::whole(value).try_div(UNIT)?)
}

fn field<const N: usize>(data: &[u8], at: usize) -> Outcome<[u8; N]> {
    let bytes = data.get(at..).and_then(|rest| rest.first_chunk());
    bytes.copied().ok_or(ABORTED)
}
