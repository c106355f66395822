//! The last terms: the sums that decide, the chosen liquidation, and its profit from top to bottom.

use lending_math::Pubkey;

use super::Terms;
use crate::address::to_base58;
use crate::fixed::wad::Decimal;
use crate::protocols::adapter::BestPlan;
use crate::protocols::save::ledger::Ledger;
use crate::protocols::save::obligation::Obligation;

impl Terms {
    /// Adds the sums that are compared.
    pub(super) fn health(&mut self, obligation: &Obligation) {
        let (borrowed, unhealthy) = (obligation.borrowed, obligation.unhealthy);
        self.wad(
            "health",
            "borrowed value".to_owned(),
            borrowed,
            "exact",
            "sum of weighted values",
        );
        self.wad(
            "health",
            "unhealthy borrow value".to_owned(),
            unhealthy,
            "saturated",
            "sum of unhealthy parts, at most 70,000,000",
        );
        let most = obligation.super_unhealthy;
        self.wad(
            "health",
            "super unhealthy borrow value".to_owned(),
            most,
            "saturated",
            "where the bonus is highest",
        );
        let negative = borrowed > unhealthy;
        let (high, low) = if negative {
            (borrowed, unhealthy)
        } else {
            (unhealthy, borrowed)
        };
        self.wad(
            "health",
            "distance".to_owned(),
            high.saturating_sub(low),
            "exact",
            "unhealthy − borrowed; liquidated at 0 and below",
        );
        if let Some(distance) = self.0.last_mut() {
            distance.negative = negative;
        }
    }

    /// Adds the chosen liquidation and where its profit comes from.
    pub(super) fn plan(&mut self, plan: &BestPlan, ledger: Option<&Ledger>) {
        let (asked, done) = (&plan.request, &plan.prediction);
        let value = |address: &Pubkey, amount: u64| {
            let reserve = ledger?.reserve(address).ok()?;
            reserve.value(Decimal::from(amount)).ok()
        };
        let repaid = value(&asked.debt_reserve, done.repaid).unwrap_or_default();
        let seized = value(&asked.collateral_reserve, done.seized).unwrap_or_default();
        let (debt, collateral) = (
            to_base58(&asked.debt_reserve),
            to_base58(&asked.collateral_reserve),
        );
        self.push(
            "liquidation",
            "amount",
            asked.amount.into(),
            1,
            "exact",
            format!("of {debt}: the debt of the highest borrow weight, as much as is allowed"),
        );
        self.push(
            "liquidation",
            "repaid",
            done.repaid.into(),
            1,
            "ceil",
            "a fifth of the weighted debt, at most 500,000; all of a debt of at most 1",
        );
        self.push(
            "liquidation",
            "bonus",
            done.bonus.numerator,
            done.bonus.denominator,
            "floor",
            "the protocol's part included, at most 25 %",
        );
        self.push(
            "profit",
            "seized",
            done.seized.into(),
            1,
            "floor",
            format!("of {collateral}, the protocol's part deducted"),
        );
        self.push(
            "profit",
            "collateral tokens left",
            done.seized_shares.into(),
            1,
            "exact",
            "that the reserve could not redeem",
        );
        self.push(
            "profit",
            "protocol fee",
            done.protocol_fee.into(),
            1,
            "ceil",
            "liquidity / (1 + bonus) · fee, at least 1",
        );
        let note = "at the reserve's price";
        self.wad("profit", "value seized".to_owned(), seized, "floor", note);
        self.wad("profit", "value repaid".to_owned(), repaid, "floor", note);
        self.push(
            "profit",
            "profit",
            plan.profit.unsigned_abs(),
            1_000_000,
            "floor",
            "value seized − value repaid, in millionths",
        );
        if let Some(profit) = self.0.last_mut() {
            profit.negative = plan.profit < 0;
        }
    }
}
