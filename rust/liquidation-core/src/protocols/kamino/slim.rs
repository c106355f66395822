//! A position, decoded as far as a verdict needs it.

use lending_math::Pubkey;

use crate::fixed::fraction::Fraction;
use crate::fixed::u256::U256;
use crate::protocols::kamino::bytes::{key_at, u128_at, u256_at, u64_at, u8_at};
use crate::protocols::kamino::confirm::Rules;
use crate::protocols::kamino::obligation::{
    BORROW, BORROWS, DEPOSIT, DEPOSITS, DISCRIMINATOR, LENGTH,
};

const NO_KEY: Pubkey = [0; 32];

/// One side's leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// Collateral tokens.
    Deposit {
        /// Place of the reserve's rates.
        reserve: u16,
        /// Collateral tokens.
        shares: u64,
    },
    /// A debt at the reserve's index of then.
    Borrow {
        /// Place of the reserve's rates.
        reserve: u16,
        /// The index.
        index: U256,
        /// Smallest units.
        amount: Fraction,
    },
}

impl Leg {
    /// Returns the place of its reserve's rates.
    #[must_use]
    pub fn reserve(&self) -> u16 {
        match self {
            Leg::Deposit { reserve, .. } | Leg::Borrow { reserve, .. } => *reserve,
        }
    }
}

/// A position's legs and what else may give a reason to liquidate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Debts, then deposits, in stored order.
    pub legs: Vec<Leg>,
    /// Elevation group, 0 for none.
    pub group: u8,
    /// Whether somebody referred its owner.
    pub referred: bool,
    /// Whether the risk council called its margin.
    pub called: bool,
    /// Whether its owner left an order.
    pub ordered: bool,
}

impl Position {
    /// Returns the position in an obligation's bytes; `place` gives a reserve's number. `None` for bytes that are no obligation, or a
    /// reserve without a number.
    pub fn read(data: &[u8], mut place: impl FnMut(&Pubkey) -> Option<u16>) -> Option<Position> {
        if data.len() != LENGTH || !data.starts_with(&DISCRIMINATOR) {
            return None;
        }
        let mut legs = Vec::with_capacity(6);
        for at in (0..5).map(|it| BORROWS + BORROW * it) {
            let key = key_at(data, at);
            if key != NO_KEY {
                legs.push(Leg::Borrow {
                    reserve: place(&key)?,
                    index: u256_at(data, at + 32),
                    amount: Fraction(u128_at(data, at + 88)),
                });
            }
        }
        for at in (0..8).map(|it| DEPOSITS + DEPOSIT * it) {
            let key = key_at(data, at);
            if key != NO_KEY {
                legs.push(Leg::Deposit {
                    reserve: place(&key)?,
                    shares: u64_at(data, at + 32),
                });
            }
        }
        Some(Position {
            legs,
            group: u8_at(data, 2285),
            referred: key_at(data, 2288) != NO_KEY,
            called: u64_at(data, 2336) != 0,
            ordered: (0..2).any(|it| u8_at(data, 2344 + 128 * it + 36) != 0),
        })
    }

    /// Returns whether a reason beside the price, deleveraging reserves aside, may hold.
    #[must_use]
    pub fn may_have_other_reasons(&self, rules: &Rules) -> bool {
        self.called && rules.deleveraging || self.ordered && rules.orders
    }
}
