//! What a market's screen asks of its protocol.

use lending_math::Pubkey;

use crate::book::generic::market::Asset;
use crate::protocols::adapter::{Accounts, Clock};

/// What one of the program's accounts is to a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The market itself, where it has rules that positions are judged by.
    Market,
    /// One of its reserves.
    Reserve,
    /// One of its positions.
    Position,
    /// Nothing of it.
    Other,
}

/// What errors call an account, and how long it is.
pub type Shape = (&'static str, usize);

/// What a reserve is at the clock.
#[derive(Clone, Debug)]
pub enum Rated<R> {
    /// It contributes this.
    Usual(R),
    /// Only a whole refresh can tell.
    Unusual,
    /// The program cannot refresh it, or not all of it was seen yet: none of its holders can be liquidated.
    Refused,
}

impl<R> Rated<R> {
    /// Returns what it contributes to a fast verdict.
    #[must_use]
    pub fn usual(&self) -> Option<&R> {
        match self {
            Rated::Usual(rates) => Some(rates),
            _ => None,
        }
    }
}

/// What a book's assets cost and weigh now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Prices, as [`tick`](crate::book::generic::GenericBook::tick) takes them; 0 for a reserve that cannot be refreshed.
    pub mantissas: Vec<i64>,
    /// Thresholds, as `set_weights` takes them.
    pub collateral_bps: Vec<u32>,
    /// Borrow weights.
    pub debt_bps: Vec<u32>,
}

/// Reserves' contributions by place with the table that follows from them.
#[derive(Clone, Debug)]
pub struct Priced<R> {
    /// `None`: the reserve is refused or unusual.
    pub rates: Vec<Option<R>>,
    /// The table.
    pub table: Table,
}

/// A protocol whose reserves and positions a [`Market`](super::Market) keeps.
pub trait Protocol: 'static {
    /// The program.
    const PROGRAM: Pubkey;
    /// The market's account; `None` where positions are judged without.
    const MARKET: Option<Shape>;
    /// A reserve's.
    const RESERVE: Shape;
    /// A position's.
    const POSITION: Shape;
    /// A position as far as a verdict needs it.
    type Position: Send;
    /// What a refreshed reserve contributes to a verdict.
    type Rates: Clone + Send;
    /// What the market contributes.
    type Rules: Clone + Send;
    /// The exponents of a book's prices.
    type Scales: Send;

    /// Returns what an account of the program is to `market`.
    fn kind(market: &Pubkey, address: &Pubkey, data: &[u8]) -> Kind;

    /// Returns whether bytes are a market that the program wrote.
    fn is_market(data: &[u8]) -> bool;

    /// Returns a reserve's decimals and the accounts that its price hangs on; `None` for bytes that the program did not write.
    fn reserve(address: &Pubkey, data: &[u8]) -> Option<(u8, Vec<Pubkey>)>;

    /// Returns a position; `place` gives a reserve's number. `None` for bytes that the program did not write.
    fn position(data: &[u8], place: impl FnMut(&Pubkey) -> Option<u16>) -> Option<Self::Position>;

    /// Returns the places of a position's reserves.
    fn reserves(position: &Self::Position) -> impl Iterator<Item = u16> + Clone + '_;

    /// Returns whether it owes anything.
    fn owes(position: &Self::Position) -> bool;

    /// Returns the market's rules. `None`: nobody can be liquidated, or the market was not seen yet.
    fn rules(market: &Pubkey, accounts: &Accounts) -> Option<Self::Rules>;

    /// Returns what a reserve is at `clock`.
    fn rate(
        market: &Pubkey,
        reserve: &Pubkey,
        accounts: &Accounts,
        clock: Clock,
    ) -> Rated<Self::Rates>;

    /// Returns the scales that suit these prices.
    fn scales(rates: &[Option<Self::Rates>]) -> Self::Scales;

    /// Returns the book's assets.
    fn assets(scales: &Self::Scales, decimals: &[u8]) -> Vec<Asset>;

    /// Returns prices and weights. `None`: a price has outgrown its scale.
    fn table(
        scales: &Self::Scales,
        rates: &[Option<Self::Rates>],
        rules: &Self::Rules,
    ) -> Option<Table>;

    /// Returns a position's legs as the book takes them; `None` for one that it cannot hold.
    fn legs(
        scales: &Self::Scales,
        position: &Self::Position,
        rates: &[Option<Self::Rates>],
        rules: &Self::Rules,
    ) -> Option<Vec<(u16, u64)>>;

    /// Returns whether no price says that a position is safe.
    fn always(
        position: &Self::Position,
        rates: &[Option<Self::Rates>],
        rules: &Self::Rules,
    ) -> bool;

    /// Returns whether legs and who is always asked about, worked out at `then`, still hold `now`. Both have rates for the same reserves,
    /// but for `refused` ones, whose holders do not count.
    fn holds(
        scales: &Self::Scales,
        then: &Priced<Self::Rates>,
        now: &Priced<Self::Rates>,
        refused: &[bool],
    ) -> bool;

    /// Returns the exact verdict, all of the position's reserves being usual; `None` where only a whole refresh can tell.
    fn liquidatable(
        position: &Self::Position,
        rates: &[Self::Rates],
        rules: &Self::Rules,
    ) -> Option<bool>;
}
