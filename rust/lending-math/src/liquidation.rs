//! What one liquidation repays, seizes and charges: steps 1–7 of the contract as one function of its arguments.

use crate::health::{share_of, share_of_up, Health};
use crate::interest::{debt_of, debt_of_down, shares_for};
use crate::state::Config;
use crate::wide::{amount, div_up, mul_div, mul_div_up, multiply};
use crate::{Error, ATTO_PER_MICRO, BPS, WAD};

/// The debt leg to be repaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebtLeg {
    /// Shares in the leg.
    pub shares: u64,
    /// The reserve's index at this slot.
    pub index: u128,
    /// Atto-USD per smallest unit.
    pub unit: u128,
    /// Largest share of the leg that one partial liquidation repays.
    pub close_factor_bps: u16,
    /// A rest of less value is closed with the leg.
    pub dust_limit_micro_usd: u64,
}

impl DebtLeg {
    /// Returns the leg of `shares` under a reserve's configuration.
    #[must_use]
    pub fn new(shares: u64, index: u128, unit: u128, config: &Config) -> DebtLeg {
        let (close_factor_bps, dust_limit_micro_usd) =
            (config.close_factor_bps, config.dust_limit_micro_usd);
        DebtLeg {
            shares,
            index,
            unit,
            close_factor_bps,
            dust_limit_micro_usd,
        }
    }

    /// Returns whether what is left after removing `shares` is worth less than the dust limit, but not nothing.
    fn leaves_dust(&self, shares: u64) -> Result<bool, Error> {
        let rest = debt_of(self.shares.saturating_sub(shares), self.index)?;
        let value = u128::from(rest)
            .checked_mul(self.unit)
            .ok_or(Error::Overflow)?;
        Ok(value < u128::from(self.dust_limit_micro_usd) * ATTO_PER_MICRO)
    }
}

/// The collateral leg to be seized from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollateralLeg {
    /// Tokens in the leg.
    pub amount: u64,
    /// Atto-USD per smallest unit.
    pub unit: u128,
    /// Least bonus.
    pub min_bonus_bps: u16,
    /// Highest bonus.
    pub max_bonus_bps: u16,
    /// Share of the bonus that the insurance fund takes.
    pub protocol_fee_bps: u16,
}

impl CollateralLeg {
    /// Returns the leg of `amount` under a reserve's configuration.
    #[must_use]
    pub fn new(amount: u64, unit: u128, config: &Config) -> CollateralLeg {
        CollateralLeg {
            amount,
            unit,
            min_bonus_bps: config.min_bonus_bps,
            max_bonus_bps: config.max_bonus_bps,
            protocol_fee_bps: config.protocol_fee_bps,
        }
    }
}

/// How much of the debt may be closed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Up to the close factor; the position ends better covered than before.
    Partial,
    /// The pair is closed whole: not even the least bonus fits into the collateral.
    Whole,
}

/// The bonus and the reach of a liquidation, before the caller's amount is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Partial or whole.
    pub mode: Mode,
    /// What the liquidator gets above the removed debt, the protocol's fee included.
    pub bonus_bps: u64,
    /// Most debt shares that may be removed.
    pub limit_shares: u64,
    /// What repaying `limit_shares` costs, in tokens.
    pub limit_repay: u64,
    /// Whether removing `limit_shares` takes the whole collateral leg.
    pub takes_all_collateral: bool,
}

/// What one liquidation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The terms it is under.
    pub terms: Terms,
    /// Debt shares removed.
    pub shares: u64,
    /// Debt tokens that the liquidator pays.
    pub repaid: u64,
    /// Collateral tokens that leave the position.
    pub seize: u64,
    /// Of these, the insurance fund's.
    pub fee: u64,
    /// Of these, the liquidator's.
    pub received: u64,
    /// Debt tokens left in the leg.
    pub debt_left: u64,
}

/// Returns the bonus and the most shares that may be removed (steps 1–4); `Healthy` for a healthy position.
pub fn terms(health: &Health, debt: &DebtLeg, collateral: &CollateralLeg) -> Result<Terms, Error> {
    if !health.is_liquidatable() {
        return Err(Error::Healthy);
    }
    let (mode, bonus_bps) = bonus(health, collateral)?;
    let allowed = allowed_shares(mode, debt)?;
    let takes_all_collateral =
        seizable(debt, collateral, bonus_bps, allowed)? >= u128::from(collateral.amount);
    let limit_shares = if takes_all_collateral {
        allowed.min(covered_shares(debt, collateral, bonus_bps)?)
    } else {
        allowed
    };
    let limit_repay = debt_of(limit_shares, debt.index)?;
    Ok(Terms {
        mode,
        bonus_bps,
        limit_shares,
        limit_repay,
        takes_all_collateral,
    })
}

