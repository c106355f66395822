//! Interest: the base rate at a utilisation, what lenders get, what borrowers pay, and what fees collect.

use super::bank::Bank;
use super::group::Group;
use super::refusal::{math, Outcome, Refusal};
use super::version::Version;
use crate::fixed::i80f48::I80F48;

const YEAR: I80F48 = I80F48::whole(31_536_000);
const U32_MAX: I80F48 = I80F48::whole(u32::MAX as u64);
/// What a rate of 2³²−1 stands for: 1,000 %.
const MAX_RATE: I80F48 = I80F48::whole(10);

/// A fee on interest: a share of the base rate and a fixed rate.
#[derive(Clone, Copy)]
struct Fee {
    share: I80F48,
    fixed: I80F48,
}

impl Fee {
    /// Returns base · share + fixed; the fixed rate alone where there is no share.
    fn rate(self, base: I80F48) -> Option<I80F48> {
        if self.share == I80F48::ZERO {
            return Some(self.fixed);
        }
        base.times(self.share)?.plus(self.fixed)
    }
}

/// Yearly rates at one utilisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Before fees.
    pub base: I80F48,
    /// What deposits earn.
    pub lending: I80F48,
    /// What debt costs.
    pub borrowing: I80F48,
    /// What of it goes to the group, the insurance vault and the program.
    pub fees: [I80F48; 3],
}

/// Where the fees of [`Rates::fees`] are collected in a bank.
const OUTSTANDING: [usize; 3] = [240, 184, 904];

/// Returns the yearly rates at a utilisation.
pub fn rates(bank: &Bank, group: &Group, used: I80F48, version: Version) -> Outcome<Rates> {
    let f = &bank.fields;
    let (program_share, program_fixed) = group.program_fee();
    let fee = |share, fixed| Fee { share, fixed };
    let fees = [
        fee(f.number(464), f.number(448)),
        fee(f.number(432), f.number(416)),
        fee(program_share, program_fixed),
    ];
    let [to_group, insurance, program] = fees;
    // Sums without a check of their own: an overflow panics.
    let sum = |a: I80F48, b: I80F48, c: I80F48| {
        let sum = a.plus(b).and_then(|sum| sum.plus(c));
        sum.ok_or(Refusal::Panic)
    };
    let share = sum(insurance.share, to_group.share, program.share)?;
    let fixed = sum(insurance.fixed, to_group.fixed, program.fixed)?;
    let base = if version.is_old() {
        legacy(bank, used)?
    } else {
        match f.byte(544) {
            0 => return Err(Refusal::LegacyCurve),
            1 => math(seven_points(bank, used))?,
            _ => return Err(Refusal::Panic),
        }
    };
    let lending = math(base.times(used))?;
    let with_share = math(I80F48::ONE.plus(share))?;
    let borrowing = math(base.times(with_share).and_then(|rate| rate.plus(fixed)))?;
    let mut rates = [I80F48::ZERO; 3];
    for (rate, fee) in rates.iter_mut().zip(fees) {
        *rate = math(fee.rate(base))?;
    }
    if [lending, borrowing]
        .iter()
        .chain(&rates)
        .any(|rate| *rate < I80F48::ZERO)
    {
        return Err(Refusal::Panic);
    }
    Ok(Rates {
        base,
        lending,
        borrowing,
        fees: rates,
    })
}

/// Two straight lines that meet at the optimal utilisation.
fn legacy(bank: &Bank, used: I80F48) -> Outcome<I80F48> {
    let [optimal, plateau, most] = [368, 384, 400].map(|at| bank.fields.number(at));
    if used <= optimal {
        return math(used.over(optimal).and_then(|part| part.times(plateau)));
    }
    let minus = |a: I80F48, b: I80F48| a.minus(b).ok_or(Refusal::Panic);
    let (over, room) = (minus(used, optimal)?, minus(I80F48::ONE, optimal)?);
    let part = math(over.over(room))?;
    let rise = math(part.times(minus(most, plateau)?))?;
    math(rise.plus(plateau))
}

/// Straight lines through up to five points between the rates at 0 and at 100 %.
fn seven_points(bank: &Bank, used: I80F48) -> Option<I80F48> {
    let f = &bank.fields;
    let rate = |at: usize| whole(f.u32(at)).over(U32_MAX)?.times(MAX_RATE);
    let used = used.max(I80F48::ZERO).min(I80F48::ONE);
    let (mut from, mut from_rate) = (I80F48::ZERO, rate(496)?);
    for point in 0..5 {
        let at = 504 + 8 * point;
        if f.u32(at) == 0 {
            continue;
        }
        let (to, to_rate) = (whole(f.u32(at)).over(U32_MAX)?, rate(at + 4)?);
        if used <= to {
            return between((from, from_rate), (to, to_rate), used);
        }
        (from, from_rate) = (to, to_rate);
    }
    between((from, from_rate), (I80F48::ONE, rate(500)?), used)
}

