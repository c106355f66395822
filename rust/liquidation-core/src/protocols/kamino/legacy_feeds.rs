//! The feeds that the program read before 1.8: Pyth's old price accounts and Switchboard's aggregators.

use lending_math::Pubkey;

use crate::oracles::pyth::LegacyPrice;
use crate::protocols::adapter::Account;
use crate::protocols::kamino::bytes::{i128_at, i64_at, u32_at, u64_at};
use crate::protocols::kamino::sample::{Digits, Feed};
use crate::protocols::kamino::stop::Stop;

/// How much larger than its spread a price has to be.
const CONFIDENCE: u64 = 50;
/// Where the time of the price before stands in Pyth's account.
const PREVIOUS_TIME: usize = 200;
/// `SW1TCH7qEPTdLsDHRgPuMQjbQxKdH2aBStViMFnt64f`.
const AGGREGATOR_PROGRAM: Pubkey = [
    6, 136, 81, 198, 140, 104, 50, 240, 47, 165, 129, 177, 191, 73, 27, 119, 202, 65, 119, 107,
    162, 185, 136, 181, 166, 250, 186, 142, 227, 162, 236, 144,
];
const AGGREGATOR: [u8; 8] = [0xd9, 0xe6, 0x41, 0x65, 0xc9, 0xa2, 0x1b, 0x7d];
const AGGREGATOR_LENGTH: usize = 3_851;

/// Returns a Pyth account's price, whoever owns the account and however old it is. A negative price panics the program.
///
/// Confident: confidence · 50 ≤ price. The average is not asked for its confidence. An exponent counts without its sign.
pub fn pyth(account: &Account) -> Result<Option<Feed>, Stop> {
    let data = account.data;
    let Some(account) = LegacyPrice::decode(data) else {
        return Ok(None);
    };
    let current = account.whatever_age();
    let price = u64::try_from(current.mantissa).map_err(|_| Stop::Panic)?;
    if price == 0 {
        return Ok(None);
    }
    let spread = current.confidence.checked_mul(CONFIDENCE);
    if spread.ok_or(Stop::Panic)? > price {
        return Ok(None);
    }
    let average = u64::try_from(account.average.mantissa).map_err(|_| Stop::Panic)?;
    let seconds = |time| u64::try_from(time).map_err(|_| Stop::Panic);
    let time = if account.trading {
        account.timestamp
    } else {
        i64_at(data, PREVIOUS_TIME)
    };
    let digits = |value: u64| Digits {
        value: value.into(),
        places: current.exponent.unsigned_abs(),
        confident: true,
    };
    Ok(Some(Feed {
        name: "Pyth",
        time: seconds(time)?,
        price: digits(price),
        average: Some((digits(average), seconds(account.timestamp)?)),
    }))
}

/// Returns an aggregator's price with the other one's as its average; neither without the other where an average is asked for.
pub fn switchboard(account: &Account, average: Option<&Account>) -> Result<Option<Feed>, Stop> {
    let Some((price, time)) = round(account)? else {
        return Ok(None);
    };
    let average = match average {
        None => None,
        Some(account) => match round(account)? {
            None => return Ok(None),
            found => found,
        },
    };
    Ok(Some(Feed {
        name: "Switchboard",
        time,
        price,
        average,
    }))
}

/// Returns result and time of the latest confirmed round, `None` where too few oracles answered or it is not positive.
fn round(account: &Account) -> Result<Option<(Digits, u64)>, Stop> {
    let data = account.data;
    let known = account.owner == AGGREGATOR_PROGRAM
        && data.len() >= AGGREGATOR_LENGTH
        && data.starts_with(&AGGREGATOR);
    let (wanted, answered) = (u32_at(data, 236), u32_at(data, 341));
    let (price, places) = (i128_at(data, 366), u32_at(data, 382));
    if !known || wanted > answered || price <= 0 {
        return Ok(None);
    }
    let digits = Digits {
        value: price.unsigned_abs(),
        places,
        confident: confident((price, places), (i128_at(data, 386), u32_at(data, 402))).is_some(),
    };
    let time = u64_at(data, 358);
    let sane = i64::try_from(time).map_err(|_| Stop::Panic);
    sane.map(|_| Some((digits, time)))
}

/// deviation · 50 < price, both brought to the larger number of places; `None` where it is not, or a number does not fit.
fn confident(price: (i128, u32), deviation: (i128, u32)) -> Option<()> {
    let places = price.1.max(deviation.1);
    let level = |(value, from): (i128, u32)| {
        10i128
            .checked_pow(places.checked_sub(from)?)?
            .checked_mul(value)
    };
    let spread = level(deviation)?.checked_mul(i128::from(CONFIDENCE))?;
    (spread < level(price)?).then_some(())
}

#[cfg(test)]
mod tests {
    use super::confident;

    #[test]
    fn a_deviation_of_a_fiftieth_is_too_much() {
        let holds = |price, deviation| confident(price, deviation).is_some();
        assert!(holds((1_000, 3), (19, 3)));
        assert!(!holds((1_000, 3), (20, 3)));
        assert!(holds((1_000, 3), (199, 4)));
        assert!(!holds((1_000, 3), (200, 4)));
        assert!(holds((10_000, 4), (19, 3)));
        assert!(!holds((10_000, 4), (1, 60)));
        assert!(holds((10_000, 4), (-5, 0)));
    }
}
