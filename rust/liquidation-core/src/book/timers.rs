//! Whom time alone may change, and when: debts that grow, prices that become too old, whatever no price expresses.
//!
//! A row is due from a slot on. Rows lie in groups that know the soonest slot of theirs, or an earlier one: a clock that
//! moves reads one number a group and looks into those groups only that may have somebody.

/// A slot that never comes.
pub const NEVER: u64 = u64::MAX;
/// Rows of a group.
const GROUP: usize = 512;

/// The slot from which each row is due.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    due: Vec<u64>,
    /// At most the smallest of each group.
    soonest: Vec<u64>,
}

impl Timers {
    /// Sets the slot from which a row is due, [`NEVER`] for never.
    pub fn set(&mut self, row: u32, slot: u64) {
        let row = row as usize;
        if self.due.len() <= row {
            self.due.resize(row + 1, NEVER);
            self.soonest.resize(row / GROUP + 1, NEVER);
        }
        self.due[row] = slot;
        self.soonest[row / GROUP] = self.soonest[row / GROUP].min(slot);
    }

    /// Adds the rows that are due at a slot, and leaves them due.
    pub fn add_due(&mut self, now: u64, rows: &mut Vec<u32>) {
        for (group, soonest) in self
            .soonest
            .iter_mut()
            .enumerate()
            .filter(|(_, soonest)| **soonest <= now)
        {
            let first = group * GROUP;
            let members = &self.due[first..(first + GROUP).min(self.due.len())];
            *soonest = members.iter().copied().min().unwrap_or(NEVER);
            let due = (first as u32..)
                .zip(members)
                .filter(|(_, slot)| **slot <= now);
            rows.extend(due.map(|(row, _)| row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_who_is_due_is_found_and_nobody_else() {
        let (mut timers, mut model, mut state) = (Timers::default(), vec![NEVER; 3_000], 1u64);
        for now in 0..4_000u64 {
            for _ in 0..5 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let (row, wait) = ((state >> 33) as usize % model.len(), (state >> 50) % 900);
                let slot = if wait < 20 { NEVER } else { now + wait };
                timers.set(row as u32, slot);
                model[row] = slot;
            }
            let mut found = Vec::new();
            timers.add_due(now, &mut found);
            let expected = (0u32..).zip(&model).filter(|(_, slot)| **slot <= now);
            assert_eq!(found, expected.map(|(row, _)| row).collect::<Vec<_>>());
            for row in found {
                timers.set(row, now + 450);
                model[row as usize] = now + 450;
            }
        }
    }
}
