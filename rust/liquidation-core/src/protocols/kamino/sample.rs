//! What one oracle says about a reserve's token: a price as digits and places, its average, and whether it is confident enough.

use lending_math::Pubkey;

use crate::fixed::fraction::Fraction;
use crate::fixed::u256::U256;
use crate::oracles::scope::{scaled, Chain, Prices, Product, Unpriced};
use crate::protocols::adapter::{Accounts, Clock};
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::Stop;
use crate::protocols::kamino::version::Version;
use crate::protocols::kamino::{legacy_feeds, pull_feeds};

const NO_KEY: Pubkey = [0; 32];

/// Decimal digits and places, as an oracle has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    /// The number without its point.
    pub value: u128,
    /// Decimal places.
    pub places: u32,
    /// Whether the oracle's spread is small enough; found out only when the price is worked out.
    pub confident: bool,
}

/// One feed's price with its average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// "Pyth", "Switchboard".
    pub name: &'static str,
    /// Seconds since 1970.
    pub time: u64,
    /// The price.
    pub price: Digits,
    /// The average and its time.
    pub average: Option<(Digits, u64)>,
}

/// One oracle's answer, before its price is worked out.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Scope's table.
    Scope(Prices<'a>),
    /// A feed of one price.
    Feed(Feed),
}

/// Returns what each configured oracle says: Pyth, Switchboard, Scope, each left out where the program passes over it.
pub fn candidates<'a>(
    reserve: &Reserve,
    accounts: &Accounts<'a>,
    version: Version,
    clock: Clock,
) -> Result<Vec<(u64, Source<'a>)>, Stop> {
    let given = |key: Pubkey| accounts.get(&key).filter(|_| key != NO_KEY);
    let average = given(reserve.switchboard_twap()).filter(|_| reserve.checks_average());
    let mut found = Vec::with_capacity(3);
    if let Some(account) = given(reserve.pyth_feed()) {
        let feed = if version.pull_oracles() {
            pull_feeds::pyth(account)
        } else {
            legacy_feeds::pyth(account)?
        };
        found.extend(feed.map(|feed| (feed.time, Source::Feed(feed))));
    }
    if let Some(account) = given(reserve.switchboard_feed()) {
        let feed = if version.pull_oracles() {
            pull_feeds::switchboard(account, average, clock)
        } else {
            legacy_feeds::switchboard(account, average)?
        };
        found.extend(feed.map(|feed| (feed.time, Source::Feed(feed))));
    }
    let scope = given(reserve.scope_feed()).and_then(|it| Prices::decode(it.data));
    if let Some(prices) = scope {
        if let Some(time) = prices.time(reserve.scope_chain(false)) {
            found.push((time, Source::Scope(prices)));
        }
    }
    Ok(found)
}

impl Source<'_> {
    /// Returns the price; `None` where the program goes on without it.
    pub fn price(&self, reserve: &Reserve, version: Version) -> Result<Option<Fraction>, Stop> {
        match self {
            Source::Scope(prices) => chained(prices, reserve.scope_chain(false), version),
            Source::Feed(feed) => feed.price.fraction(version),
        }
    }

    /// Returns the average, where it can be worked out, and its time.
    pub fn average(
        &self,
        reserve: &Reserve,
        version: Version,
    ) -> Result<Option<(Option<Fraction>, u64)>, Stop> {
        match self {
            Source::Scope(prices) => {
                let chain = reserve.scope_chain(true);
                let Some(time) = prices.time(chain) else {
                    return Ok(None);
                };
                Ok(Some((chained(prices, chain, version)?, time)))
            }
            Source::Feed(feed) => {
                let Some((digits, time)) = feed.average else {
                    return Ok(None);
                };
                Ok(Some((digits.fraction(version)?, time)))
            }
        }
    }

    /// Returns where the price comes from, in words.
    #[must_use]
    pub fn note(&self, reserve: &Reserve) -> String {
        match self {
            Source::Scope(prices) => {
                let chain = reserve.scope_chain(false);
                let entries: Vec<String> = chain
                    .iter()
                    .take(prices.along(chain).count())
                    .map(u16::to_string)
                    .collect();
                format!("Scope's entries {}", entries.join(" · "))
            }
            Source::Feed(feed) => feed.name.to_owned(),
        }
    }
}

impl Digits {
    /// Returns value · 2⁶⁰ / 10^places, rounded down; `None` without confidence.
    fn fraction(self, version: Version) -> Result<Option<Fraction>, Stop> {
        if !self.confident {
            return Ok(None);
        }
        let most = if version.second_form() { 76 } else { 30 };
        let price = scaled(U256::from(self.value), u64::from(self.places), most);
        price.map(Some).map_err(|_| Stop::Panic)
    }
}

fn chained(prices: &Prices, chain: Chain, version: Version) -> Result<Option<Fraction>, Stop> {
    let product = if version.second_form() {
        Product::Wide
    } else {
        Product::Narrow
    };
    match prices.price(chain, product) {
        Ok(price) => Ok(Some(price)),
        Err(Unpriced::TooLarge) => Ok(None),
        Err(Unpriced::Panic) => Err(Stop::Panic),
    }
}
