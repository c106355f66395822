//! Interest of a reserve: utilisation, the three-part curve and compounding per slot.

use super::fault::{Outcome, MATH_OVERFLOW};
use super::reserve::Reserve;
use crate::fixed::wad::{Decimal, Rate};

/// Two a second, as the program has always counted.
pub const SLOTS_PER_YEAR: u64 = 63_072_000;

impl Reserve {
    /// Returns ⌊borrowed/(borrowed + available)⌋.
    pub fn utilization(&self) -> Outcome<Rate> {
        if self.total_supply()?.is_zero() || self.borrowed.is_zero() {
            return Ok(Rate::ZERO);
        }
        let all = self.borrowed.try_add(self.available.into())?;
        Ok(Rate::of(self.borrowed.try_div(all)?)?)
    }

    /// Returns the yearly rate: from `min` to `optimal` up to the optimal utilisation, on to `max` up to the highest one,
    /// and from there to `super max`.
    pub fn yearly_rate(&self) -> Outcome<Rate> {
        let config = &self.config;
        let used = self.utilization()?;
        let percent = |value: u8| Rate::percent(value.into());
        let (optimal, most) = (
            percent(config.optimal_utilization),
            percent(config.max_utilization),
        );
        let (low, middle, high) = (
            percent(config.min_rate),
            percent(config.optimal_rate),
            percent(config.max_rate),
        );
        if used <= optimal {
            if optimal == Rate::ZERO {
                return Ok(low);
            }
            let weight = used.try_div(optimal)?;
            return Ok(weight.try_mul(middle.try_sub(low)?)?.try_add(low)?);
        }
        if used <= most {
            let weight = used.try_sub(optimal)?.try_div(most.try_sub(optimal)?)?;
            return Ok(weight.try_mul(high.try_sub(middle)?)?.try_add(middle)?);
        }
        let left = 100u8
            .checked_sub(config.max_utilization)
            .ok_or(MATH_OVERFLOW)?;
        let weight = used.try_sub(most)?.try_div(percent(left))?;
        let range = Rate::percent(config.super_max_rate).try_sub(high)?;
        let rate = Decimal::from(weight)
            .try_mul(range.into())?
            .try_add(high.into())?;
        Ok(Rate::of(rate)?)
    }

    /// Brings debt, index and fees to `slot`; nothing happens within a slot.
    pub fn accrue(&mut self, slot: u64) -> Outcome<()> {
        let elapsed = slot.checked_sub(self.slot).ok_or(MATH_OVERFLOW)?;
        if elapsed > 0 {
            let per_slot = self.yearly_rate()?.over(SLOTS_PER_YEAR)?;
            let growth = Decimal::from(Rate::ONE.try_add(per_slot)?.pow(elapsed)?);
            self.index = self.index.try_mul(growth)?;
            let interest = self.borrowed.try_mul(growth)?.try_sub(self.borrowed)?;
            let taken = interest.try_mul(Decimal::percent(self.config.take_rate))?;
            self.protocol_fees = taken.try_add(self.protocol_fees)?;
            self.borrowed = self.borrowed.try_add(interest)?;
        }
        self.slot = slot;
        self.stale = false;
        Ok(())
    }
}
