//! Standing orders of a position's owner: their conditions, by name and as far as they can be judged.

use crate::fixed::fraction::Fraction;
use crate::protocols::kamino::reason::Ratios;

/// When an order may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no order.
    Never,
    /// The loan to value is above the threshold.
    LtvAbove,
    /// The loan to value is below the threshold.
    LtvBelow,
    /// The collateral's price in the debt is above the threshold.
    PriceRatioAbove,
    /// The collateral's price in the debt is below the threshold.
    PriceRatioBelow,
    /// At any time.
    Always,
    /// The loan to value is closer than the threshold to where liquidation begins.
    LtvCloserThan,
    /// A kind that came later.
    Other,
}

impl Condition {
    /// Returns the condition that a number stands for.
    #[must_use]
    pub fn of(number: u8) -> Condition {
        match number {
            0 => Condition::Never,
            1 => Condition::LtvAbove,
            2 => Condition::LtvBelow,
            3 => Condition::PriceRatioAbove,
            4 => Condition::PriceRatioBelow,
            5 => Condition::Always,
            6 => Condition::LtvCloserThan,
            _ => Condition::Other,
        }
    }

    /// Returns whether it holds; `None` where the ratios alone do not say.
    #[must_use]
    pub fn met(self, threshold: Fraction, ratios: &Ratios) -> Option<bool> {
        match self {
            Condition::Never => Some(false),
            Condition::LtvAbove => Some(ratios.ltv > threshold),
            Condition::LtvBelow => Some(ratios.ltv < threshold),
            Condition::Always => Some(true),
            Condition::LtvCloserThan => Some(ratios.unhealthy_ltv.less(ratios.ltv) < threshold),
            Condition::PriceRatioAbove | Condition::PriceRatioBelow | Condition::Other => None,
        }
    }

    /// Returns the reason that it gives for a liquidation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Condition::Never => "no order",
            Condition::LtvAbove => "order: LTV above",
            Condition::LtvBelow => "order: LTV below",
            Condition::PriceRatioAbove => "order: price ratio above",
            Condition::PriceRatioBelow => "order: price ratio below",
            Condition::Always => "order: always",
            Condition::LtvCloserThan => "order: LTV close to liquidation",
            Condition::Other => "order: unknown condition",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Condition;
    use crate::fixed::fraction::Fraction;
    use crate::protocols::kamino::reason::Ratios;

    #[test]
    fn conditions_on_the_loan_to_value_are_strict() {
        let half = Fraction::percent(50);
        let ratios = Ratios {
            ltv: half,
            unweighted_ltv: half,
            unhealthy_ltv: Fraction::percent(75),
        };
        let met = |number, threshold| Condition::of(number).met(threshold, &ratios);
        assert_eq!(met(0, half), Some(false));
        assert_eq!(met(1, half), Some(false));
        assert_eq!(met(1, Fraction(half.0 - 1)), Some(true));
        assert_eq!(met(2, half), Some(false));
        assert_eq!(met(2, Fraction(half.0 + 1)), Some(true));
        assert_eq!(met(3, half), None);
        assert_eq!(met(5, half), Some(true));
        assert_eq!(met(6, Fraction::percent(26)), Some(true));
        assert_eq!(met(6, Fraction::percent(24)), Some(false));
        assert_eq!(met(200, half), None);
    }
}
