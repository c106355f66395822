//! What a kept market asks of Kamino.

use lending_math::Pubkey;

use crate::book::generic::market::Asset;
use crate::protocols::adapter::{Accounts, Clock};
use crate::protocols::kamino::addresses::PROGRAM;
use crate::protocols::kamino::confirm::{confirm, Rates, Rules};
use crate::protocols::kamino::legs::{always, Scales};
use crate::protocols::kamino::market::{self, Market};
use crate::protocols::kamino::obligation;
use crate::protocols::kamino::price::feeds;
use crate::protocols::kamino::reserve::{self, Reserve};
use crate::protocols::kamino::slim::{Leg, Position};
use crate::protocols::kamino::Kamino;
use crate::protocols::market_screen::protocol::{Kind, Priced, Protocol, Rated, Shape, Table};

/// Where an obligation's and a reserve's market stands.
const MARKET: std::ops::Range<usize> = 32..64;

impl Protocol for Kamino {
    const PROGRAM: Pubkey = PROGRAM;
    const MARKET: Option<Shape> = Some(("Kamino lending market", market::LENGTH));
    const RESERVE: Shape = ("Kamino reserve", reserve::LENGTH);
    const POSITION: Shape = ("Kamino obligation", obligation::LENGTH);
    type Position = Position;
    type Rates = Rates;
    type Rules = Rules;
    type Scales = Scales;

    fn kind(market: &Pubkey, address: &Pubkey, data: &[u8]) -> Kind {
        match data.len() {
            market::LENGTH if address == market => Kind::Market,
            _ if data.get(MARKET) != Some(&market[..]) => Kind::Other,
            obligation::LENGTH => Kind::Position,
            reserve::LENGTH => Kind::Reserve,
            _ => Kind::Other,
        }
    }

    fn is_market(data: &[u8]) -> bool {
        Market::decode(data).is_some()
    }

    fn reserve(address: &Pubkey, data: &[u8]) -> Option<(u8, Vec<Pubkey>)> {
        let reserve = Reserve::decode(*address, data)?;
        let decimals = u8::try_from(reserve.decimals()).unwrap_or(u8::MAX);
        Some((decimals, feeds(&reserve)))
    }

    fn position(data: &[u8], place: impl FnMut(&Pubkey) -> Option<u16>) -> Option<Position> {
        Position::read(data, place)
    }

    fn reserves(position: &Position) -> impl Iterator<Item = u16> + Clone + '_ {
        position.legs.iter().map(Leg::reserve)
    }

    fn owes(position: &Position) -> bool {
        let owes = |leg: &Leg| matches!(leg, Leg::Borrow { amount, .. } if amount.0 != 0);
        position.legs.iter().any(owes)
    }

    fn rules(market: &Pubkey, accounts: &Accounts) -> Option<Rules> {
        let account = accounts.get(market).filter(|it| it.owner == PROGRAM)?;
        let market = Market::decode(account.data)?;
        (!market.emergency()).then(|| Rules::of(&market))
    }

    fn rate(market: &Pubkey, reserve: &Pubkey, accounts: &Accounts, clock: Clock) -> Rated<Rates> {
        let held = |key| accounts.get(key).map(|it| it.data);
        let market = held(market).and_then(Market::decode);
        let read = held(reserve).and_then(|data| Reserve::decode(*reserve, data));
        let (Some(market), Some(read)) = (market, read) else {
            return Rated::Refused;
        };
        match Rates::refreshed(read, &market, accounts, clock) {
            Ok(rates) => rates.map_or(Rated::Unusual, Rated::Usual),
            Err(_) => Rated::Refused,
        }
    }

    fn scales(rates: &[Option<Rates>]) -> Scales {
        Scales::of(rates)
    }

    fn assets(scales: &Scales, decimals: &[u8]) -> Vec<Asset> {
        scales.assets(decimals)
    }

    fn table(scales: &Scales, rates: &[Option<Rates>], rules: &Rules) -> Option<Table> {
        scales.table(rates, rules)
    }

    fn legs(
        scales: &Scales,
        position: &Position,
        rates: &[Option<Rates>],
        rules: &Rules,
    ) -> Option<Vec<(u16, u64)>> {
        scales.legs(position, rates, rules)
    }

    fn always(position: &Position, rates: &[Option<Rates>], rules: &Rules) -> bool {
        always(position, rates, rules)
    }

    fn holds(scales: &Scales, then: &Priced<Rates>, now: &Priced<Rates>, refused: &[bool]) -> bool {
        scales.holds(then, now, refused)
    }

    fn liquidatable(position: &Position, rates: &[Rates], rules: &Rules) -> Option<bool> {
        if rules.is_closed() && !has_other_reasons(position, rates, rules) {
            return Some(false);
        }
        Some(confirm(position, rates, rules)?.liquidatable)
    }
}

/// Returns whether a reason beside the price may hold.
fn has_other_reasons(position: &Position, rates: &[Rates], rules: &Rules) -> bool {
    let timed = |leg: &Leg| {
        rates
            .get(usize::from(leg.reserve()))
            .is_none_or(Rates::is_timed)
    };
    position.may_have_other_reasons(rules) || position.legs.iter().any(timed)
}
