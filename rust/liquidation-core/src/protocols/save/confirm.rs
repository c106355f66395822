//! The exact verdict on one position among many: the sums of a refresh that decide, and no others.
//!
//! [`Rates`] holds what a refreshed reserve contributes, its divisors ready as reciprocals. What is left out here (lower and
//! upper prices, the second threshold, attribution) cannot change the verdict but could overflow: outside the bounds within
//! which it provably does not, there is no fast verdict and [`health`](super::predict::health) has to be asked.

use lending_math::Pubkey;

use super::fault::{Fault, Outcome, NEGATIVE_INTEREST};
use super::layout::Reader;
use super::obligation::{Obligation, OBLIGATION_LENGTH};
use super::refresh::UNHEALTHY_CAP;
use super::reserve::Reserve;
use crate::fixed::wad::{Decimal, Rate, Reciprocal, Unit};

const BPS: u64 = 10_000;
const BY_BPS: Reciprocal = Reciprocal::of(BPS);
const BY_PERCENT: Reciprocal = Reciprocal::of(100);
/// Borrow weight up to which a product with a value stays in bounds, basis points.
const MOST_WEIGHT_BPS: u64 = 1_000_000_000;
/// Value of one leg up to which everything stays in bounds: 2⁸⁸ · 10⁻¹⁸, 309 million.
const MOST_VALUE: Decimal = Decimal::scaled(1 << 88);
/// Attribution up to which one more leg fits the account.
const MOST_ATTRIBUTED: Decimal = Decimal::scaled(1 << 126);

/// What one reserve, refreshed at the slot in question, contributes to a verdict.
#[derive(Clone, Debug)]
pub struct Rates {
    pub(super) price: Decimal,
    pub(super) share_rate: Rate,
    by_share_rate: Reciprocal,
    unit: Unit,
    /// Percent.
    pub(super) threshold: u64,
    pub(super) weight_bps: u64,
    pub(super) index: Decimal,
}

impl Rates {
    /// Returns a refreshed reserve's rates, `None` outside the bounds.
    #[must_use]
    pub fn of(reserve: &Reserve) -> Option<Rates> {
        let share_rate = reserve.share_rate().ok()?;
        let narrow = u64::try_from(share_rate.0).ok().filter(|rate| *rate > 0)?;
        let bound = reserve.price.times(4).ok()?;
        let unit = Unit::of(reserve.decimals)?;
        let usual = reserve.config.added_weight_bps <= MOST_WEIGHT_BPS
            && reserve.upper_price() <= bound
            && reserve.attributed <= MOST_ATTRIBUTED;
        usual.then(|| Rates {
            price: reserve.price,
            share_rate,
            by_share_rate: Reciprocal::of(narrow),
            unit,
            threshold: reserve.config.threshold.into(),
            weight_bps: BPS + reserve.config.added_weight_bps,
            index: reserve.index,
        })
    }

    #[inline]
    pub(super) fn value(&self, amount: Decimal) -> Outcome<Decimal> {
        Ok(self.price.mul_over(amount, &self.unit)?)
    }
}

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
        index: Decimal,
        /// Smallest units.
        amount: Decimal,
    },
}

impl Leg {
    /// Returns the place of the reserve's rates.
    #[must_use]
    pub fn reserve(&self) -> u16 {
        let (Leg::Deposit { reserve, .. } | Leg::Borrow { reserve, .. }) = self;
        *reserve
    }
}

/// A position, decoded as far as a verdict needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Deposits, then debts, in stored order.
    pub legs: Vec<Leg>,
    /// Whether the risk authority opened it to liquidation.
    pub closeable: bool,
}

