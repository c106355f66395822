//! A margin account as legs of a generic book, and a bank as the prices of its slots: what the screen needs, and what it cannot see.
//!
//! Each bank is up to three assets of the book. `Collateral` is worth (price − confidence) · weight · share value, `OwnWeight`
//! the same without the weight, for accounts whose e-mode weight is another (it stands in the quantity), `Debt`
//! (price + confidence) · weight · share value. Quantities and prices are rounded against the account, and [`DUST`] covers what the
//! program's own rounding hides: an account that the program would liquidate is never judged healthy. The exact answer
//! is `health`'s.

use lending_math::Pubkey;

use super::account::{MarginAccount, Side};
use super::assessment::BLOCKED;
use super::bank::{Bank, Requirement};
use super::emode::Emode;
use super::feed;
use super::price::Bias;
use super::refusal::{math, Outcome, Refusal};
use super::world::World;
use crate::fixed::i80f48::I80F48;

/// Debt that every account has beside its own, in units of 10⁻⁹ of the quote.
pub const DUST: u64 = 2;

/// Which asset of the book a leg is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Deposits at the bank's weight.
    Collateral,
    /// Deposits whose weight is in the quantity.
    OwnWeight,
    /// Debt.
    Debt,
}

/// One leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The bank.
    pub bank: Pubkey,
    /// Which of its assets.
    pub class: Class,
    /// Whole shares.
    pub quantity: u64,
}

/// Why no price says whether an account can be liquidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Prices say it.
    Open,
    /// A flag of the account forbids it: a new version of the account is the next chance.
    Blocked,
}

/// Returns whether flags keep an account from being liquidated. Disabled ones are liquidated like all others.
#[must_use]
pub fn gate(account: &MarginAccount) -> Gate {
    if account.has_flag(BLOCKED) {
        Gate::Blocked
    } else {
        Gate::Open
    }
}

/// Returns an account's legs. Isolated deposits and sides of less than one share have none. A refusal means that the account does
/// not fit into the book, and has to be asked about at every tick.
pub fn legs<'b, 'a: 'b>(
    account: &MarginAccount,
    bank_of: impl Fn(&Pubkey) -> Option<&'b Bank<'a>>,
    emode: &Emode,
) -> Outcome<Vec<Leg>> {
    let mut legs = Vec::new();
    for balance in account.balances() {
        let bank = bank_of(&balance.bank).ok_or(Refusal::Panic)?;
        let (class, quantity) = match balance.side()? {
            Some(Side::Liabilities) => (Class::Debt, math(up(balance.liability_shares))?),
            Some(Side::Assets) if !bank.is_isolated() => {
                deposit(bank, balance.asset_shares, emode)?
            }
            _ => continue,
        };
        let bank = bank.key;
        legs.push(Leg {
            bank,
            class,
            quantity,
        });
    }
    Ok(legs)
}

/// Returns class and quantity of a deposit: one share less, which is more than the program's rounding takes off.
fn deposit(bank: &Bank, shares: I80F48, emode: &Emode) -> Outcome<(Class, u64)> {
    let own = bank.asset_weight(Requirement::Maintenance);
    let weight = emode.asset_weight(bank, Requirement::Maintenance);
    let less = |shares: I80F48| u64::try_from(shares.to_i128() - 1).unwrap_or(0);
    if weight == own {
        return Ok((Class::Collateral, less(shares)));
    }
    Ok((Class::OwnWeight, less(math(shares.times(weight))?)))
}

/// Returns the shares rounded up; `None` for more than the book holds.
fn up(shares: I80F48) -> Option<u64> {
    let whole = shares.to_i128() + i128::from(shares.fraction() != I80F48::ZERO);
    u64::try_from(whole).ok()
}

/// Returns the price of a bank's asset in units of 10^exponent, for whole tokens: down for deposits, up for debt.
///
/// The bank is brought to now by the caller. A refusal means that the account cannot be judged until the oracle is back: the
/// last price stays and nothing is emitted.
pub fn mantissa(bank: &Bank, world: &World, class: Class, exponent: i8) -> Outcome<i64> {
    let [price, weight, share_value] = factors(bank, world, class)?;
    let scale = math(I80F48::power_of_ten(u32::from(exponent.unsigned_abs())))?;
    let scaled = if exponent > 0 {
        price.over(scale)
    } else {
        price.times(scale)
    };
    // Scaled first: what is cut off below is then a small part of a unit.
    let units = scaled.and_then(|price| price.times(weight)?.times(share_value));
    let down = math(units)?.to_i128();
    let units = if class == Class::Debt { down + 2 } else { down };
    math(i64::try_from(units).ok())
}

/// Returns the price of a bank's asset, rounded down.
pub fn price(bank: &Bank, world: &World, class: Class) -> Outcome<I80F48> {
    let [price, weight, share_value] = factors(bank, world, class)?;
    math(price.times(weight).and_then(|it| it.times(share_value)))
}

/// Returns price, weight and share value.
fn factors(bank: &Bank, world: &World, class: Class) -> Outcome<[I80F48; 3]> {
    let maintenance = Requirement::Maintenance;
    let (bias, weight, share_value) = match class {
        Class::Collateral => (
            Bias::Low,
            bank.asset_weight(maintenance),
            bank.asset_share_value(),
        ),
        Class::OwnWeight => (Bias::Low, I80F48::ONE, bank.asset_share_value()),
        Class::Debt => (
            Bias::High,
            bank.liability_weight(maintenance),
            bank.liability_share_value(),
        ),
    };
    let feed = feed::load(bank, world)?.feed;
    let priced = feed.priced(maintenance, bank.oracle_max_confidence(), world.version)?;
    Ok([priced.biased(bias)?, weight, share_value])
}

/// Returns an exponent at which a price has about fifteen digits.
#[must_use]
pub fn exponent_for(price: I80F48) -> i8 {
    let mut exponent = -15;
    let mut whole = price.to_i128();
    while whole > 0 && exponent < 0 {
        whole /= 10;
        exponent += 1;
    }
    exponent
}

#[cfg(test)]
mod tests {
    use super::{exponent_for, up};
    use crate::fixed::i80f48::I80F48;

    #[test]
    fn debt_is_rounded_up_and_prices_keep_their_digits() {
        assert_eq!(up(I80F48::from_bits((5 << 48) + 1)), Some(6));
        assert_eq!(up(I80F48::whole(5)), Some(5));
        assert_eq!(
            up(I80F48::whole(u64::MAX)
                .plus(I80F48::ONE)
                .unwrap_or_default()),
            None
        );
        assert_eq!(exponent_for(I80F48::whole(150)), -12);
        assert_eq!(exponent_for(I80F48::ZERO), -15);
        assert_eq!(exponent_for(I80F48::whole(u64::MAX)), 0);
    }
}
