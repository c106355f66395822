//! A bank's price account: which it is, whether it is fresh, and what it says before any bias.

use lending_math::bytes::{get, get_u64};
use lending_math::Pubkey;

use super::bank::Bank;
use super::price::Priced;
use super::programs;
use super::refusal::{Outcome, Refusal};
use super::version::Version;
use super::world::World;
use super::{multiplier, staked};
use crate::fixed::i80f48::I80F48;
use crate::oracles::pyth::{self, PriceUpdate, Verification};
use crate::oracles::switchboard::{self, PullFeed};
use crate::protocols::adapter::Account;

/// Kinds of oracle.
pub mod setup {
    /// None.
    pub const NONE: u8 = 0;
    /// Pyth's old accounts.
    pub const PYTH_LEGACY: u8 = 1;
    /// Switchboard's old aggregators.
    pub const SWITCHBOARD_V2: u8 = 2;
    /// Pyth's PriceUpdateV2.
    pub const PYTH_PUSH: u8 = 3;
    /// Switchboard on-demand.
    pub const SWITCHBOARD_PULL: u8 = 4;
    /// SOL's price times what a stake pool's token stands for.
    pub const STAKED: u8 = 5;
    /// A price in the bank's configuration.
    pub const FIXED: u8 = 8;
}

/// A Pyth price: integer and uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Price.
    pub price: i64,
    /// Half the width of its confidence interval.
    pub confidence: u64,
}

impl Quote {
    fn of(price: pyth::Price) -> Quote {
        Quote {
            price: price.mantissa,
            confidence: price.confidence,
        }
    }
}

/// What a bank's oracle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Pyth.
    Pyth {
        /// The last price.
        spot: Quote,
        /// The moving average.
        average: Quote,
        /// Both count 10 to this power.
        exponent: i32,
    },
    /// Switchboard, 18 decimals.
    Switchboard {
        /// The price.
        value: i128,
        /// Standard deviation of its samples.
        deviation: i128,
    },
    /// A price of the bank's own.
    Fixed(I80F48),
    /// What a receivership noted at its start.
    Noted {
        /// The last price.
        spot: Priced,
        /// The moving average.
        average: Priced,
    },
}

/// A feed, and for those that price another protocol's deposits what came before the multiplication.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// What counts.
    pub feed: Feed,
    /// What it was made of, and by which factor, where it was.
    pub raw: Option<(Feed, I80F48)>,
}

impl From<Feed> for Loaded {
    fn from(feed: Feed) -> Loaded {
        Loaded { feed, raw: None }
    }
}

/// Reads the oracle of a bank.
pub fn load(bank: &Bank, world: &World) -> Outcome<Loaded> {
    match bank.oracle_setup() {
        setup::NONE => Err(Refusal::NoOracle),
        setup::PYTH_LEGACY | setup::SWITCHBOARD_V2 if !world.version.is_old() => {
            Err(Refusal::Panic)
        }
        setup::PYTH_LEGACY => legacy(bank, world).map(Loaded::from),
        setup::PYTH_PUSH | setup::SWITCHBOARD_PULL => primary(bank, world).map(Loaded::from),
        setup::STAKED => staked::load(bank, world),
        setup::FIXED if !world.version.is_old() => {
            fixed(bank).map(|price| Feed::Fixed(price).into())
        }
        6..=17 if !world.version.is_old() => multiplier::load(bank, world),
        _ => Err(Refusal::InvalidSetup),
    }
}

/// Reads the oracle of a bank outside of health, where an error without a code stays without one.
pub fn load_directly(bank: &Bank, world: &World) -> Outcome<Loaded> {
    load(bank, world).map_err(|refusal| match refusal {
        Refusal::Internal => Refusal::Panic,
        other => other,
    })
}

/// Returns the configured price, at least 0.
pub fn fixed(bank: &Bank) -> Outcome<I80F48> {
    let price = bank.fixed_price();
    if price < I80F48::ZERO {
        return Err(Refusal::FixedNegative);
    }
    Ok(price)
}

/// Reads the first of the oracle's accounts, Pyth or Switchboard by the bank's kind.
pub fn primary(bank: &Bank, world: &World) -> Outcome<Feed> {
    let key = world.oracle(bank);
    let account = key.and_then(|key| world.account(&key));
    let account = account.ok_or(Refusal::OracleKeys)?;
    if is_switchboard(bank.oracle_setup()) {
        pull(&account, bank, world)
    } else {
        push(&account, bank, world)
    }
}

/// Returns when the price was published, seconds since 1970; `None` for a fixed one and for Pyth's old accounts.
#[must_use]
pub fn published(bank: &Bank, world: &World) -> Option<i64> {
    let account = world.account(&world.oracle(bank)?)?;
    let update = PriceUpdate::decode(account.data).map(|update| update.publish_time);
    update.or_else(|| PullFeed::decode(account.data).map(|feed| feed.last_update))
}

