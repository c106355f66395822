//! The feeds that the program reads from 1.8 on: Pyth's pull accounts and Switchboard on demand. No binary of these versions is at
//! hand; the rules are the published ones.

use crate::oracles::pyth::{Price, PriceUpdate, Verification, RECEIVER};
use crate::oracles::switchboard::{PullFeed, DECIMALS, PROGRAM};
use crate::protocols::adapter::{Account, Clock};
use crate::protocols::kamino::sample::{Digits, Feed};

/// How much larger than its spread a price has to be.
const CONFIDENCE: u128 = 50;
const MILLISECONDS_PER_SLOT: u64 = 400;

/// Returns a Pyth account's price: fully verified, positive, price and average both at least 50 times their confidence.
#[must_use]
pub fn pyth(account: &Account) -> Option<Feed> {
    let update = PriceUpdate::decode(account.data)?;
    if account.owner != RECEIVER || update.verification != Verification::Full {
        return None;
    }
    let time = u64::try_from(update.publish_time).ok()?;
    Some(Feed {
        name: "Pyth",
        time,
        price: digits(update.price)?,
        average: Some((digits(update.average)?, time)),
    })
}

fn digits(price: Price) -> Option<Digits> {
    let value = u128::from(u64::try_from(price.mantissa).ok()?);
    let spread = u128::from(price.confidence).checked_mul(CONFIDENCE)?;
    let (value, places) = match u32::try_from(price.exponent) {
        Ok(up) => (value.checked_mul(10u128.checked_pow(up)?)?, 0),
        Err(_) => (value, price.exponent.unsigned_abs()),
    };
    (value > 0 && spread <= u128::from(price.mantissa.unsigned_abs())).then_some(Digits {
        value,
        places,
        confident: true,
    })
}

/// Returns a pull feed's price with the other one's as its average.
#[must_use]
pub fn switchboard(account: &Account, average: Option<&Account>, clock: Clock) -> Option<Feed> {
    let (price, time) = result(account, clock)?;
    let average = match average {
        None => None,
        Some(account) => Some(result(account, clock)?),
    };
    Some(Feed {
        name: "Switchboard",
        time,
        price,
        average,
    })
}

/// Returns a positive result and its time, now − slots since · 0.4 s in whole milliseconds; confident: deviation · 50 < value.
fn result(account: &Account, clock: Clock) -> Option<(Digits, u64)> {
    let feed = PullFeed::decode(account.data).filter(|_| account.owner == PROGRAM)?;
    let now = u64::try_from(clock.unix_timestamp).ok()?;
    let slots = clock.slot.saturating_sub(feed.slot);
    let time = now.saturating_sub(slots.checked_mul(MILLISECONDS_PER_SLOT)? / 1_000);
    let value = u128::try_from(feed.value).ok().filter(|it| *it > 0)?;
    let spread = feed.std_dev.checked_mul(CONFIDENCE as i128);
    let digits = Digits {
        value,
        places: DECIMALS,
        confident: spread.is_some_and(|spread| spread < feed.value),
    };
    Some((digits, time))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{digits, pyth, switchboard};
    use crate::oracles::pyth::{Price, RECEIVER};
    use crate::oracles::switchboard::{DISCRIMINATOR, LENGTH, PROGRAM};
    use crate::protocols::adapter::{Account, Clock};

    fn price(mantissa: i64, confidence: u64, exponent: i32) -> Price {
        Price {
            mantissa,
            confidence,
            exponent,
        }
    }

    #[test]
    fn a_confidence_of_a_fiftieth_is_enough() {
        assert!(digits(price(1_000, 20, -8)).is_some());
        assert!(digits(price(1_000, 21, -8)).is_none());
        assert!(digits(price(0, 0, -8)).is_none());
        assert!(digits(price(-5, 0, -8)).is_none());
        assert_eq!(digits(price(3, 0, 2)).unwrap().value, 300);
        assert_eq!(digits(price(3, 0, -2)).unwrap().places, 2);
    }

    #[test]
    fn a_result_is_as_old_as_its_slots_say() {
        let mut data = vec![0; LENGTH];
        data[..8].copy_from_slice(&DISCRIMINATOR);
        data[2264..2280].copy_from_slice(&5_000i128.to_le_bytes());
        data[2280..2296].copy_from_slice(&99i128.to_le_bytes());
        data[2368..2376].copy_from_slice(&1_000u64.to_le_bytes());
        let clock = Clock {
            slot: 1_007,
            unix_timestamp: 500,
        };
        let read = |owner, data: &[u8]| {
            let account = Account {
                owner,
                lamports: 1,
                data,
            };
            switchboard(&account, None, clock)
        };
        let feed = read(PROGRAM, &data).unwrap();
        assert_eq!((feed.time, feed.price.confident), (498, true)); // 2.8 s
        assert!(read(RECEIVER, &data).is_none());
        data[2280] = 100;
        assert!(!read(PROGRAM, &data).unwrap().price.confident);
        data[2264..2280].copy_from_slice(&(-1i128).to_le_bytes());
        assert!(read(PROGRAM, &data).is_none());
    }

    #[test]
    fn a_partly_verified_update_is_passed_over() {
        let mut data = vec![0; 134];
        data[..8].copy_from_slice(&[0x22, 0xf1, 0x23, 0x63, 0x9d, 0x7e, 0xf4, 0xcd]);
        data[40] = 1;
        for at in [73, 109] {
            data[at..at + 8].copy_from_slice(&7i64.to_le_bytes());
        }
        let read = |data: &[u8]| {
            pyth(&Account {
                owner: RECEIVER,
                lamports: 1,
                data,
            })
        };
        assert_eq!(read(&data).unwrap().price.value, 7);
        data[40] = 0;
        assert!(read(&data).is_none());
    }
}
