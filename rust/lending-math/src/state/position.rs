//! A position: up to eight legs of collateral and debt under one owner.

use super::{begin, open};
use crate::bytes::{get_key, get_u64, get_u8, put};
use crate::{Error, Pubkey};

/// Discriminator: `sha256("account:Position")[..8]`.
pub const POSITION: [u8; 8] = [170, 188, 143, 228, 122, 64, 247, 208];
/// Length of the account.
pub const POSITION_LEN: usize = 488;
/// Most legs of a position, collateral and debt together.
pub const MAX_LEGS: usize = 8;
/// Where the first leg lies in the account.
pub const LEGS_OFFSET: usize = 104;
/// Length of a leg.
pub const LEG_LEN: usize = 48;

/// Which side of a position a leg is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// Deposited tokens.
    Collateral = 1,
    /// Debt shares.
    Debt = 2,
}

/// One reserve's part of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The reserve.
    pub reserve: Pubkey,
    /// Tokens of a collateral leg, *shares* of a debt leg.
    pub amount: u64,
    /// Collateral or debt.
    pub side: Side,
}

impl Leg {
    const NONE: Leg = Leg {
        reserve: [0; 32],
        amount: 0,
        side: Side::Collateral,
    };
}

/// A position of a market.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// Bump of the address `["position", market, owner, id]`.
    pub bump: u8,
    /// The market it is in.
    pub market: Pubkey,
    /// May withdraw and borrow.
    pub owner: Pubkey,
    /// Part of the address.
    pub id: u64,
    /// Counts its liquidations.
    pub version: u64,
    /// Slot of the last change.
    pub last_update_slot: u64,
    count: usize,
    legs: [Leg; MAX_LEGS],
}

impl PartialEq for Position {
    fn eq(&self, other: &Position) -> bool {
        let head = |position: &Position| {
            (
                position.bump,
                position.market,
                position.owner,
                position.id,
                position.version,
                position.last_update_slot,
            )
        };
        head(self) == head(other) && self.legs() == other.legs()
    }
}

impl Eq for Position {}

impl Position {
    /// Returns a position without legs.
    #[must_use]
    pub fn new(bump: u8, market: Pubkey, owner: Pubkey, id: u64) -> Position {
        Position {
            bump,
            market,
            owner,
            id,
            version: 0,
            last_update_slot: 0,
            count: 0,
            legs: [Leg::NONE; MAX_LEGS],
        }
    }

    /// Reads an account's bytes; a leg that is empty, of no side, or of a reserve that another leg has is refused.
    pub fn decode(bytes: &[u8]) -> Result<Position, Error> {
        let bump = open(bytes, POSITION_LEN, POSITION)?;
        let mut position = Position::new(
            bump,
            get_key(bytes, 16)?,
            get_key(bytes, 48)?,
            get_u64(bytes, 80)?,
        );
        position.version = get_u64(bytes, 88)?;
        position.last_update_slot = get_u64(bytes, 96)?;
        let count = usize::from(get_u8(bytes, 10)?);
        if count > MAX_LEGS {
            return Err(Error::InvalidAccount);
        }
        for place in 0..count {
            let offset = LEGS_OFFSET + place * LEG_LEN;
            let side = match get_u8(bytes, offset + 40)? {
                1 => Side::Collateral,
                2 => Side::Debt,
                _ => return Err(Error::InvalidAccount),
            };
            let leg = Leg {
                reserve: get_key(bytes, offset)?,
                amount: get_u64(bytes, offset + 32)?,
                side,
            };
            if leg.amount == 0 || position.find(&leg.reserve).is_some() {
                return Err(Error::InvalidAccount);
            }
            position.push(leg)?;
        }
        Ok(position)
    }

    /// Writes the account's bytes; they must be of its length.
    pub fn encode(&self, bytes: &mut [u8]) -> Result<(), Error> {
        begin(bytes, POSITION_LEN, POSITION, self.bump)?;
        let legs = self.legs();
        put(
            bytes,
            10,
            &[u8::try_from(legs.len()).map_err(|_| Error::InvalidAccount)?],
        )?;
        put(bytes, 16, &self.market)?;
        put(bytes, 48, &self.owner)?;
        put(bytes, 80, &self.id.to_le_bytes())?;
        put(bytes, 88, &self.version.to_le_bytes())?;
        put(bytes, 96, &self.last_update_slot.to_le_bytes())?;
        for (place, leg) in legs.iter().enumerate() {
            let offset = LEGS_OFFSET + place * LEG_LEN;
            put(bytes, offset, &leg.reserve)?;
            put(bytes, offset + 32, &leg.amount.to_le_bytes())?;
            put(bytes, offset + 40, &[leg.side as u8])?;
        }
        Ok(())
    }

    /// Returns the legs in use.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        self.legs.get(..self.count).unwrap_or(&[])
    }

    /// Returns the place of a reserve's leg.
    #[must_use]
    pub fn find(&self, reserve: &Pubkey) -> Option<usize> {
        self.legs().iter().position(|leg| leg.reserve == *reserve)
    }

    /// Returns the place and the amount of a reserve's leg; `LegNotFound`, or `WrongSide` if it is on the other side.
    pub fn leg(&self, reserve: &Pubkey, side: Side) -> Result<(usize, u64), Error> {
        let place = self.find(reserve).ok_or(Error::LegNotFound)?;
        match self.legs().get(place) {
            Some(leg) if leg.side == side => Ok((place, leg.amount)),
            _ => Err(Error::WrongSide),
        }
    }

    /// Adds to a reserve's leg, or makes one: `TooManyLegs`, `WrongSide`.
    pub fn increase(&mut self, reserve: &Pubkey, side: Side, by: u64) -> Result<(), Error> {
        match self.find(reserve) {
            None if by == 0 => Err(Error::AmountTooSmall),
            None => self.push(Leg {
                reserve: *reserve,
                amount: by,
                side,
            }),
            Some(place) => {
                let leg = self
                    .legs
                    .get_mut(place)
                    .filter(|leg| leg.side == side)
                    .ok_or(Error::WrongSide)?;
                leg.amount = leg.amount.checked_add(by).ok_or(Error::Overflow)?;
                Ok(())
            }
        }
    }

    /// Takes from a reserve's leg and removes it if nothing is left; the later legs move up in order.
    pub fn decrease(&mut self, reserve: &Pubkey, side: Side, by: u64) -> Result<(), Error> {
        let (place, amount) = self.leg(reserve, side)?;
        match amount.checked_sub(by) {
            None => return Err(Error::Overflow),
            Some(0) => self.remove(place),
            Some(left) => {
                if let Some(leg) = self.legs.get_mut(place) {
                    leg.amount = left;
                }
            }
        }
        Ok(())
    }

    /// Returns whether any leg is on this side.
    #[must_use]
    pub fn has(&self, side: Side) -> bool {
        self.legs().iter().any(|leg| leg.side == side)
    }

    fn push(&mut self, leg: Leg) -> Result<(), Error> {
        *self.legs.get_mut(self.count).ok_or(Error::TooManyLegs)? = leg;
        self.count += 1;
        Ok(())
    }

    fn remove(&mut self, place: usize) {
        if let Some(legs) = self.legs.get_mut(place..self.count) {
            legs.rotate_left(1);
            if let Some(last) = legs.last_mut() {
                *last = Leg::NONE;
                self.count -= 1;
            }
        }
    }
}
