//! What 0.1.9 notes in both banks: the rates after the liquidation and the prices that it used.

use super::{Stage, ASSET, DEBT};
use crate::fixed::i80f48::I80F48;
use crate::protocols::marginfi::bank::Requirement;
use crate::protocols::marginfi::feed::{self, Feed};
use crate::protocols::marginfi::refusal::{Outcome, Refusal};

impl Stage<'_, '_> {
    /// Returns, of each leg, the price before any multiplication, its confidence and the multiplier; `None` for an unreadable one.
    pub(super) fn cache_prices(&self) -> Outcome<[Option<[I80F48; 3]>; 2]> {
        if self.world.version.is_old() {
            return Ok([None; 2]);
        }
        Ok([self.cache_price(ASSET)?, self.cache_price(DEBT)?])
    }

    fn cache_price(&self, leg: usize) -> Outcome<Option<[I80F48; 3]>> {
        let bank = self.bank(leg)?;
        let version = self.world.version;
        if self.position.find(&bank.key).is_none() {
            return Ok(None); // its accounts are not among the position's
        }
        let read = || {
            let loaded = feed::load(bank, self.world)?;
            let priced = |feed: Feed, most| feed.priced(Requirement::Maintenance, most, version);
            let adjusted = priced(loaded.feed, bank.oracle_max_confidence())?;
            let (priced, factor) = match loaded.raw {
                Some((raw, factor)) => (priced(raw, u32::MAX)?, factor),
                None => (adjusted, I80F48::ONE),
            };
            Ok([priced.price, priced.confidence, factor])
        };
        match read() {
            Err(Refusal::Panic) => Err(Refusal::Panic),
            other => Ok(other.ok()),
        }
    }

    pub(super) fn write_caches(&mut self, prices: [Option<[I80F48; 3]>; 2]) -> Outcome<()> {
        let now = self.world.clock.unix_timestamp;
        for (leg, price) in [ASSET, DEBT].into_iter().zip(prices) {
            let bank = self.banks.0.get_mut(leg).ok_or(Refusal::Panic)?;
            bank.note_rates(now, &self.group)?;
            if let (Some([price, confidence, factor]), false) = (price, bank.is_cache_locked()) {
                bank.fields.put_number(1_408, price);
                bank.fields.put_number(1_432, confidence);
                bank.fields.put_number(1_456, factor);
                bank.fields.put(1_424, &now.to_le_bytes());
            }
        }
        Ok(())
    }
}
