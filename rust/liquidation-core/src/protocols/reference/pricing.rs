//! What a reserve's accounts say at one slot: unit price, index, and whether the program would believe the price.

use lending_math::health::share_of_up;
use lending_math::interest::index_at;
use lending_math::price::{check, unit};
use lending_math::state::{Config, Oracle, Reserve};
use lending_math::{Error, Pubkey};

/// A reserve with its price and index at one slot: everything that a leg's value needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// What is lent.
    pub mint: Pubkey,
    /// The parameters.
    pub config: Config,
    /// Atto-USD per smallest unit at the last price, believed or not.
    pub unit: u128,
    /// The index at the slot, times 10¹⁸; the largest number where it would be larger: no debt fits that, and collateral,
    /// for which the program never computes an index, stands as it is.
    pub index: u128,
    /// The stored index that `index` is projected from, and since when.
    pub stored: (u128, u64),
    /// Why the program would refuse the price: `StalePrice` or `UncertainPrice`.
    pub refusal: Option<Error>,
    /// Last slot at which the price is not too old.
    pub fresh_until: u64,
    /// `⌈unit·borrow_factor⌉`: what one token more of debt weighs at most; the largest number where it would be larger.
    pub debt_grain: u128,
}

/// What is known of a reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its account or its oracle's has not been seen.
    Missing,
    /// Its price cannot be computed: `Overflow` or `InvalidConfig`.
    Broken(Error),
    /// It can be valued.
    Priced(Priced),
}

impl Standing {
    /// Returns the standing of a reserve at slot `now`.
    #[must_use]
    pub fn of(reserve: Option<&Reserve>, oracle: Option<&Oracle>, now: u64) -> Standing {
        let (Some(reserve), Some(oracle)) = (reserve, oracle) else {
            return Standing::Missing;
        };
        Priced::of(reserve, oracle, now).map_or_else(Standing::Broken, Standing::Priced)
    }

    /// Returns whether price and interest alone tell it from an earlier one.
    #[must_use]
    pub fn only_moved(&self, earlier: &Standing) -> bool {
        match (self, earlier) {
            (Standing::Priced(now), Standing::Priced(before)) => {
                (now.mint, now.config, now.refusal) == (before.mint, before.config, before.refusal)
            }
            _ => self == earlier,
        }
    }

    /// Returns whether no verdict can differ between the two, now or later, by more than the price being believed longer.
    #[must_use]
    pub fn judges_like(&self, earlier: &Standing) -> bool {
        match (self, earlier) {
            (Standing::Priced(now), Standing::Priced(before)) => {
                let renewed = Priced {
                    fresh_until: now.fresh_until,
                    ..*before
                };
                *now == renewed && now.fresh_until >= before.fresh_until
            }
            _ => self == earlier,
        }
    }
}

impl Priced {
    fn of(reserve: &Reserve, oracle: &Oracle, now: u64) -> Result<Priced, Error> {
        let unit = unit(oracle.price, oracle.exponent, reserve.decimals)?;
        Ok(Priced {
            mint: reserve.mint,
            config: reserve.config,
            unit,
            index: index_at(reserve, now).unwrap_or(u128::MAX),
            stored: (reserve.borrow_index, reserve.accrued_slot),
            refusal: check(oracle, &reserve.config, now).err(),
            fresh_until: oracle
                .slot
                .saturating_add(reserve.config.max_oracle_age_slots),
            debt_grain: share_of_up(unit, u64::from(reserve.config.borrow_factor_bps))
                .unwrap_or(u128::MAX),
        })
    }
}
