//! A group of banks: its program fee and its pause.

use super::bytes::Fields;
use super::refusal::{Outcome, Refusal};
use crate::fixed::i80f48::I80F48;

/// Bytes that a group has.
pub const LENGTH: usize = 1_064;
/// Seconds after which a pause ends by itself.
const PAUSE_SECONDS: i64 = 6 * 60 * 60;

/// A group.
#[derive(Clone, Debug)]
pub struct Group<'a>(pub Fields<'a>);

impl Group<'_> {
    /// Refuses with the program's panic where the group is too short to be read.
    pub fn check_length(&self) -> Outcome<()> {
        if self.0 .0.len() < LENGTH {
            return Err(Refusal::Panic);
        }
        Ok(())
    }

    /// Returns (share of the base rate, fixed rate) that goes to the program; 0 where fees are off.
    #[must_use]
    pub fn program_fee(&self) -> (I80F48, I80F48) {
        if self.0.u64(40) & 1 == 0 {
            return (I80F48::ZERO, I80F48::ZERO);
        }
        (self.0.number(96), self.0.number(80))
    }

    /// Returns whether everything is paused at this time.
    #[must_use]
    pub fn is_paused(&self, now: i64) -> bool {
        let since = self.0.i64(264);
        let over = now >= since
            && now
                .checked_sub(since)
                .is_none_or(|age| age >= PAUSE_SECONDS);
        self.0.byte(256) & 1 != 0 && !over
    }
}
