//! What people ask of a book: one position explained with every rounding, or the table of all.

use lending_math::health::{share_of, share_of_up, Health};
use lending_math::state::Side;
use lending_math::{Pubkey, ATTO_PER_MICRO};

use super::store::{Row, RowLeg};
use super::Book;
use crate::protocols::reference::digest::candidate_id;
use crate::protocols::reference::health::{judge, value_of, Judgement};
use crate::protocols::reference::patience::next_look;
use crate::protocols::reference::pricing::Standing;
use crate::CoreError;

/// A leg with every figure of its value; what cannot be computed is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegReport {
    /// The reserve.
    pub reserve: Pubkey,
    /// Its mint, once its account was seen.
    pub mint: Option<Pubkey>,
    /// Collateral or debt.
    pub side: Side,
    /// Tokens of collateral, shares of debt.
    pub amount: u64,
    /// Tokens.
    pub tokens: Option<u64>,
    /// The reserve's index at the clock.
    pub index: Option<u128>,
    /// Atto-USD per smallest unit.
    pub unit: Option<u128>,
    /// Liquidation threshold or borrow factor.
    pub weight_bps: Option<u32>,
    /// Atto-USD, exact.
    pub value: Option<u128>,
    /// Atto-USD, rounded down for collateral and up for debt.
    pub weighted: Option<u128>,
    /// Oracle: price, exponent, confidence, slot.
    pub oracle: Option<(u64, i32, u64, u64)>,
    /// Why the program would refuse the price.
    pub refusal: Option<&'static str>,
}

/// A position with everything that its verdict rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who may withdraw.
    pub owner: Pubkey,
    /// Counts its liquidations.
    pub version: u64,
    /// Slot of its state.
    pub slot: u64,
    /// Slot and time that it is judged at.
    pub clock: (u64, u64),
    /// Its legs as they lie there.
    pub legs: Vec<LegReport>,
    /// The verdict and its sums.
    pub judgement: Judgement,
    /// First slot at which time alone might change the verdict.
    pub next_look: u64,
    /// Digest of the material fields.
    pub digest: [u8; 32],
    /// The name of the need to liquidate this state.
    pub candidate_id: [u8; 16],
}

/// A line of the table of positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// The position.
    pub address: Pubkey,
    /// Who may withdraw.
    pub owner: Pubkey,
    /// Cw/Dw, for display; `None` without debt or where it cannot be computed.
    pub health_factor: Option<f64>,
    /// Whether it needs an act.
    pub liquidatable: bool,
    /// Unweighted, rounded down.
    pub collateral_micro_usd: u128,
    /// Unweighted, rounded up.
    pub debt_micro_usd: u128,
    /// Slot of its state.
    pub slot: u64,
}

/// Returns Cw/Dw for display; `None` without debt.
#[must_use]
pub fn health_factor(health: &Health) -> Option<f64> {
    (health.weighted_debt > 0)
        .then(|| health.weighted_collateral as f64 / health.weighted_debt as f64)
}

impl Book {
    /// Returns the program that its accounts belong to.
    #[must_use]
    pub fn program(&self) -> &Pubkey {
        &self.program
    }

    /// Returns the market's address.
    #[must_use]
    pub fn market(&self) -> &Pubkey {
        &self.market
    }

    /// Returns the addresses of the market, its reserves and its positions.
    pub fn homes(&self) -> impl Iterator<Item = &Pubkey> {
        self.store.homes()
    }

    /// Returns slot and time of the clock.
    #[must_use]
    pub fn clock(&self) -> (u64, u64) {
        self.clock
    }

