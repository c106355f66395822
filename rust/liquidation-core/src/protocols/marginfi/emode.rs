//! E-mode: better weights for collateral that every borrowed bank names.

use super::bank::{Bank, Requirement};
use crate::fixed::i80f48::I80F48;

const FIRST_ENTRY: usize = 944;
const ENTRIES: usize = 10;
const ENTRY_LENGTH: usize = 40;

/// Weights of collateral with one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    initial: I80F48,
    maintenance: I80F48,
    /// In how many entries of all borrowed banks the tag stands.
    named: usize,
}

/// What the borrowed banks grant together: few tags, looked through one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emode(Vec<(u16, Entry)>);

impl Emode {
    /// Keeps the tags that are named as often as there are borrowed banks, with their smallest weights.
    #[must_use]
    pub fn of<'b, 'a: 'b>(borrowed: impl Iterator<Item = &'b Bank<'a>>) -> Emode {
        let (mut entries, mut banks) = (Vec::<(u16, Entry)>::new(), 0);
        for bank in borrowed {
            banks += 1;
            let table = bank.fields.0.get(FIRST_ENTRY..).unwrap_or_default();
            for entry in table.chunks_exact(ENTRY_LENGTH).take(ENTRIES) {
                let (Some(tag), Some(initial), Some(maintenance)) =
                    (part(entry, 0), part(entry, 8), part(entry, 24))
                else {
                    continue;
                };
                let tag = u16::from_le_bytes(tag);
                if tag == 0 {
                    continue;
                }
                let number = |bytes| I80F48::from_bits(i128::from_le_bytes(bytes));
                let (initial, maintenance) = (number(initial), number(maintenance));
                match entries.iter_mut().find(|(known, _)| *known == tag) {
                    Some((_, known)) => {
                        known.initial = known.initial.min(initial);
                        known.maintenance = known.maintenance.min(maintenance);
                        known.named += 1;
                    }
                    None => entries.push((
                        tag,
                        Entry {
                            initial,
                            maintenance,
                            named: 1,
                        },
                    )),
                }
            }
        }
        entries.retain(|(_, entry)| entry.named == banks);
        Emode(entries)
    }

    fn get(&self, tag: u16) -> Option<&Entry> {
        let found = self.0.iter().find(|(known, _)| *known == tag);
        found.map(|(_, entry)| entry)
    }

    /// Returns the weight of a bank's deposits: the bank's own or e-mode's, whichever is greater.
    #[must_use]
    pub fn asset_weight(&self, bank: &Bank, requirement: Requirement) -> I80F48 {
        let own = bank.asset_weight(requirement);
        let tag = bank.fields.u16(920);
        match self.get(tag) {
            Some(entry) if tag != 0 => own.max(match requirement {
                Requirement::Initial => entry.initial,
                Requirement::Maintenance => entry.maintenance,
                Requirement::Equity => I80F48::ONE,
            }),
            _ => own,
        }
    }
}

/// Returns to what part the maintenance weights fell at most that a bank grants by e-mode, at most 1.
///
/// Deposits whose weight is in the book's quantity may count too much until every account that owes in the bank is laid anew:
/// with their prices times this nobody is missed meanwhile. An entry that is gone counts as 0.
#[must_use]
pub fn fallen(before: &Bank, after: &Bank) -> I80F48 {
    let (before, after) = (
        Emode::of([before].into_iter()),
        Emode::of([after].into_iter()),
    );
    let part = |(tag, was): &(u16, Entry)| {
        let now = after.get(*tag).map_or(I80F48::ZERO, |now| now.maintenance);
        now.over(was.maintenance).unwrap_or(I80F48::ONE)
    };
    let least = before.0.iter().map(part).fold(I80F48::ONE, I80F48::min);
    least.max(I80F48::ZERO)
}

fn part<const N: usize>(entry: &[u8], at: usize) -> Option<[u8; N]> {
    entry.get(at..)?.first_chunk().copied()
}
