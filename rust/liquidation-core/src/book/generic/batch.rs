//! Positions as four columns, checked as a whole before anything is written.

use std::collections::HashSet;

use super::rule::{is_debt, SIDE_LEGS};
use crate::CoreError;

/// Legs of a position at most.
pub const MOST_LEGS: usize = 2 * SIDE_LEGS;

/// Positions to insert or replace: the legs of `ids[i]` are at `offsets[i]..offsets[i + 1]` of `slots` and `amounts`.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    ids: &'a [u64],
    offsets: &'a [u32],
    slots: &'a [u16],
    amounts: &'a [u64],
}

impl<'a> Batch<'a> {
    /// Returns the batch if every column fits the others and every slot is one of `slot_count`.
    pub fn checked(
        ids: &'a [u64],
        offsets: &'a [u32],
        slots: &'a [u16],
        amounts: &'a [u64],
        slot_count: usize,
    ) -> Result<Batch<'a>, CoreError> {
        let batch = Batch {
            ids,
            offsets,
            slots,
            amounts,
        };
        batch.columns_fit()?;
        distinct(ids)?;
        if let Some(slot) = slots.iter().find(|slot| usize::from(**slot) >= slot_count) {
            let (asset, assets) = (slot / 2, slot_count / 2);
            return Err(CoreError::Argument(format!(
                "found slot {slot}, which is of asset {asset}, expected an asset below {assets}"
            )));
        }
        batch.sides_fit()?;
        Ok(batch)
    }

    /// Returns how many positions it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns id and raw legs of every position.
    pub fn positions(
        &self,
    ) -> impl Iterator<Item = (u64, impl Iterator<Item = (u16, u64)> + 'a)> + 'a {
        let Batch {
            ids,
            offsets,
            slots,
            amounts,
        } = *self;
        ids.iter().zip(offsets.windows(2)).map(move |(id, bounds)| {
            let legs = bounds[0] as usize..bounds[1] as usize;
            (
                *id,
                slots[legs.clone()]
                    .iter()
                    .copied()
                    .zip(amounts[legs].iter().copied()),
            )
        })
    }

    fn columns_fit(&self) -> Result<(), CoreError> {
        let Batch {
            ids,
            offsets,
            slots,
            amounts,
        } = self;
        if offsets.len() != ids.len() + 1 {
            return fault(format!(
                "found {} offsets for {} ids, expected {}",
                offsets.len(),
                ids.len(),
                ids.len() + 1
            ));
        }
        if slots.len() != amounts.len() {
            return fault(format!(
                "found {} amounts for {} slots, expected as many",
                amounts.len(),
                slots.len()
            ));
        }
        if offsets[0] != 0 {
            return fault(format!(
                "found {} as the first offset, expected 0",
                offsets[0]
            ));
        }
        if offsets[ids.len()] as usize != slots.len() {
            return fault(format!(
                "found {} as the last offset, expected {}: the number of legs",
                offsets[ids.len()],
                slots.len()
            ));
        }
        match offsets.windows(2).find(|pair| pair[0] > pair[1]) {
            Some(pair) => fault(format!(
                "found offset {} after {}, expected offsets that never fall",
                pair[1], pair[0]
            )),
            None => Ok(()),
        }
    }

    fn sides_fit(&self) -> Result<(), CoreError> {
        for (id, bounds) in self.ids.iter().zip(self.offsets.windows(2)) {
            let legs = &self.slots[bounds[0] as usize..bounds[1] as usize];
            let debts = legs.iter().filter(|slot| is_debt(**slot)).count();
            let most = debts.max(legs.len() - debts);
            if most > SIDE_LEGS {
                return fault(format!(
                    "found {most} legs on one side of position {id}, expected at most {SIDE_LEGS}"
                ));
            }
        }
        Ok(())
    }
}

/// Returns the legs as the store keeps them: without zeros, collateral first.
pub fn kept(legs: impl Iterator<Item = (u16, u64)>, into: &mut Vec<(u16, u64)>) {
    into.clear();
    into.extend(legs.filter(|(_, amount)| *amount > 0));
    into.sort_by_key(|(slot, _)| is_debt(*slot));
}

/// Fails if an id comes twice.
pub fn distinct(ids: &[u64]) -> Result<(), CoreError> {
    if ids.windows(2).all(|pair| pair[0] < pair[1]) {
        return Ok(());
    }
    let mut seen = HashSet::with_capacity(ids.len());
    match ids.iter().find(|id| !seen.insert(**id)) {
        Some(id) => fault(format!("found id {id} twice, expected each id once")),
        None => Ok(()),
    }
}

fn fault<T>(message: String) -> Result<T, CoreError> {
    Err(CoreError::Argument(message))
}
