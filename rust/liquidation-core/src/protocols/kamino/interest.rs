//! Interest of a reserve, by slot: the rate curve, compounding, and who gets how much of it.

use crate::fixed::fraction::{Fraction, Overflow, BITS};
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::{Stop, INVALID_UTILIZATION, MATH_OVERFLOW};

const SLOTS_PER_YEAR: u128 = 63_072_000;

/// Accrues a reserve's debt to `slot`.
///
/// new debt = debt · c, with c the compounded rate of curve and fixed part together; of the rise, the fixed part and the take rate of the rest
/// are the protocol's, less what referrers get.
pub fn accrue(reserve: &mut Reserve, slot: u64, referral_fee_bps: u64) -> Result<(), Stop> {
    let slots = slot.checked_sub(reserve.slot).ok_or(MATH_OVERFLOW)?;
    if slots == 0 {
        return Ok(());
    }
    let fixed_rate = Fraction::bps(reserve.fixed_rate_bps());
    let rate = borrow_rate(reserve, utilization(reserve)?)?.plus(fixed_rate)?;
    let growth = compound(rate, slots)?;
    let fixed_growth = compound(fixed_rate, slots)?;

    let debt = reserve.debt.by(growth)?;
    let fixed = reserve.debt.by(fixed_growth)?.minus(reserve.debt)?;
    let variable = debt.minus(reserve.debt)?.minus(fixed)?;
    let take_rate = Fraction::percent(u64::from(reserve.take_rate_percent()));
    let referral_rate = take_rate.by(Fraction::bps(referral_fee_bps))?;
    let referrers = variable.by(referral_rate)?;
    let protocol = fixed.plus(variable.by(take_rate)?)?.minus(referrers)?;

    let index = reserve.index.times(growth.0).ok_or(Overflow)?;
    reserve.index = index.shifted_down(BITS);
    reserve.pending_referrer_fees = reserve.pending_referrer_fees.plus(referrers)?;
    reserve.protocol_fees = reserve.protocol_fees.plus(protocol)?;
    reserve.debt = debt;
    reserve.referral_rate = referral_rate;
    Ok(())
}

/// Returns debt / total supply, 0 where there is no supply.
pub fn utilization(reserve: &Reserve) -> Result<Fraction, Overflow> {
    match reserve.total_supply()? {
        Fraction::ZERO => Ok(Fraction::ZERO),
        supply => reserve.debt.per(supply),
    }
}

/// Returns the yearly rate at a utilization, which counts as 1 above 1: linear between two points of the curve, rounded down.
pub fn borrow_rate(reserve: &Reserve, utilization: Fraction) -> Result<Fraction, Stop> {
    let utilization = utilization.min(Fraction::ONE);
    let at_bps = utilization.to_bps()?;
    for place in 0..10 {
        let (x0, y0) = reserve.curve_point(place);
        let (x1, y1) = reserve.curve_point(place + 1);
        if !(x0..=x1).contains(&at_bps) {
            continue;
        }
        if at_bps == x0 {
            return Ok(Fraction::bps(y0));
        }
        if at_bps == x1 {
            return Ok(Fraction::bps(y1));
        }
        let rise = u128::from(y1.checked_sub(y0).ok_or(Stop::Panic)?);
        let along = utilization.minus(Fraction::bps(x0))?;
        return Ok(along
            .times(rise)?
            .over(u128::from(x1 - x0))?
            .plus(Fraction::bps(y0))?);
    }
    Err(INVALID_UTILIZATION)
}

/// Returns (1 + rate / slots in a year) ^ slots: exact products up to 4 slots, the first four terms of the binomial series above.
pub fn compound(rate: Fraction, slots: u64) -> Result<Fraction, Overflow> {
    let base = rate.over(SLOTS_PER_YEAR)?;
    let once = Fraction::ONE.plus(base)?;
    match slots {
        0 => Ok(Fraction::ONE),
        1 => Ok(once),
        2 => once.by(once),
        3 => once.by(once)?.by(once),
        4 => {
            let twice = once.by(once)?;
            twice.by(twice)
        }
        _ => series(base, slots),
    }
}

/// 1 + b·n + b²·n(n−1)/2 + b³·n(n−1)(n−2)/6; `slots` > 4.
fn series(base: Fraction, slots: u64) -> Result<Fraction, Overflow> {
    let n = u128::from(slots);
    let square = base.by(base)?;
    let cube = square.by(base)?;
    let pairs = n.checked_mul(n - 1).ok_or(Overflow)?;
    let triples = pairs.checked_mul(n - 2).ok_or(Overflow)?;
    Fraction::ONE
        .plus(base.times(n)?)?
        .plus(square.times(pairs)?.over(2)?)?
        .plus(cube.times(triples)?.over(6)?)
}