    /// Returns whether the market refuses liquidations.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Returns how many positions are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.count()
    }

    /// Returns whether no position is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns every position that needs an act by judging all of them, in the order of the addresses: what
    /// [`Book::liquidatable`] must be.
    #[must_use]
    pub fn sweep(&self) -> Vec<Pubkey> {
        let needs = |row: &Row| {
            let judgement = judge(row.legs_at(&self.reserves), self.paused);
            judgement.verdict.needs_an_act()
        };
        let rows = self.store.rows().filter(|(_, row)| needs(row));
        let mut addresses: Vec<_> = rows.map(|(_, row)| row.address).collect();
        addresses.sort_unstable();
        addresses
    }

    /// Returns the addresses of all positions, in order.
    #[must_use]
    pub fn positions(&self) -> Vec<Pubkey> {
        let mut addresses: Vec<_> = self.store.rows().map(|(_, row)| row.address).collect();
        addresses.sort_unstable();
        addresses
    }

    /// Returns the addresses of all accounts kept, of every kind, in order: what a fresh snapshot is compared with.
    #[must_use]
    pub fn addresses(&self) -> Vec<Pubkey> {
        let mut addresses: Vec<_> = self.store.addresses().copied().collect();
        addresses.sort_unstable();
        addresses
    }

    /// Returns a position with every figure behind its verdict at the clock.
    pub fn report(&self, address: &Pubkey) -> Result<Report, CoreError> {
        let row = self.row(address)?;
        let judgement = judge(row.legs_at(&self.reserves), self.paused);
        let digest = row.digest(&self.reserves);
        Ok(Report {
            owner: row.owner,
            version: row.version,
            slot: row.slot,
            clock: self.clock,
            legs: row.legs.iter().map(|leg| self.leg_report(leg)).collect(),
            judgement,
            next_look: next_look(row.legs_at(&self.reserves), &judgement, self.clock.0),
            digest,
            candidate_id: candidate_id(address, &digest),
        })
    }

    /// Returns a line per position, in the order of the addresses; with `max_health` only those with a factor up to it.
    #[must_use]
    pub fn lines(&self, max_health: Option<f64>) -> Vec<Line> {
        let lines = self
            .store
            .rows()
            .map(|(number, row)| self.line(number, row));
        let low = |line: &Line| match (max_health, line.health_factor) {
            (None, _) => true,
            (Some(most), Some(factor)) => factor <= most,
            (Some(_), None) => false,
        };
        let mut lines: Vec<_> = lines.filter(low).collect();
        lines.sort_unstable_by_key(|line| line.address);
        lines
    }

    fn line(&self, number: u32, row: &Row) -> Line {
        let health = judge(row.legs_at(&self.reserves), self.paused).health;
        Line {
            address: row.address,
            owner: row.owner,
            health_factor: health.as_ref().and_then(health_factor),
            liquidatable: self.emission.needs(number),
            collateral_micro_usd: health.map_or(0, |health| health.collateral / ATTO_PER_MICRO),
            debt_micro_usd: health.map_or(0, |health| health.debt.div_ceil(ATTO_PER_MICRO)),
            slot: row.slot,
        }
    }

    fn leg_report(&self, leg: &RowLeg) -> LegReport {
        let held = self.reserves.get(leg.reserve);
        let priced = match self.reserves.standing(leg.reserve) {
            Standing::Priced(priced) => Some(priced),
            _ => None,
        };
        let valued = priced.and_then(|priced| value_of(leg.side, leg.amount, priced).ok());
        let value = valued.and_then(|valued| valued.value().ok());
        let weight = priced.map(|priced| match leg.side {
            Side::Collateral => u32::from(priced.config.liquidation_threshold_bps),
            Side::Debt => priced.config.borrow_factor_bps,
        });
        let weighted = value
            .zip(weight)
            .and_then(|(value, weight)| match leg.side {
                Side::Collateral => share_of(value, u64::from(weight)).ok(),
                Side::Debt => share_of_up(value, u64::from(weight)).ok(),
            });
        let oracle = held.and_then(|held| self.reserves.oracle_of(held));
        LegReport {
            reserve: held.map_or([0; 32], |held| held.address),
            mint: held
                .and_then(|held| held.reserve)
                .map(|reserve| reserve.mint),
            side: leg.side,
            amount: leg.amount,
            tokens: valued.map(|valued| valued.tokens),
            index: priced
                .map(|priced| priced.index)
                .filter(|index| *index < u128::MAX),
            unit: priced.map(|priced| priced.unit),
            weight_bps: weight,
            value,
            weighted,
            oracle: oracle.map(|oracle| {
                (
                    oracle.price,
                    oracle.exponent,
                    oracle.confidence,
                    oracle.slot,
                )
            }),
            refusal: priced
                .and_then(|priced| priced.refusal)
                .map(lending_math::Error::name),
        }
    }
}
