//! Pyth's price accounts: `PriceUpdateV2` of the pull oracle and the older `Price` of the push program.
//!
//! Little-endian. A price is `mantissa · 10^exponent`; the confidence has the same exponent.

use lending_math::Pubkey;

/// The program that owns `PriceUpdateV2` accounts, `rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ`.
pub const RECEIVER: Pubkey = [
    12, 183, 250, 187, 82, 247, 166, 72, 187, 91, 49, 125, 154, 1, 139, 144, 87, 203, 2, 71, 116,
    250, 254, 1, 230, 196, 223, 152, 204, 56, 88, 129,
];
/// The program that owned the older `Price` accounts on mainnet, `FsJ3A3u2vn5cTVofAjvy6y5kwABJAqYWpe4975bi2epH`.
pub const LEGACY: Pubkey = [
    220, 229, 235, 225, 228, 156, 59, 159, 17, 76, 181, 84, 76, 80, 169, 158, 192, 214, 146, 214,
    63, 86, 121, 90, 224, 41, 172, 131, 217, 234, 139, 226,
];

/// sha256("account:PriceUpdateV2")[..8].
const PRICE_UPDATE_V2: [u8; 8] = [0x22, 0xf1, 0x23, 0x63, 0x9d, 0x7e, 0xf4, 0xcd];
const LEGACY_MAGIC: u32 = 0xa1b2_c3d4;
const LEGACY_LENGTH: usize = 3312;

/// A price with its confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Price at exponent 0.
    pub mantissa: i64,
    /// Confidence at exponent 0.
    pub confidence: u64,
    /// Power of ten.
    pub exponent: i32,
}

/// How many guardians signed an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// So many signatures, fewer than a quorum.
    Partial(u8),
    /// A quorum.
    Full,
}

/// A `PriceUpdateV2` account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceUpdate {
    /// How well it is signed.
    pub verification: Verification,
    /// Which price it is.
    pub feed: [u8; 32],
    /// The price.
    pub price: Price,
    /// Its exponential moving average.
    pub average: Price,
    /// Seconds since 1970.
    pub publish_time: i64,
    /// The slot in which it was posted.
    pub posted_slot: u64,
}

impl PriceUpdate {
    /// Returns the account's content; `None` for bytes that no such account has. The layout is borsh: a partial
    /// verification is one byte longer, and bytes behind the end do not matter.
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<PriceUpdate> {
        let mut rest = Bytes(data);
        if rest.take()? != PRICE_UPDATE_V2 {
            return None;
        }
        let _write_authority: [u8; 32] = rest.take()?;
        let verification = match rest.take()? {
            [0] => Verification::Partial(u8::from_le_bytes(rest.take()?)),
            [1] => Verification::Full,
            _ => return None,
        };
        let feed = rest.take()?;
        let mantissa = i64::from_le_bytes(rest.take()?);
        let confidence = u64::from_le_bytes(rest.take()?);
        let exponent = i32::from_le_bytes(rest.take()?);
        let publish_time = i64::from_le_bytes(rest.take()?);
        let _previous_publish_time: [u8; 8] = rest.take()?;
        let average = i64::from_le_bytes(rest.take()?);
        let average_confidence = u64::from_le_bytes(rest.take()?);
        let posted_slot = u64::from_le_bytes(rest.take()?);
        Some(PriceUpdate {
            verification,
            feed,
            price: Price {
                mantissa,
                confidence,
                exponent,
            },
            average: Price {
                mantissa: average,
                confidence: average_confidence,
                exponent,
            },
            publish_time,
            posted_slot,
        })
    }

    /// Returns whether it was published at most `seconds` before `now`; the future counts as fresh.
    #[must_use]
    pub fn no_older_than(&self, seconds: u64, now: i64) -> bool {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.publish_time.saturating_add(seconds) >= now
    }
}

/// A legacy `Price` account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyPrice {
    /// Whether the aggregate is being traded.
    pub trading: bool,
    /// The aggregate.
    pub aggregate: Price,
    /// Its slot.
    pub aggregate_slot: u64,
    /// The price before it.
    pub previous: Price,
    /// Its slot.
    pub previous_slot: u64,
    /// The exponential moving average.
    pub average: Price,
    /// Seconds since 1970 of the aggregate.
    pub timestamp: i64,
}

impl LegacyPrice {
    /// Returns the account's content; `None` for bytes that no such account has.
    #[must_use]
    pub fn decode(data: &[u8]) -> Option<LegacyPrice> {
        let data: &[u8; LEGACY_LENGTH] = data.first_chunk()?;
        let header = (word(data, 0)?, word(data, 4)?, word(data, 8)?);
        if header != (LEGACY_MAGIC, 2, 3) {
            return None;
        }
        let exponent = word(data, 20)? as i32;
        let price = |mantissa, confidence| {
            Some(Price {
                mantissa: long(data, mantissa)? as i64,
                confidence: long(data, confidence)?,
                exponent,
            })
        };
        Some(LegacyPrice {
            trading: word(data, 224)? == 1,
            aggregate: price(208, 216)?,
            aggregate_slot: long(data, 232)?,
            previous: price(184, 192)?,
            previous_slot: long(data, 176)?,
            average: price(48, 72)?,
            timestamp: long(data, 96)? as i64,
        })
    }

    /// Returns the aggregate if it trades and is recent, else the previous price if that is recent.
    #[must_use]
    pub fn no_older_than(&self, slots: u64, now: u64) -> Option<Price> {
        let oldest = now.wrapping_sub(slots); // as the SDK's release build: nothing is recent in the first slots
        if self.trading && self.aggregate_slot >= oldest {
            return Some(self.aggregate);
        }
        (self.previous_slot >= oldest).then_some(self.previous)
    }

    /// Returns the aggregate if it trades, else the previous price, however old.
    #[must_use]
    pub fn whatever_age(&self) -> Price {
        if self.trading {
            self.aggregate
        } else {
            self.previous
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_le_bytes)
}

fn long(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..)?
        .first_chunk()
        .copied()
        .map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
