//! What a kept market asks of Save.

use lending_math::Pubkey;

use super::confirm::{confirm, Leg, Position, Rates};
use super::ledger::Ledger;
use super::legs::{self, Scales};
use super::obligation::OBLIGATION_LENGTH;
use super::predict::refreshed;
use super::refresh::refresh_reserve;
use super::reserve::{Reserve, RESERVE_LENGTH};
use super::{Save, PROGRAM};
use crate::book::generic::market::Asset;
use crate::protocols::adapter::{Accounts, Clock, Screen, Unanswered};
use crate::protocols::market_screen::protocol::{Kind, Priced, Protocol, Rated, Shape, Table};
use crate::protocols::market_screen::Market;

/// Returns whether a market of these accounts alone names a position. `None`: the program cannot refresh it.
pub fn screened(
    accounts: &Accounts,
    clock: Clock,
    position: &Pubkey,
) -> Result<Option<bool>, Unanswered> {
    let Ok((_, obligation)) = refreshed(accounts, clock, position)? else {
        return Ok(None);
    };
    let mut screen = Market::<Save>::new(obligation.market);
    for _ in 0..2 {
        for (address, account) in accounts {
            // What is malformed is somebody else's; oracles are known once their reserves are.
            let _ = screen.take(address, account, clock.slot);
        }
    }
    let suspects = screen.suspects(clock)?;
    Ok(Some(suspects.contains(position)))
}

/// Where an obligation's and a reserve's market stands.
const MARKET: std::ops::Range<usize> = 10..42;

impl Protocol for Save {
    const PROGRAM: Pubkey = PROGRAM;
    const MARKET: Option<Shape> = None;
    const RESERVE: Shape = ("Save reserve", RESERVE_LENGTH);
    const POSITION: Shape = ("Save obligation", OBLIGATION_LENGTH);
    type Position = Position;
    type Rates = Rates;
    type Rules = ();
    type Scales = Scales;

    fn kind(market: &Pubkey, _address: &Pubkey, data: &[u8]) -> Kind {
        match data.len() {
            _ if data.get(MARKET) != Some(&market[..]) => Kind::Other,
            OBLIGATION_LENGTH => Kind::Position,
            RESERVE_LENGTH => Kind::Reserve,
            _ => Kind::Other,
        }
    }

    fn is_market(_data: &[u8]) -> bool {
        false
    }

    fn reserve(_address: &Pubkey, data: &[u8]) -> Option<(u8, Vec<Pubkey>)> {
        let reserve = Reserve::decode(data).ok()?;
        let named = [reserve.main_oracle, reserve.second_oracle];
        let oracles = named.into_iter().chain(reserve.config.extra_oracle);
        Some((reserve.decimals, oracles.collect()))
    }

    fn position(data: &[u8], place: impl FnMut(&Pubkey) -> Option<u16>) -> Option<Position> {
        Position::read(data, place).ok().flatten()
    }

    fn reserves(position: &Position) -> impl Iterator<Item = u16> + Clone + '_ {
        position.legs.iter().map(Leg::reserve)
    }

    fn owes(position: &Position) -> bool {
        let owes = |leg: &Leg| matches!(leg, Leg::Borrow { amount, .. } if !amount.is_zero());
        position.legs.iter().any(owes)
    }

    fn rules(_market: &Pubkey, _accounts: &Accounts) -> Option<()> {
        Some(())
    }

    fn rate(_market: &Pubkey, reserve: &Pubkey, accounts: &Accounts, clock: Clock) -> Rated<Rates> {
        let mut ledger = Ledger::new(accounts);
        let refreshed = refresh_reserve(&mut ledger, reserve, clock);
        match refreshed.and_then(|()| ledger.reserve(reserve)) {
            Ok(reserve) => Rates::of(&reserve).map_or(Rated::Unusual, Rated::Usual),
            Err(_) => Rated::Refused,
        }
    }

    fn scales(rates: &[Option<Rates>]) -> Scales {
        Scales::of(rates)
    }

    fn assets(scales: &Scales, decimals: &[u8]) -> Vec<Asset> {
        scales.assets(decimals)
    }

    fn table(scales: &Scales, rates: &[Option<Rates>], _rules: &()) -> Option<Table> {
        scales.table(rates)
    }

    fn legs(
        _scales: &Scales,
        position: &Position,
        rates: &[Option<Rates>],
        _rules: &(),
    ) -> Option<Vec<(u16, u64)>> {
        legs::legs(position, rates)
    }

    fn always(position: &Position, rates: &[Option<Rates>], _rules: &()) -> bool {
        legs::always(position, rates)
    }

    fn holds(
        _scales: &Scales,
        then: &Priced<Rates>,
        now: &Priced<Rates>,
        _refused: &[bool],
    ) -> bool {
        legs::holds(&then.table, &now.table)
    }

    fn liquidatable(position: &Position, rates: &[Rates], _rules: &()) -> Option<bool> {
        Some(confirm(position, rates)?.liquidatable)
    }
}
