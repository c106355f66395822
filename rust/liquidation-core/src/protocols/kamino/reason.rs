//! Why a position may be liquidated: the program tries the reasons in this order and takes the first that holds.

use crate::fixed::fraction::{Fraction, Overflow};
use crate::protocols::adapter::Clock;
use crate::protocols::kamino::obligation::{Borrow, Obligation};
use crate::protocols::kamino::orders::Condition;
use crate::protocols::kamino::refresh::Held;
use crate::protocols::kamino::reserve::Reserve;
use crate::protocols::kamino::stop::{Stop, OBLIGATION_HEALTHY};

const SECONDS_PER_DAY: u64 = 86_400;

/// Why, with what the bonus needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The weighted debt has reached the unhealthy value.
    LtvExceeded,
    /// The risk council's margin call of this position is over.
    IndividualDeleveraging {
        /// Seconds since it was.
        seconds: u64,
    },
    /// The collateral's deposit limit, or the debt's borrow limit, has been crossed for too long.
    MarketDeleveraging {
        /// Whether it is the debt's.
        by_debt: bool,
        /// Seconds since the margin call was over.
        seconds: u64,
    },
    /// Every debt of the reserve is due.
    DebtMatured {
        /// Seconds since it was.
        seconds: u64,
    },
    /// This debt has lasted for its term.
    TermOver {
        /// Seconds since it had.
        seconds: u64,
    },
    /// An order of the owner's.
    Order {
        /// Its condition.
        condition: Condition,
        /// Whether it holds, where that is known.
        met: Option<bool>,
    },
}

/// The position's ratios, each a floor quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratios {
    /// Weighted debt / deposits.
    pub ltv: Fraction,
    /// Debt / deposits.
    pub unweighted_ltv: Fraction,
    /// Unhealthy value / deposits.
    pub unhealthy_ltv: Fraction,
}

impl Ratios {
    /// Returns the ratios of a refreshed position; its deposits are worth something.
    pub fn of(position: &Obligation) -> Result<Ratios, Overflow> {
        Ok(Ratios {
            ltv: position.weighted_debt.per(position.deposited)?,
            unweighted_ltv: position.debt.per(position.deposited)?,
            unhealthy_ltv: position.unhealthy.per(position.deposited)?,
        })
    }
}

impl Reason {
    /// Returns its name, as health and explanations give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::LtvExceeded => "unhealthy",
            Reason::IndividualDeleveraging { .. } => "individual deleveraging",
            Reason::MarketDeleveraging { .. } => "market deleveraging",
            Reason::DebtMatured { .. } => "debt matured",
            Reason::TermOver { .. } => "debt term over",
            Reason::Order { condition, .. } => condition.name(),
        }
    }
}

/// Returns the first reason that holds for this pair of legs, `ObligationHealthy` without one.
pub fn first(
    held: &Held,
    ratios: &Ratios,
    collateral: &Reserve,
    debt: &Reserve,
    borrow: &Borrow,
    clock: Clock,
) -> Result<Reason, Stop> {
    let (market, version) = (&held.market, held.version);
    let now = u64::try_from(clock.unix_timestamp).map_err(|_| Stop::Panic)?;
    let by_price = !(version.may_disable_price_liquidations() && market.price_liquidations_off());
    if by_price && ratios.ltv >= ratios.unhealthy_ltv {
        return Ok(Reason::LtvExceeded);
    }
    if version.pull_oracles() {
        if let Some(reason) = individual(held, ratios, now) {
            return Ok(reason);
        }
        if let Some(reason) = market_wide(held, ratios, collateral, debt, now) {
            return Ok(reason);
        }
    } else if market.deleveraging() && (collateral.deposits_crossed, debt.borrows_crossed) != (0, 0)
    {
        return Err(Stop::Unknown("deleveraging before 1.8"));
    }
    if version.fixed_terms() {
        if let Some(reason) = overdue(held, debt, borrow, now) {
            return Ok(reason);
        }
    }
    if version.orders() && market.orders() {
        for order in held.position.orders() {
            let condition = Condition::of(order.condition);
            let met = condition.met(order.threshold, ratios);
            if met != Some(false) {
                return Ok(Reason::Order { condition, met });
            }
        }
    }
    Err(OBLIGATION_HEALTHY)
}

fn individual(held: &Held, ratios: &Ratios, now: u64) -> Option<Reason> {
    let (called, period) = (
        held.position.margin_call_time(),
        held.market.margin_call_seconds(),
    );
    if called == 0 || !held.market.deleveraging() || period == 0 {
        return None;
    }
    let target = Fraction::percent(held.position.target_ltv_percent());
    let seconds = now.checked_sub(called.saturating_add(period))?;
    (ratios.ltv > target).then_some(Reason::IndividualDeleveraging { seconds })
}

/// Holds where LTV ≥ 1 − decrease · days since the margin call of the crossed limit was over.
fn market_wide(
    held: &Held,
    ratios: &Ratios,
    collateral: &Reserve,
    debt: &Reserve,
    now: u64,
) -> Option<Reason> {
    if !held.market.deleveraging() {
        return None;
    }
    for (reserve, crossed, by_debt) in [
        (collateral, collateral.deposits_crossed, false),
        (debt, debt.borrows_crossed, true),
    ] {
        if reserve.deleveraging() == 0 || crossed == 0 {
            continue;
        }
        let over = crossed.saturating_add(reserve.margin_call_seconds());
        let Some(seconds) = now.checked_sub(over) else {
            continue;
        };
        let fallen = u128::from(seconds / SECONDS_PER_DAY)
            * u128::from(reserve.threshold_decrease_bps_per_day());
        let fallen = Fraction::bps(u64::try_from(fallen).unwrap_or(u64::MAX));
        if ratios.ltv >= Fraction::ONE.less(fallen) {
            return Some(Reason::MarketDeleveraging { by_debt, seconds });
        }
    }
    None
}

fn overdue(held: &Held, debt: &Reserve, borrow: &Borrow, now: u64) -> Option<Reason> {
    let (maturity, term) = (debt.maturity(), debt.term_seconds());
    if held.market.maturity_liquidations() && maturity != 0 {
        if let Some(seconds) = now.checked_sub(maturity) {
            return Some(Reason::DebtMatured { seconds });
        }
    }
    if held.market.term_liquidations() && term != 0 && borrow.time != 0 {
        let seconds = now.checked_sub(borrow.time.saturating_add(term))?;
        return Some(Reason::TermOver { seconds });
    }
    None
}

/// Returns the whole days in `seconds`.
#[must_use]
pub fn days(seconds: u64) -> u64 {
    seconds / SECONDS_PER_DAY
}
