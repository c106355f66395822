//! A lending market: limits that all its reserves share, and its elevation groups.

use lending_math::Pubkey;

use crate::fixed::fraction::Fraction;
use crate::protocols::kamino::bytes::{key_at, u16_at, u64_at, u8_at};
use crate::protocols::kamino::version::Version;

pub(super) const DISCRIMINATOR: [u8; 8] = [0xf6, 0x72, 0x32, 0x62, 0x48, 0x9d, 0x1c, 0x78];
/// Length of the account.
pub const LENGTH: usize = 4_664;

/// A market, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Market<'a>(&'a [u8]);

/// Reserves that count against each other with thresholds of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Cap of the bonus, 0 for none.
    pub max_bonus_bps: u64,
    /// Its number, from 1.
    pub id: u8,
    /// Loan to value at which borrowing ends.
    pub ltv_percent: u8,
    /// Loan to value at which liquidation begins.
    pub threshold_percent: u8,
    /// Most collateral reserves of one position.
    pub max_reserves: u8,
    /// The reserve that may be borrowed.
    pub debt_reserve: Pubkey,
}

impl<'a> Market<'a> {
    /// Returns the market; `None` for bytes that are none.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Market<'a>> {
        (bytes.len() == LENGTH && bytes.starts_with(&DISCRIMINATOR)).then_some(Market(bytes))
    }

    /// Returns an elevation group; `None` for a number that the market does not define.
    #[must_use]
    pub fn group(&self, id: u8) -> Option<Group> {
        let at = 200 + 72 * usize::from(id.checked_sub(1).filter(|place| *place < 32)?);
        let byte = |offset: usize| u8_at(self.0, at + offset);
        Some(Group {
            max_bonus_bps: u64::from(u16_at(self.0, at)),
            id: byte(2),
            ltv_percent: byte(3),
            threshold_percent: byte(4),
            max_reserves: byte(6),
            debt_reserve: key_at(self.0, at + 8),
        })
    }

    /// Returns the referrers' share of the protocol's interest, 1/10,000.
    #[must_use]
    pub fn referral_fee_bps(&self) -> u64 {
        u64::from(u16_at(self.0, 120))
    }

    /// Returns whether everything is stopped.
    #[must_use]
    pub fn emergency(&self) -> bool {
        u8_at(self.0, 122) != 0
    }

    /// Returns whether positions may be deleveraged.
    #[must_use]
    pub fn deleveraging(&self) -> bool {
        u8_at(self.0, 123) != 0
    }

    /// Returns the share of a price's maximal age from which a refresh reads a new one.
    #[must_use]
    pub fn refresh_trigger_percent(&self) -> u64 {
        u64::from(u8_at(self.0, 125))
    }

    /// Returns the share of the debt that one call may close.
    #[must_use]
    pub fn close_factor_percent(&self) -> u64 {
        u64::from(u8_at(self.0, 126))
    }

    /// Returns the loan to value above which everything may be closed at once.
    #[must_use]
    pub fn insolvency_percent(&self) -> u64 {
        u64::from(u8_at(self.0, 127))
    }

    /// Returns the debt value below which a debt is closed whole.
    #[must_use]
    pub fn min_full_value(&self) -> u64 {
        u64_at(self.0, 128)
    }

    /// Returns the most value that one call may close.
    #[must_use]
    pub fn max_value(&self) -> u64 {
        u64_at(self.0, 136)
    }

    /// Returns the most that one position may borrow.
    #[must_use]
    pub fn borrow_cap(&self) -> u64 {
        u64_at(self.0, 152)
    }

    /// Returns the most that a position's unhealthy value can be: versions before 1.10 have a limit of the market.
    #[must_use]
    pub fn unhealthy_cap(&self, version: Version) -> Fraction {
        if version.second_form() {
            Fraction(u128::MAX)
        } else {
            Fraction::whole(u64_at(self.0, 144))
        }
    }

    /// Returns the value below which a deposit does not enter the lowest threshold.
    #[must_use]
    pub fn skip_ltv_value(&self) -> u64 {
        u64_at(self.0, 3240)
    }

    /// Returns the value below which a debt does not enter the highest borrow factor.
    #[must_use]
    pub fn skip_factor_value(&self) -> u64 {
        u64_at(self.0, 3280)
    }

    /// Returns how long a margin call of one position lasts, 0 for none.
    #[must_use]
    pub fn margin_call_seconds(&self) -> u64 {
        u64_at(self.0, 3288)
    }

    /// Returns whether orders are executed.
    #[must_use]
    pub fn orders(&self) -> bool {
        u8_at(self.0, 3304) != 0
    }

    /// Returns whether liquidations by price are off.
    #[must_use]
    pub fn price_liquidations_off(&self) -> bool {
        u8_at(self.0, 3307) != 0
    }

    /// Returns whether matured debts are liquidated.
    #[must_use]
    pub fn maturity_liquidations(&self) -> bool {
        u8_at(self.0, 3308) != 0
    }

    /// Returns whether debts past their term are liquidated.
    #[must_use]
    pub fn term_liquidations(&self) -> bool {
        u8_at(self.0, 3309) != 0
    }

    /// Returns over how long a debt past its term becomes liquidatable whole, 0 for at once.
    #[must_use]
    pub fn term_full_seconds(&self) -> u64 {
        u64_at(self.0, 3392)
    }
}