/// Returns what liquidating at most `tokens` of the debt does, or why it is refused (steps 1–7).
pub fn quote(
    health: &Health,
    debt: &DebtLeg,
    collateral: &CollateralLeg,
    tokens: u64,
    min_seize: u64,
) -> Result<Quote, Error> {
    let terms = terms(health, debt, collateral)?;
    let shares = chosen_shares(&terms, debt, tokens)?;
    let seize = if terms.takes_all_collateral && shares == terms.limit_shares {
        collateral.amount
    } else {
        amount(seizable(debt, collateral, terms.bonus_bps, shares)?)?
    };
    if seize == 0 {
        return Err(Error::AmountTooSmall);
    }
    let fee = fee(seize, terms.bonus_bps, collateral.protocol_fee_bps)?;
    let received = seize.checked_sub(fee).ok_or(Error::Overflow)?;
    if received < min_seize {
        return Err(Error::SeizeBelowMinimum);
    }
    let repaid = debt_of(shares, debt.index)?;
    let debt_left = debt_of(debt.shares.saturating_sub(shares), debt.index)?;
    Ok(Quote {
        terms,
        shares,
        repaid,
        seize,
        fee,
        received,
        debt_left,
    })
}

/// Step 2: the mode, and a bonus that the collateral can pay.
fn bonus(health: &Health, collateral: &CollateralLeg) -> Result<(Mode, u64), Error> {
    let (whole, least) = (u128::from(BPS), u64::from(collateral.min_bonus_bps));
    if multiply(health.collateral, whole) <= multiply(health.debt, whole + u128::from(least)) {
        return Ok((Mode::Whole, least));
    }
    let shortfall = health
        .weighted_debt
        .saturating_sub(health.weighted_collateral);
    let earned = mul_div(shortfall, whole, health.weighted_debt)?; // below 10⁴
    let wanted = earned
        .max(u128::from(least))
        .min(u128::from(collateral.max_bonus_bps));
    let surplus = health.collateral.saturating_sub(health.debt);
    let most = mul_div(surplus, whole, health.debt).unwrap_or(u128::MAX); // above 128 bits is above any bonus
    Ok((Mode::Partial, amount(wanted.min(most))?))
}

/// Step 3: the close factor, or the whole leg where it would leave dust.
fn allowed_shares(mode: Mode, debt: &DebtLeg) -> Result<u64, Error> {
    if mode == Mode::Whole {
        return Ok(debt.shares);
    }
    let part = amount(share_of(
        u128::from(debt.shares),
        u64::from(debt.close_factor_bps),
    )?)?;
    Ok(if debt.leaves_dust(part)? {
        debt.shares
    } else {
        part
    })
}

/// Step 4: `z(x)`, the collateral that removing `shares` is worth, bonus included.
///
/// Dividing twice rounds down as dividing once: `⌊⌊v·(10⁴ + b)/10⁴⌋/uc⌋`.
fn seizable(
    debt: &DebtLeg,
    collateral: &CollateralLeg,
    bonus_bps: u64,
    shares: u64,
) -> Result<u128, Error> {
    let removed = u128::from(debt_of_down(shares, debt.index)?);
    let value = removed.checked_mul(debt.unit).ok_or(Error::Overflow)?;
    share_of(value, BPS + bonus_bps)?
        .checked_div(collateral.unit)
        .ok_or(Error::Overflow)
}

/// Step 4: the fewest shares whose removal takes the whole collateral leg.
fn covered_shares(
    debt: &DebtLeg,
    collateral: &CollateralLeg,
    bonus_bps: u64,
) -> Result<u64, Error> {
    let value = u128::from(collateral.amount)
        .checked_mul(collateral.unit)
        .ok_or(Error::Overflow)?;
    let without_bonus = mul_div_up(value, u128::from(BPS), u128::from(BPS + bonus_bps))?;
    let need = div_up(without_bonus, debt.unit)?;
    amount(mul_div_up(need, WAD, debt.index)?)
}

/// Step 5: the shares that the caller's amount removes.
fn chosen_shares(terms: &Terms, debt: &DebtLeg, tokens: u64) -> Result<u64, Error> {
    let shares = if tokens >= terms.limit_repay {
        terms.limit_shares
    } else {
        shares_for(tokens, debt.index)?
    };
    if shares == 0 {
        return Err(Error::AmountTooSmall);
    }
    match terms.mode {
        Mode::Whole if shares < terms.limit_shares => Err(Error::AmountTooSmall),
        Mode::Partial if shares < terms.limit_shares && debt.leaves_dust(shares)? => {
            Err(Error::DustLeft)
        }
        _ => Ok(shares),
    }
}

/// Step 7: the fund's share of the bonus in `seize`, rounded up.
fn fee(seize: u64, bonus_bps: u64, protocol_fee_bps: u16) -> Result<u64, Error> {
    let principal = amount(mul_div(
        u128::from(seize),
        u128::from(BPS),
        u128::from(BPS + bonus_bps),
    )?)?;
    amount(share_of_up(
        u128::from(seize.saturating_sub(principal)),
        u64::from(protocol_fee_bps),
    )?)
}
