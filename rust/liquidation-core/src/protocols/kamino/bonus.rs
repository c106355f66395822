//! How much more than the repaid value a liquidator is given, as a share of it.

use crate::fixed::fraction::{Fraction, Overflow};
use crate::protocols::kamino::market::Group;
use crate::protocols::kamino::reason::{days, Ratios, Reason};
use crate::protocols::kamino::reserve::Reserve;

/// From this unweighted loan to value on a debt counts as bad: 0.99, rounded to nearest.
const BAD_DEBT: Fraction = Fraction(((99 << 60) + 50) / 100);

/// Returns the bonus.
///
/// By price: between the larger of the least bonuses and the larger of the most, LTV − unhealthy LTV in between, never above what is left of
/// the collateral; for a bad debt, the smaller bad-debt bonus. Deleveraging: grows by the day.
pub fn bonus(
    reason: Reason,
    ratios: &Ratios,
    collateral: &Reserve,
    debt: &Reserve,
    group: Option<&Group>,
) -> Result<Fraction, Overflow> {
    let left = Fraction::ONE.less(ratios.unweighted_ltv);
    match reason {
        Reason::LtvExceeded => by_price(ratios, collateral, debt, group),
        Reason::IndividualDeleveraging { seconds } => {
            growing(collateral, seconds, collateral, debt, group, left)
        }
        Reason::MarketDeleveraging { by_debt, seconds } => {
            let crossed = if by_debt { debt } else { collateral };
            growing(crossed, seconds, collateral, debt, group, left)
        }
        Reason::DebtMatured { seconds } | Reason::TermOver { seconds } => {
            growing(debt, seconds, collateral, debt, group, left)
        }
        Reason::Order { .. } => Ok(Fraction::ZERO),
    }
}

fn by_price(
    ratios: &Ratios,
    collateral: &Reserve,
    debt: &Reserve,
    group: Option<&Group>,
) -> Result<Fraction, Overflow> {
    let left = Fraction::ONE.less(ratios.unweighted_ltv);
    if ratios.unweighted_ltv >= BAD_DEBT {
        let bad = Fraction::bps(
            collateral
                .bad_debt_bonus_bps()
                .min(debt.bad_debt_bonus_bps()),
        );
        return Ok(bad.max(left));
    }
    let least = Fraction::bps(collateral.min_bonus_bps().max(debt.min_bonus_bps()));
    let most = Fraction::bps(cap(collateral, debt, group));
    let excess = ratios.ltv.minus(ratios.unhealthy_ltv)?;
    Ok(least.max(excess).min(most).min(left))
}

fn growing(
    reserve: &Reserve,
    seconds: u64,
    collateral: &Reserve,
    debt: &Reserve,
    group: Option<&Group>,
    left: Fraction,
) -> Result<Fraction, Overflow> {
    let grown = days(seconds)
        .checked_mul(reserve.bonus_increase_bps_per_day())
        .ok_or(Overflow)?;
    let bps = reserve
        .min_deleveraging_bonus_bps()
        .checked_add(grown)
        .ok_or(Overflow)?;
    Ok(Fraction::bps(bps.min(cap(collateral, debt, group))).min(left))
}

/// Returns the most bonus of the two reserves; inside a group that both belong to, the group's where it is not above either's.
fn cap(collateral: &Reserve, debt: &Reserve, group: Option<&Group>) -> u64 {
    let most = collateral.max_bonus_bps().max(debt.max_bonus_bps());
    match group {
        Some(group)
            if collateral.in_group(group.id)
                && debt.in_group(group.id)
                && group.max_bonus_bps != 0
                && group.max_bonus_bps <= collateral.max_bonus_bps()
                && group.max_bonus_bps <= debt.max_bonus_bps() =>
        {
            group.max_bonus_bps
        }
        _ => most,
    }
}
