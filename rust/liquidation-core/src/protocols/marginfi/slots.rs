//! A group's banks as the assets of a [`GenericBook`](crate::book::generic::GenericBook), and legs as its slots.
//!
//! The first asset is the quote itself, for [`DUST`]; then each bank has one for every [`Class`]. All weights of the book are 1:
//! the banks' own are in the prices, because a deposit's weight may be an account's own.

use super::bank::Bank;
use super::legs::{exponent_for, mantissa, price, Class, Leg, DUST};
use super::refusal::Outcome;
use super::version::Version;
use super::world::World;
use crate::book::generic::market::Asset;
use crate::fixed::i80f48::I80F48;

const CLASSES: [Class; 3] = [Class::Collateral, Class::OwnWeight, Class::Debt];
/// Decimals of the quote, in which [`DUST`] counts.
const QUOTE_DECIMALS: u8 = 9;
/// The book's slot of the dust.
const DUST_SLOT: u16 = 1;

/// The exponents of a book's prices, which stay as they were when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scales(Vec<[i8; 3]>);

impl Scales {
    /// Returns the scales that suit the banks' prices now; a bank without a price gets those of one near 1.
    #[must_use]
    pub fn of(banks: &[Bank], world: &World) -> Scales {
        let suited =
            |bank: &Bank, class| exponent_for(price(bank, world, class).unwrap_or(I80F48::ONE));
        let of_bank = |bank| CLASSES.map(|class| suited(bank, class));
        Scales(banks.iter().map(of_bank).collect())
    }

    /// Returns the book's assets.
    #[must_use]
    pub fn assets(&self, banks: &[Bank], version: Version) -> Vec<Asset> {
        let asset = |name: String, decimals, exponent| Asset {
            name,
            decimals,
            exponent,
        };
        let mut assets = vec![asset("quote".to_owned(), QUOTE_DECIMALS, 0)];
        for (number, (exponents, bank)) in self.0.iter().zip(banks).enumerate() {
            for (class, exponent) in CLASSES.into_iter().zip(exponents) {
                let name = format!("{number} {class:?}");
                assets.push(asset(name, bank.decimals(version), *exponent));
            }
        }
        assets
    }

    /// Writes the banks' prices over the last ones. A bank that has none keeps its last: its holders cannot be judged now.
    ///
    /// `last` has the quote's first, as [`first`](Scales::first) makes it. Returns how many banks are without a price.
    pub fn reprice(&self, banks: &[Bank], world: &World, last: &mut [i64]) -> usize {
        let mut without = 0;
        let places = last.get_mut(1..).unwrap_or_default().chunks_exact_mut(3);
        for ((exponents, bank), place) in self.0.iter().zip(banks).zip(places) {
            let mut now = [0; 3];
            let told = CLASSES.into_iter().zip(exponents).zip(&mut now);
            let told: Outcome<()> = told.into_iter().try_for_each(|((class, exponent), price)| {
                *price = mantissa(bank, world, class, *exponent)?.max(0); // an isolated bank's may be anything
                Ok(())
            });
            match told {
                Ok(()) => place.copy_from_slice(&now),
                Err(_) => without += 1,
            }
        }
        without
    }

    /// Returns prices before any is known: the quote's 1, and 0 for every bank.
    #[must_use]
    pub fn first(&self) -> Vec<i64> {
        let mut prices = vec![0; 1 + 3 * self.0.len()];
        if let Some(quote) = prices.first_mut() {
            *quote = 1;
        }
        prices
    }
}

/// Returns a leg's slot in the book, `None` for a bank beyond its room.
#[must_use]
pub fn slot(bank: u16, class: Class) -> Option<u16> {
    let (place, side) = match class {
        Class::Collateral => (1, 0),
        Class::OwnWeight => (2, 0),
        Class::Debt => (3, 1),
    };
    bank.checked_mul(6)?.checked_add(2 * place + side)
}

/// Returns an account's slots and amounts, the dust first; `None` for a leg in an unknown bank.
pub fn laid(legs: &[Leg], place: impl Fn(&Leg) -> Option<u16>) -> Option<(Vec<u16>, Vec<u64>)> {
    let (mut slots, mut amounts) = (vec![DUST_SLOT], vec![DUST]);
    for leg in legs {
        slots.push(slot(place(leg)?, leg.class)?);
        amounts.push(leg.quantity);
    }
    Some((slots, amounts))
}