fn whole(value: u32) -> I80F48 {
    I80F48::whole(u64::from(value))
}

/// Returns the line's height at `x`; `None` where it falls or `x` lies outside.
fn between(from: (I80F48, I80F48), to: (I80F48, I80F48), x: I80F48) -> Option<I80F48> {
    if to.0 <= from.0 {
        return Some(from.1);
    }
    if x < from.0 || x > to.0 || to.1 < from.1 {
        return None;
    }
    let part = x.minus(from.0)?.over(to.0.minus(from.0)?)?;
    to.1.minus(from.1)?.times(part)?.plus(from.1)
}

impl Bank<'_> {
    /// Brings share values and fees to this time; nothing changes twice in one second.
    pub fn accrue(&mut self, now: i64, group: &Group, version: Version) -> Outcome<()> {
        let seconds = now.checked_sub(self.fields.i64(288));
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let seconds = seconds.ok_or(Refusal::Panic)?;
        if seconds == 0 {
            return Ok(());
        }
        let assets = self.asset_amount(self.total_asset_shares())?;
        let liabilities = self.liability_amount(self.total_liability_shares())?;
        self.fields.put(288, &now.to_le_bytes());
        if assets == I80F48::ZERO || liabilities == I80F48::ZERO {
            return Ok(());
        }
        let rates = rates(self, group, math(liabilities.over(assets))?, version)?;
        let time = I80F48::whole(seconds);
        let asset_value = math(grown(self.asset_share_value(), rates.lending, time))?;
        let liability_value = math(grown(self.liability_share_value(), rates.borrowing, time))?;
        if !version.is_old() {
            self.note_accrual(asset_value, seconds)?;
        }
        self.fields.put_number(80, asset_value);
        self.fields.put_number(96, liability_value);
        for (rate, at) in rates.fees.into_iter().zip(OUTSTANDING) {
            let fee = math(paid(liabilities, rate, time))?;
            if fee > I80F48::ZERO {
                let outstanding = math(fee.plus(self.fields.number(at)))?;
                self.fields.put_number(at, outstanding);
            }
        }
        Ok(())
    }

    /// Notes in the cache what deposits earned, and over how many seconds.
    fn note_accrual(&mut self, asset_value: I80F48, seconds: u64) -> Outcome<()> {
        let earned = asset_value
            .minus(self.asset_share_value())
            .and_then(|rise| rise.times(self.total_asset_shares()));
        self.fields.put_number(1_392, math(earned)?);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.fields.put(1_388, &seconds.to_le_bytes());
        Ok(())
    }

    /// Writes the rates after an operation into the cache, that a receivership may have locked.
    pub fn note_rates(&mut self, now: i64, group: &Group) -> Outcome<()> {
        if self.is_cache_locked() {
            return Ok(());
        }
        let assets = self.asset_amount(self.total_asset_shares())?;
        let liabilities = self.liability_amount(self.total_liability_shares())?;
        if assets == I80F48::ZERO || liabilities == I80F48::ZERO {
            // Everything but the last price, its time, its uncertainty and its multiplier.
            self.fields.put(1_376, &[0; 32]);
            self.fields.put(1_448, &[0; 8]);
            self.fields.put(1_472, &[0; 64]);
            return Ok(());
        }
        let used = math(liabilities.over(assets))?;
        let rates = rates(self, group, used, Version::V0_1_9)?;
        let each = [
            (1_376, rates.base),
            (1_380, rates.lending),
            (1_384, rates.borrowing),
        ];
        for (at, rate) in each {
            self.fields.put(at, &encoded(rate)?.to_le_bytes());
        }
        self.fields.put(288, &now.to_le_bytes());
        Ok(())
    }

    /// Returns whether a receivership keeps the cached prices.
    #[must_use]
    pub fn is_cache_locked(&self) -> bool {
        self.fields.byte(1_448) & 1 != 0
    }
}

/// Returns value · (1 + rate · time / year).
fn grown(value: I80F48, rate: I80F48, time: I80F48) -> Option<I80F48> {
    let part = rate.times(time)?.over(YEAR)?;
    value.times(I80F48::ONE.plus(part)?)
}

/// Returns value · rate · time / year.
fn paid(value: I80F48, rate: I80F48, time: I80F48) -> Option<I80F48> {
    if rate == I80F48::ZERO {
        return Some(I80F48::ZERO);
    }
    value.times(rate)?.times(time)?.over(YEAR)
}

/// Returns a rate as the share of 1,000 % that the cache holds.
fn encoded(rate: I80F48) -> Outcome<u32> {
    let rate = rate.min(MAX_RATE).max(I80F48::ZERO);
    let share = math(rate.over(MAX_RATE).and_then(|share| share.times(U32_MAX)))?;
    u32::try_from(share.to_i128()).map_err(|_| Refusal::Panic)
}
