//! What an account's state says to the book, read before anything is changed.

use lending_math::state::{kind_of, Kind, Market, Oracle, Position, Reserve};
use lending_math::Pubkey;

use crate::protocols::reference::malformed;
use crate::CoreError;

/// An account as the chain showed it.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Where it lies.
    pub address: &'a Pubkey,
    /// The program that owns it.
    pub owner: &'a Pubkey,
    /// Slot at which it had this state.
    pub slot: u64,
    /// Its bytes; empty when it is closed.
    pub data: &'a [u8],
}

/// An account's state, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The book's market.
    Market(Market),
    /// A reserve of the market.
    Reserve(Reserve),
    /// An oracle of the program.
    Oracle(Oracle),
    /// A position of the market.
    Position(Box<Position>),
    /// Nothing of the program lies there any more.
    Gone,
    /// Another market's, or of a kind that the book does not keep.
    Foreign,
}

impl News {
    /// Returns the kind's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            News::Market(_) => "market",
            News::Reserve(_) => "reserve",
            News::Oracle(_) => "oracle",
            News::Position(_) => "position",
            News::Gone => "removed",
            News::Foreign => "foreign",
        }
    }
}

/// Reads an account; `Malformed` where its discriminator is the program's and the rest is not.
pub fn read(account: &Account<'_>, program: &Pubkey, market: &Pubkey) -> Result<News, CoreError> {
    if account.data.is_empty() || account.owner != program {
        return Ok(News::Gone);
    }
    let ours = |of: &Pubkey, news: News| if of == market { news } else { News::Foreign };
    let (kind, news) = match kind_of(account.data) {
        Some(Kind::Market) => (
            "market",
            Market::decode(account.data).map(|state| ours(account.address, News::Market(state))),
        ),
        Some(Kind::Reserve) => (
            "reserve",
            Reserve::decode(account.data).map(|state| ours(&state.market, News::Reserve(state))),
        ),
        Some(Kind::Oracle) => ("oracle", Oracle::decode(account.data).map(News::Oracle)),
        Some(Kind::Position) => (
            "position",
            Position::decode(account.data)
                .map(|state| ours(&state.market, News::Position(Box::new(state)))),
        ),
        Some(Kind::InsuranceFund) | None => ("account", Ok(News::Foreign)),
    };
    news.map_err(|_| malformed(account.address, kind, account.data))
}
