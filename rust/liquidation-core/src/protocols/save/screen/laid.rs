//! Obligations as they lie in a book, and those who are asked about whatever the book says.

use std::collections::BTreeSet;

use super::Entry;
use crate::book::generic::kernels::Kernel;
use crate::book::generic::GenericBook;
use crate::protocols::save::confirm::{Leg, Position, Rates};
use crate::protocols::save::legs::{always, legs, Scales, Table};
use crate::CoreError;

/// Obligations by their number, with the prices at which the book was opened.
#[derive(Clone, Debug)]
pub struct Laid {
    book: GenericBook,
    scales: Scales,
    rates: Vec<Option<Rates>>,
    opened: Table,
    always: BTreeSet<u64>,
}

impl Laid {
    /// Returns a book of all entries. `None`: the reserves' prices are none that a book holds.
    pub fn open(
        rates: Vec<Option<Rates>>,
        decimals: &[u8],
        entries: &[Option<Entry>],
    ) -> Result<Option<Laid>, CoreError> {
        let scales = Scales::of(&rates);
        let Some(opened) = scales.table(&rates) else {
            return Ok(None);
        };
        let mut laid = Laid {
            book: GenericBook::new(scales.assets(decimals), Kernel::best())?,
            scales,
            rates,
            opened,
            always: BTreeSet::new(),
        };
        laid.price(&laid.opened.clone())?;
        for (id, entry) in (0..).zip(entries) {
            if let Some(entry) = entry {
                laid.put(id, &entry.position)?;
            }
        }
        laid.book.reanchor();
        Ok(Some(laid))
    }

    /// Moves to other prices; whether that can be done without opening anew. `refused` reserves have no holder that counts.
    pub fn follow(&mut self, rates: &[Option<Rates>], refused: &[bool]) -> Result<bool, CoreError> {
        let same =
            |place: usize| refused[place] || self.rates[place].is_some() == rates[place].is_some();
        if rates.len() != self.rates.len() || !(0..rates.len()).all(same) {
            return Ok(false);
        }
        let Some(table) = self.scales.table(rates) else {
            return Ok(false);
        };
        if !self.opened.holds_for(&table) {
            return Ok(false);
        }
        self.price(&table)?;
        Ok(true)
    }

    /// Inserts or replaces an entry; whether its reserves were there when the book was opened.
    pub fn put(&mut self, id: u64, position: &Position) -> Result<bool, CoreError> {
        let known = |leg: &Leg| usize::from(leg.reserve()) < self.rates.len();
        if !position.legs.iter().all(known) {
            return Ok(false);
        }
        self.remove(id);
        let laid = legs(position, &self.rates);
        if laid.is_none() || always(position, &self.rates) {
            self.always.insert(id);
        }
        if let Some(laid) = laid {
            let (slots, amounts): (Vec<_>, Vec<_>) = laid.into_iter().unzip();
            let offsets = [0, slots.len() as u32];
            self.book.set_positions(&[id], &offsets, &slots, &amounts)?;
        }
        Ok(true)
    }

    /// Takes an entry out, if it is there.
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
