//! Positions as they lie in a book, and those who are asked about whatever the book says.

use std::collections::BTreeSet;

use super::protocol::{Priced, Protocol, Table};
use crate::book::generic::kernels::Kernel;
use crate::book::generic::GenericBook;
use crate::CoreError;

/// Positions by their number, with the prices and the rules under which the book was opened.
pub struct Laid<P: Protocol> {
    book: GenericBook,
    scales: P::Scales,
    rules: P::Rules,
    opened: Priced<P::Rates>,
    always: BTreeSet<u64>,
}

impl<P: Protocol> Laid<P> {
    /// Returns a book of all positions. `None`: the reserves' prices are none that a book holds.
    pub fn open<'e>(
        rates: Vec<Option<P::Rates>>,
        rules: P::Rules,
        decimals: &[u8],
        positions: impl Iterator<Item = (u64, &'e P::Position)>,
    ) -> Option<Laid<P>> {
        let scales = P::scales(&rates);
        let table = P::table(&scales, &rates, &rules)?;
        let mut laid = Laid {
            book: GenericBook::new(P::assets(&scales, decimals), Kernel::best()).ok()?,
            scales,
            rules,
            opened: Priced { rates, table },
            always: BTreeSet::new(),
        };
        laid.price(&laid.opened.table.clone()).ok()?;
        for (id, position) in positions {
            laid.put(id, position);
        }
        laid.book.reanchor();
        Some(laid)
    }

    /// Moves to other prices; whether that can be done without opening anew. `refused` reserves have no holder
    /// that counts.
    pub fn follow(&mut self, rates: &[Option<P::Rates>], refused: &[bool]) -> bool {
        let before = &self.opened.rates;
        let same =
            |place: usize| refused[place] || before[place].is_some() == rates[place].is_some();
        if rates.len() != before.len() || !(0..rates.len()).all(same) {
            return false;
        }
        let Some(table) = P::table(&self.scales, rates, &self.rules) else {
            return false;
        };
        let rates = rates.to_vec();
        let now = Priced { rates, table };
        P::holds(&self.scales, &self.opened, &now, refused) && self.price(&now.table).is_ok()
    }

    /// Inserts or replaces a position; whether its reserves were there when the book was opened.
    pub fn put(&mut self, id: u64, position: &P::Position) -> bool {
        let rates = &self.opened.rates;
        if !P::reserves(position).all(|place| usize::from(place) < rates.len()) {
            return false;
        }
        let asked = P::always(position, rates, &self.rules);
        let legs = P::legs(&self.scales, position, rates, &self.rules);
        self.remove(id);
        let held = legs.is_some_and(|legs| {
            let (slots, amounts): (Vec<_>, Vec<_>) = legs.into_iter().unzip();
            let offsets = [0, slots.len() as u32];
            let put = self.book.set_positions(&[id], &offsets, &slots, &amounts);
            put.is_ok()
        });
        if asked || !held {
            self.always.insert(id);
        }
        true
    }

    /// Takes a position out, if it is there.
    pub fn remove(&mut self, id: u64) {
        self.always.remove(&id);
        let _ = self.book.remove(&[id]); // fails only for one that is not there
    }

    /// Returns whom prices do not call safe.
    pub fn looked_at(&self) -> BTreeSet<u64> {
        let mut ids = self.always.clone();
        ids.extend(self.book.liquidatable());
        ids
    }

    fn price(&mut self, table: &Table) -> Result<(), CoreError> {
        self.book
            .set_weights(&table.collateral_bps, &table.debt_bps)?;
        self.book.tick(&table.mantissas, 1, 1).map(|_| ())
    }
}
