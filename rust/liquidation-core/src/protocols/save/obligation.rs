//! An obligation's account: one borrower's deposits and debts in a market, with their values at the last refresh.

use lending_math::Pubkey;

use super::fault::{
    Outcome, BORROWS_EMPTY, BROKEN, DEPOSITS_EMPTY, INVALID_COLLATERAL, INVALID_LIQUIDITY,
};
use super::layout::{Reader, Writer};
use crate::fixed::wad::Decimal;

/// Bytes of the account.
pub const OBLIGATION_LENGTH: usize = 1300;

/// One deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// Where it lies.
    pub reserve: Pubkey,
    /// Collateral tokens.
    pub shares: u64,
    /// Quote units.
    pub value: Decimal,
    /// Debt that is attributed to it, quote units.
    pub attributed: Decimal,
}

/// One debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Borrow {
    /// From where it was borrowed.
    pub reserve: Pubkey,
    /// The reserve's index when `amount` was last computed.
    pub index: Decimal,
    /// Smallest units.
    pub amount: Decimal,
    /// Quote units.
    pub value: Decimal,
}

/// An obligation; values in quote units, as of `slot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obligation {
    /// Slot of the last refresh.
    pub slot: u64,
    /// Whether something changed since.
    pub stale: bool,
    /// Its market.
    pub market: Pubkey,
    /// Who may borrow.
    pub owner: Pubkey,
    /// Of all deposits.
    pub deposited: Decimal,
    /// Of all debts, weighted.
    pub borrowed: Decimal,
    /// Debt that may be taken on.
    pub allowed: Decimal,
    /// Weighted debt at which it is liquidated.
    pub unhealthy: Decimal,
    /// Of all debts, weighted, at the upper prices.
    pub borrowed_upper: Decimal,
    /// Whether it borrows an isolated asset.
    pub isolated: bool,
    /// Weighted debt at which the bonus is highest.
    pub super_unhealthy: Decimal,
    /// Of all debts, not weighted.
    pub unweighted: Decimal,
    /// Whether the risk authority opened it to liquidation.
    pub closeable: bool,
    /// In stored order.
    pub deposits: Vec<Deposit>,
    /// In stored order; the first is the one to repay.
    pub borrows: Vec<Borrow>,
}

impl Obligation {
    /// Returns the account's content, with the program's own checks.
    pub fn decode(data: &[u8]) -> Outcome<Obligation> {
        if data.len() != OBLIGATION_LENGTH {
            return Err(BROKEN);
        }
        let mut from = Reader(data);
        if from.u8()? != 1 {
            return Err(BROKEN);
        }
        let (slot, stale) = (from.u64()?, from.bool()?);
        let (market, owner) = (from.bytes()?, from.bytes()?);
        let (deposited, borrowed, allowed) = (from.decimal()?, from.decimal()?, from.decimal()?);
        let (unhealthy, borrowed_upper) = (from.decimal()?, from.decimal()?);
        let isolated = from.bool()?;
        let (super_unhealthy, unweighted) = (from.decimal()?, from.decimal()?);
        let closeable = from.bool()?;
        from.skip(14)?;
        let [deposits, borrows] = from.bytes()?;
        Ok(Obligation {
            slot,
            stale,
            market,
            owner,
            deposited,
            borrowed,
            allowed,
            unhealthy,
            borrowed_upper,
            isolated,
            super_unhealthy,
            unweighted,
            closeable,
            deposits: (0..deposits)
                .map(|_| deposit(&mut from))
                .collect::<Result<_, _>>()?,
            borrows: (0..borrows)
                .map(|_| borrow(&mut from))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Writes what the program writes back: what lay behind an entry that is gone stays there.
    pub fn encode(&self, data: &mut [u8]) -> Outcome<()> {
        let mut to = Writer(data);
        to.skip(1)?;
        to.u64(self.slot)?;
        to.bool(self.stale)?;
        to.skip(64)?;
        to.decimal(self.deposited)?;
        to.decimal(self.borrowed)?;
        to.decimal(self.allowed)?;
        to.decimal(self.unhealthy)?;
        to.decimal(self.borrowed_upper)?;
        to.bool(self.isolated)?;
        to.decimal(self.super_unhealthy)?;
        to.decimal(self.unweighted)?;
        to.bool(self.closeable)?;
        to.skip(14)?;
        let count = |entries: usize| u8::try_from(entries).map_err(|_| BROKEN);
        to.bytes(&[count(self.deposits.len())?, count(self.borrows.len())?])?;
        for deposit in &self.deposits {
            to.bytes(&deposit.reserve)?;
            to.u64(deposit.shares)?;
            to.decimal(deposit.value)?;
            to.decimal(deposit.attributed)?;
            to.skip(16)?;
        }
        for borrow in &self.borrows {
            to.bytes(&borrow.reserve)?;
            to.decimal(borrow.index)?;
            to.decimal(borrow.amount)?;
            to.decimal(borrow.value)?;
            to.skip(32)?;
        }
        Ok(())
    }

    /// Returns the reserves in the order in which a refresh names them, repeated where the obligation repeats them.
    pub fn reserves(&self) -> impl Iterator<Item = &Pubkey> {
        let deposits = self.deposits.iter().map(|deposit| &deposit.reserve);
        deposits.chain(self.borrows.iter().map(|borrow| &borrow.reserve))
    }

    /// Returns the first deposit in a reserve and its place.
    pub fn deposit_in(&self, reserve: &Pubkey) -> Outcome<(usize, Deposit)> {
        if self.deposits.is_empty() {
            return Err(DEPOSITS_EMPTY);
        }
        let mut places = self.deposits.iter().enumerate();
        let found = places.find(|(_, deposit)| deposit.reserve == *reserve);
        found
            .map(|(place, deposit)| (place, *deposit))
            .ok_or(INVALID_COLLATERAL)
    }

    /// Returns the first debt from a reserve and its place.
    pub fn borrow_from(&self, reserve: &Pubkey) -> Outcome<(usize, Borrow)> {
        if self.borrows.is_empty() {
            return Err(BORROWS_EMPTY);
        }
        let mut places = self.borrows.iter().enumerate();
        let found = places.find(|(_, borrow)| borrow.reserve == *reserve);
        found
            .map(|(place, borrow)| (place, *borrow))
            .ok_or(INVALID_LIQUIDITY)
    }
}

fn deposit(from: &mut Reader) -> Outcome<Deposit> {
    let deposit = Deposit {
        reserve: from.bytes()?,
        shares: from.u64()?,
        value: from.decimal()?,
        attributed: from.decimal()?,
    };
    from.skip(16)?;
    Ok(deposit)
}

fn borrow(from: &mut Reader) -> Outcome<Borrow> {
    let borrow = Borrow {
        reserve: from.bytes()?,
        index: from.decimal()?,
        amount: from.decimal()?,
        value: from.decimal()?,
    };
    from.skip(32)?;
    Ok(borrow)
}
