//! Prices a whole position: every leg's reserve and oracle has to be among the instruction's accounts, once.

use lending_math::health::{Health, PricedLeg};
use lending_math::state::{Position, Reserve, Side, MAX_LEGS};
use lending_math::{interest, price, Error, Pubkey};

use crate::input::Account;
use crate::load;

/// A reserve that the instruction names itself, as it is now in memory, with its oracle.
pub struct Named<'a> {
    /// The reserve's address.
    pub key: &'a Pubkey,
    /// The reserve.
    pub reserve: &'a Reserve,
    /// Its oracle, which is checked here.
    pub oracle: &'a Account<'a>,
}

/// Where the reserves of a position's legs are found.
pub struct Sources<'a> {
    /// This program.
    pub program: &'a Pubkey,
    /// The market that all are of.
    pub market: &'a Pubkey,
    /// The reserves that the instruction names.
    pub named: &'a [Named<'a>],
    /// Pairs of the other legs' reserves and oracles.
    pub others: &'a [Account<'a>],
    /// The slot.
    pub now: u64,
}

/// A position's sums, and the unit price of each leg in its place.
pub struct Priced {
    /// The sums.
    pub health: Health,
    /// Atto-USD per smallest unit.
    pub units: [u128; MAX_LEGS],
}

impl Sources<'_> {
    /// Returns a position's health at the oracles' prices; a missing, foreign or superfluous pair is `InvalidAccount`.
    #[inline(never)]
    pub fn price(&self, position: &Position) -> Result<Priced, Error> {
        let mut priced = Priced {
            health: Health::default(),
            units: [0; MAX_LEGS],
        };
        let mut used = 0;
        for (leg, unit) in position.legs().iter().zip(priced.units.iter_mut()) {
            let named = self.named.iter().find(|named| *named.key == leg.reserve);
            let priced_leg = match named {
                Some(named) => self.price_leg(named.reserve, named.oracle, leg.side, leg.amount)?,
                None => {
                    used += 1;
                    self.price_other(&leg.reserve, leg.side, leg.amount)?
                }
            };
            *unit = priced_leg.unit;
            priced.health.add(&priced_leg)?;
        }
        self.all_used(used)?;
        Ok(priced)
    }

    /// Checks that there is exactly one pair for every leg that the instruction does not name, prices aside.
    pub fn check(&self, position: &Position) -> Result<(), Error> {
        let mut used = 0;
        for leg in position.legs() {
            if !self.named.iter().any(|named| *named.key == leg.reserve) {
                used += 1;
                self.find(&leg.reserve)?;
            }
        }
        self.all_used(used)
    }

    /// A leg has one reserve and uses the first pair of it: as many pairs as uses means no duplicate and no stranger.
    fn all_used(&self, used: usize) -> Result<(), Error> {
        if self.others.len() == 2 * used {
            Ok(())
        } else {
            Err(Error::InvalidAccount)
        }
    }

    fn find(&self, reserve: &Pubkey) -> Result<(&Account<'_>, &Account<'_>), Error> {
        self.others
            .chunks_exact(2)
            .find_map(|pair| match pair {
                [account, oracle] if account.key() == reserve => Some((account, oracle)),
                _ => None,
            })
            .ok_or(Error::InvalidAccount)
    }

    #[inline(never)]
    fn price_other(&self, key: &Pubkey, side: Side, amount: u64) -> Result<PricedLeg, Error> {
        let (account, oracle) = self.find(key)?;
        let reserve = load::reserve(self.program, self.market, account)?;
        self.price_leg(&reserve, oracle, side, amount)
    }

    #[inline(never)]
    fn price_leg(
        &self,
        reserve: &Reserve,
        oracle: &Account<'_>,
        side: Side,
        amount: u64,
    ) -> Result<PricedLeg, Error> {
        let oracle = load::oracle(self.program, reserve, oracle)?;
        let unit = price::unit_of(&oracle, reserve, self.now)?;
        let tokens = match side {
            Side::Collateral => amount,
            Side::Debt => interest::debt_of(amount, interest::index_at(reserve, self.now)?)?,
        };
        Ok(PricedLeg::new(side, tokens, unit, &reserve.config))
    }
}