/// Returns whether the first account is a Switchboard feed.
#[must_use]
pub fn is_switchboard(oracle_setup: u8) -> bool {
    matches!(oracle_setup, setup::SWITCHBOARD_PULL | 7 | 10 | 12 | 16)
}

/// Returns the greatest age in seconds.
#[must_use]
pub fn max_age(bank: &Bank, version: Version) -> u64 {
    match (bank.oracle_max_age(), bank.oracle_setup()) {
        (0, setup::PYTH_PUSH) => 60,
        (0, setup::PYTH_LEGACY) if version.is_old() => 60,
        (0, setup::SWITCHBOARD_V2) if version.is_old() => 180,
        (age, _) => u64::from(age),
    }
}

fn push(account: &Account, bank: &Bank, world: &World) -> Outcome<Feed> {
    if world.version.is_old() && account.owner != programs::PYTH_RECEIVER {
        return Err(Refusal::OldInvalidOracle);
    }
    if account.data.len() < 8 {
        let old = world.version.is_old();
        return Err(if old {
            Refusal::Panic
        } else {
            Refusal::PythInvalid
        });
    }
    if !account.data.starts_with(&PRICE_UPDATE) {
        return Err(Refusal::PythInvalid);
    }
    let update = PriceUpdate::decode(account.data).ok_or(Refusal::Internal)?;
    if update.verification != Verification::Full {
        return Err(Refusal::PythUnverified);
    }
    if world.version.is_old() && update.feed != bank.oracle_key(0) {
        return Err(Refusal::OldInvalidOracle);
    }
    let age = max_age(bank, world.version);
    if !update.no_older_than(age, world.clock.unix_timestamp) {
        return Err(Refusal::PythStale);
    }
    Ok(Feed::Pyth {
        spot: Quote::of(update.price),
        average: Quote::of(update.average),
        exponent: update.price.exponent,
    })
}

fn pull(account: &Account, bank: &Bank, world: &World) -> Outcome<Feed> {
    if account.owner != switchboard::PROGRAM {
        return Err(Refusal::SwitchboardOwner);
    }
    if account.data.starts_with(&switchboard::DISCRIMINATOR)
        && account.data.len() < switchboard::LENGTH
    {
        return Err(Refusal::Panic);
    }
    let feed = PullFeed::decode(account.data).ok_or(Refusal::SwitchboardInvalid)?;
    let age = world.clock.unix_timestamp.saturating_sub(feed.last_update);
    let most = i64::try_from(max_age(bank, world.version)).unwrap_or(i64::MAX);
    if age > most {
        return Err(Refusal::SwitchboardStale);
    }
    Ok(Feed::Switchboard {
        value: feed.value,
        deviation: feed.std_dev,
    })
}

/// Pyth's old accounts: the aggregate while it trades, the one before otherwise; too far from now either way is stale.
fn legacy(bank: &Bank, world: &World) -> Outcome<Feed> {
    const LENGTH: usize = 3_312;
    let key: Pubkey = bank.oracle_key(0);
    let account = world.account(&key).ok_or(Refusal::OldInvalidOracle)?;
    let data = account.data;
    let head = get::<12>(data, 0).ok();
    if account.owner != programs::PYTH_LEGACY || data.len() < LENGTH || head != Some(LEGACY_HEAD) {
        return Err(Refusal::OldInvalidOracle);
    }
    let signed = |at| get(data, at).map(i64::from_le_bytes).unwrap_or_default();
    let unsigned = |at| get_u64(data, at).unwrap_or_default();
    let is_trading = get(data, 224).map(u32::from_le_bytes) == Ok(1);
    let (time, price, confidence) = if is_trading {
        (96, 208, 216)
    } else {
        (200, 184, 192)
    };
    let apart = signed(time).checked_sub(world.clock.unix_timestamp);
    let apart = apart.and_then(i64::checked_abs).ok_or(Refusal::Panic)?;
    if apart.unsigned_abs() > max_age(bank, world.version) {
        return Err(Refusal::OldStaleOracle);
    }
    Ok(Feed::Pyth {
        spot: Quote {
            price: signed(price),
            confidence: unsigned(confidence),
        },
        average: Quote {
            price: signed(48),
            confidence: unsigned(72),
        },
        exponent: get(data, 20).map(i32::from_le_bytes).unwrap_or_default(),
    })
}

/// First bytes of a PriceUpdateV2.
const PRICE_UPDATE: [u8; 8] = [0x22, 0xf1, 0x23, 0x63, 0x9d, 0x7e, 0xf4, 0xcd];

/// Magic number, version 2, type price.
const LEGACY_HEAD: [u8; 12] = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 0, 0, 3, 0, 0, 0];
