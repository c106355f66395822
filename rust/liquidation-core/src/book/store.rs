//! The positions by row, what lies at each address, and when it was last seen.

use super::addresses::ByAddress;

use lending_math::state::{Leg, Position, Side};
use lending_math::Pubkey;

use super::index::Reserves;
use crate::protocols::reference::digest::digest_of;
use crate::protocols::reference::health::LegAt;

/// What an address is known as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// The market itself.
    Market,
    /// A reserve.
    Reserve,
    /// An oracle.
    Oracle,
    /// The position in this row.
    Position(u32),
    /// Closed, or never the market's; kept so that an older state does not bring it back.
    Gone,
}

/// One leg: the reserve's number instead of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowLeg {
    /// In [`Reserves`].
    pub reserve: u32,
    /// Collateral or debt.
    pub side: Side,
    /// Tokens of collateral, shares of debt.
    pub amount: u64,
}

/// One position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its address.
    pub address: Pubkey,
    /// Who may withdraw.
    pub owner: Pubkey,
    /// Counts its liquidations.
    pub version: u64,
    /// Slot of this state.
    pub slot: u64,
    /// The legs as they lie in the account.
    pub legs: Vec<RowLeg>,
}

impl Row {
    /// Returns the row of an account, its legs' reserves numbered.
    pub fn new(address: &Pubkey, position: &Position, slot: u64, reserves: &mut Reserves) -> Row {
        let leg = |leg: &Leg| RowLeg {
            reserve: reserves.number(&leg.reserve),
            side: leg.side,
            amount: leg.amount,
        };
        let legs = position.legs().iter().map(leg).collect();
        Row {
            address: *address,
            owner: position.owner,
            version: position.version,
            slot,
            legs,
        }
    }

    /// Returns whether a need to liquidate is the same need in both.
    #[must_use]
    pub fn is_materially(&self, other: &Row) -> bool {
        self.version == other.version && self.legs == other.legs
    }

    /// Returns the legs beside their reserves at the clock.
    pub fn legs_at<'a>(
        &'a self,
        reserves: &'a Reserves,
    ) -> impl Iterator<Item = LegAt<'a>> + Clone {
        self.legs.iter().map(|leg| LegAt {
            side: leg.side,
            amount: leg.amount,
            reserve: reserves.standing(leg.reserve),
        })
    }

    /// Returns the digest of the material fields.
    #[must_use]
    pub fn digest(&self, reserves: &Reserves) -> [u8; 32] {
        let address = |number| reserves.get(number).map_or([0; 32], |held| held.address);
        let legs = self.legs.iter();
        digest_of(
            self.version,
            legs.map(|leg| Leg {
                reserve: address(leg.reserve),
                amount: leg.amount,
                side: leg.side,
            }),
        )
    }
}

/// Rows with the numbers of removed ones given out again, and the addresses.
#[derive(Clone, Debug, Default)]
pub struct Store {
    rows: Vec<Option<Row>>,
    free: Vec<u32>,
    known: ByAddress<(Known, u64)>,
}

impl Store {
    /// Returns what an address is known as, and the slot it was last seen at.
    #[must_use]
    pub fn known(&self, address: &Pubkey) -> Option<(Known, u64)> {
        self.known.get(address).copied()
    }

    /// Writes down what lies at an address.
    pub fn learn(&mut self, address: &Pubkey, known: Known, slot: u64) {
        self.known.insert(*address, (known, slot));
    }

    /// Returns every address with what lies there and the slot it was last seen at.
    pub fn all(&self) -> impl Iterator<Item = (&Pubkey, Known, u64)> {
        let known = self.known.iter();
        known.map(|(address, (known, slot))| (address, *known, *slot))
    }

    /// Returns the addresses of what belongs to this market alone.
    pub fn homes(&self) -> impl Iterator<Item = &Pubkey> {
        let own = |known| matches!(known, Known::Market | Known::Reserve | Known::Position(_));
        let known = self.known.iter();
        known
            .filter(move |(_, (known, _))| own(*known))
            .map(|(address, _)| address)
    }

    /// Returns the addresses of everything that is not gone.
    pub fn addresses(&self) -> impl Iterator<Item = &Pubkey> {
        self.known
            .iter()
            .filter(|(_, (known, _))| *known != Known::Gone)
            .map(|(address, _)| address)
    }

    /// Returns a row.
    #[must_use]
    pub fn row(&self, number: u32) -> Option<&Row> {
        self.rows.get(number as usize).and_then(Option::as_ref)
    }

    /// Returns the number of a position's row.
    #[must_use]
    pub fn number(&self, address: &Pubkey) -> Option<u32> {
        match self.known(address) {
            Some((Known::Position(number), _)) => Some(number),
            _ => None,
        }
    }

    /// Returns all rows with their numbers.
    pub fn rows(&self) -> impl Iterator<Item = (u32, &Row)> {
        (0..)
            .zip(&self.rows)
            .filter_map(|(number, row)| row.as_ref().map(|row| (number, row)))
    }

    /// Returns how many positions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    /// Replaces a row and returns the earlier one.
    pub fn replace(&mut self, number: u32, row: Row) -> Option<Row> {
        self.rows
            .get_mut(number as usize)
            .and_then(|place| place.replace(row))
    }

    /// Returns a number for a new row.
    pub fn reserve_number(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            (self.rows.len() - 1) as u32
        })
    }

    /// Removes a row and returns it.
    pub fn remove(&mut self, number: u32) -> Option<Row> {
        let row = self.rows.get_mut(number as usize).and_then(Option::take)?;
        self.free.push(number);
        Some(row)
    }
}
