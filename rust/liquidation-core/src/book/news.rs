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

/// Whose an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// One market's.
    Market(Pubkey),
    /// All markets' of its program.
    Program,
    /// Nobody's any more.
    Nowhere,
    /// Of a kind that no book keeps.
    Ignored,
}

/// Reads an account for one market's book; `Malformed` where its discriminator is the program's and the rest is not.
pub fn read(account: &Account<'_>, program: &Pubkey, market: &Pubkey) -> Result<News, CoreError> {
    let (home, news) = decoded(account, |owner| owner == program)?;
    Ok(match home {
        Home::Market(of) if of != *market => News::Foreign,
        _ => news,
    })
}

/// Reads an account of one of some programs, and says whose it is.
pub fn decoded(
    account: &Account<'_>,
    is_ours: impl Fn(&Pubkey) -> bool,
) -> Result<(Home, News), CoreError> {
    if account.data.is_empty() || !is_ours(account.owner) {
        return Ok((Home::Nowhere, News::Gone));
    }
    let (kind, read) = match kind_of(account.data) {
        Some(Kind::Market) => (
            "market",
            Market::decode(account.data)
                .map(|state| (Home::Market(*account.address), News::Market(state))),
        ),
        Some(Kind::Reserve) => (
            "reserve",
            Reserve::decode(account.data)
                .map(|state| (Home::Market(state.market), News::Reserve(state))),
        ),
        Some(Kind::Oracle) => (
            "oracle",
            Oracle::decode(account.data).map(|state| (Home::Program, News::Oracle(state))),
        ),
        Some(Kind::Position) => (
            "position",
            Position::decode(account.data).map(|state| {
                let home = Home::Market(state.market);
                (home, News::Position(Box::new(state)))
            }),
        ),
        Some(Kind::InsuranceFund) | None => ("account", Ok((Home::Ignored, News::Foreign))),
    };
    read.map_err(|_| malformed(account.address, kind, account.data))
}