impl Position {
    /// Returns the position in an obligation's bytes; `place` gives a reserve's number. The program's checks are made.
    pub fn read(
        data: &[u8],
        mut place: impl FnMut(&Pubkey) -> Option<u16>,
    ) -> Outcome<Option<Position>> {
        if data.len() != OBLIGATION_LENGTH {
            return Err(super::fault::BROKEN);
        }
        let mut from = Reader(data);
        let version = from.u8()?;
        from.skip(8)?;
        let _stale = from.bool()?;
        from.skip(144)?;
        let _isolated = from.bool()?;
        from.skip(32)?;
        let closeable = from.bool()?;
        from.skip(14)?;
        let [deposits, borrows] = from.bytes()?;
        if version != 1 {
            return Err(super::fault::BROKEN);
        }
        let mut legs = Vec::with_capacity(usize::from(deposits) + usize::from(borrows));
        for _ in 0..deposits {
            let Some(reserve) = place(&from.bytes()?) else {
                return Ok(None);
            };
            let shares = from.u64()?;
            from.skip(48)?;
            legs.push(Leg::Deposit { reserve, shares });
        }
        for _ in 0..borrows {
            let Some(reserve) = place(&from.bytes()?) else {
                return Ok(None);
            };
            let (index, amount) = (from.decimal()?, from.decimal()?);
            from.skip(48)?;
            legs.push(Leg::Borrow {
                reserve,
                index,
                amount,
            });
        }
        Ok(Some(Position { legs, closeable }))
    }

    /// Returns a whole obligation's position.
    pub fn of(
        obligation: &Obligation,
        mut place: impl FnMut(&Pubkey) -> Option<u16>,
    ) -> Option<Position> {
        let mut legs = Vec::new();
        for deposit in &obligation.deposits {
            legs.push(Leg::Deposit {
                reserve: place(&deposit.reserve)?,
                shares: deposit.shares,
            });
        }
        for borrow in &obligation.borrows {
            legs.push(Leg::Borrow {
                reserve: place(&borrow.reserve)?,
                index: borrow.index,
                amount: borrow.amount,
            });
        }
        Some(Position {
            legs,
            closeable: obligation.closeable,
        })
    }
}

/// The two sums that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Unhealthy borrow value, capped.
    pub unhealthy: Decimal,
    /// Borrowed value.
    pub borrowed: Decimal,
    /// Whether the program would liquidate.
    pub liquidatable: bool,
}

/// Returns the exact verdict; `None` where only [`health`](super::predict::health) can tell.
#[must_use]
pub fn confirm(position: &Position, rates: &[Rates]) -> Option<Verdict> {
    if position.closeable {
        return None;
    }
    match sums(position, rates)? {
        Ok((deposited, unhealthy, borrowed)) => {
            let unhealthy = unhealthy.min(UNHEALTHY_CAP.into());
            Some(Verdict {
                unhealthy,
                borrowed,
                liquidatable: borrowed >= unhealthy && !deposited.is_zero() && !borrowed.is_zero(),
            })
        }
        Err(NEGATIVE_INTEREST) => Some(Verdict {
            unhealthy: Decimal::ZERO,
            borrowed: Decimal::ZERO,
            liquidatable: false,
        }),
        Err(_) => None,
    }
}

type Sums = (Decimal, Decimal, Decimal);

fn sums(position: &Position, rates: &[Rates]) -> Option<Result<Sums, Fault>> {
    let mut sums = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for leg in &position.legs {
        match add(&mut sums, leg, rates) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(fault) => return Some(Err(fault)),
        }
    }
    Some(Ok(sums))
}

/// Adds a leg; whether it is in bounds.
#[inline]
fn add((deposited, unhealthy, borrowed): &mut Sums, leg: &Leg, rates: &[Rates]) -> Outcome<bool> {
    match *leg {
        Leg::Deposit { reserve, shares } => {
            let Some(rates) = rates.get(usize::from(reserve)) else {
                return Ok(false);
            };
            let liquidity = Decimal::from(shares).div_by(&rates.by_share_rate)?;
            let value = rates.value(liquidity)?;
            *deposited = deposited.try_add(value)?;
            *unhealthy = unhealthy.try_add(value.times_over(rates.threshold, &BY_PERCENT)?)?;
            Ok(value <= MOST_VALUE)
        }
        Leg::Borrow {
            reserve,
            index,
            amount,
        } => {
            let Some(rates) = rates.get(usize::from(reserve)) else {
                return Ok(false);
            };
            let amount = match rates.index.cmp(&index) {
                std::cmp::Ordering::Less => return Err(NEGATIVE_INTEREST),
                std::cmp::Ordering::Equal => amount,
                std::cmp::Ordering::Greater => {
                    let growth = Rate::of(rates.index.try_div(index)?)?;
                    amount.try_mul(growth.into())?
                }
            };
            let value = rates.value(amount)?;
            *borrowed = borrowed.try_add(value.times_over(rates.weight_bps, &BY_BPS)?)?;
            Ok(value <= MOST_VALUE && amount.to_scaled().is_some())
        }
    }
}
