//! Why an instruction of the program fails: its custom code, or −1 where the runtime reports something else.

use crate::fixed::wad::Overflow;

/// The code of a failing instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub i64);

/// What the program computes, or how it fails.
pub type Outcome<T> = Result<T, Fault>;

/// A panic, or an error without a custom code.
pub const BROKEN: Fault = Fault(-1);
/// A panic in a place whose errors the program would have passed over.
pub const ABORTED: Fault = Fault(-2);
/// The account is not the program's.
pub const INVALID_ACCOUNT_OWNER: Fault = Fault(5);
/// The market counts another token program.
pub const INVALID_TOKEN_PROGRAM: Fault = Fault(9);
/// An amount of zero.
pub const INVALID_AMOUNT: Fault = Fault(10);
/// An account that is not the expected one.
pub const INVALID_ACCOUNT_INPUT: Fault = Fault(13);
/// An overflow, a negative number or a division by zero.
pub const MATH_OVERFLOW: Fault = Fault(14);
/// The reserve holds less than is taken out.
pub const INSUFFICIENT_LIQUIDITY: Fault = Fault(20);
/// The reserve was not refreshed in this slot.
pub const RESERVE_STALE: Fault = Fault(22);
/// Nothing would be repaid or nothing withdrawn.
pub const LIQUIDATION_TOO_SMALL: Fault = Fault(28);
/// The obligation is healthy.
pub const OBLIGATION_HEALTHY: Fault = Fault(29);
/// The obligation has no deposits.
pub const DEPOSITS_EMPTY: Fault = Fault(33);
/// The obligation has no borrows.
pub const BORROWS_EMPTY: Fault = Fault(34);
/// The deposits are worth nothing.
pub const DEPOSITS_ZERO: Fault = Fault(35);
/// The borrows are worth nothing.
pub const BORROWS_ZERO: Fault = Fault(36);
/// The obligation has no deposit in this reserve.
pub const INVALID_COLLATERAL: Fault = Fault(37);
/// The obligation has no borrow from this reserve.
pub const INVALID_LIQUIDITY: Fault = Fault(38);
/// The deposit is worth nothing.
pub const COLLATERAL_EMPTY: Fault = Fault(39);
/// The borrow is worth nothing.
pub const LIQUIDITY_EMPTY: Fault = Fault(40);
/// The reserve's index is below the obligation's.
pub const NEGATIVE_INTEREST: Fault = Fault(41);
/// No oracle gives a price.
pub const INVALID_ORACLE: Fault = Fault(42);
/// The market admits one liquidator, another one.
pub const NOT_WHITELISTED: Fault = Fault(55);

impl From<Overflow> for Fault {
    fn from(_: Overflow) -> Fault {
        MATH_OVERFLOW
    }
}

impl Fault {
    /// Returns the code as a transaction reports it.
    #[must_use]
    pub fn code(self) -> i64 {
        self.0.max(BROKEN.0)
    }

    /// Returns a short name for people.
    #[must_use]
    pub fn reason(self) -> String {
        match self {
            INVALID_ORACLE => "stale oracle".to_owned(),
            OBLIGATION_HEALTHY => "healthy".to_owned(),
            DEPOSITS_ZERO | DEPOSITS_EMPTY => "no collateral".to_owned(),
            BORROWS_ZERO | BORROWS_EMPTY => "no debt".to_owned(),
            fault => format!("error {}", fault.code()),
        }
    }
}
