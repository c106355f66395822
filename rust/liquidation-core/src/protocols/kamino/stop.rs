//! Why the program stops: one of its own errors, or a panic.

use crate::fixed::fraction::Overflow;

/// The end of a transaction that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A custom error code.
    Custom(u32),
    /// A panic, or an error that is not the program's own.
    Panic,
    /// Not the program's end but ours: a state whose arithmetic is not known.
    Unknown(&'static str),
}

impl Stop {
    /// Returns the code, -1 for a panic.
    #[must_use]
    pub fn code(self) -> i64 {
        match self {
            Stop::Custom(code) => i64::from(code),
            Stop::Panic | Stop::Unknown(_) => -1,
        }
    }
}

impl Stop {
    /// Returns a short name for people.
    #[must_use]
    pub fn reason(self) -> String {
        match self {
            OBLIGATION_HEALTHY => "healthy".to_owned(),
            RESERVE_STALE | OBLIGATION_STALE | PRICE_NOT_VALID => "stale oracle".to_owned(),
            DEPOSITS_ZERO | COLLATERAL_EMPTY => "no collateral".to_owned(),
            BORROWS_ZERO | LIQUIDITY_EMPTY => "no debt".to_owned(),
            Stop::Unknown(what) => what.to_owned(),
            stop => format!("error {}", stop.code()),
        }
    }
}

impl From<Overflow> for Stop {
    fn from(_: Overflow) -> Stop {
        Stop::Panic
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: Stop = Stop::Custom($code);)*

        /// Returns what an error code of the program is called.
        #[must_use]
        pub fn name(code: i64) -> Option<&'static str> {
            match code {
                $($code => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

codes! {
    INVALID_AMOUNT = 6003;
    INVALID_ACCOUNT_INPUT = 6006;
    MATH_OVERFLOW = 6007;
    RESERVE_STALE = 6009;
    LIQUIDATION_TOO_SMALL = 6015;
    OBLIGATION_HEALTHY = 6016;
    OBLIGATION_STALE = 6017;
    DEPOSITS_ZERO = 6022;
    BORROWS_ZERO = 6023;
    INVALID_COLLATERAL = 6024;
    INVALID_LIQUIDITY = 6025;
    COLLATERAL_EMPTY = 6026;
    LIQUIDITY_EMPTY = 6027;
    NEGATIVE_INTEREST = 6028;
    INVALID_ORACLE_CONFIG = 6029;
    EMERGENCY = 6042;
    PRICE_NOT_VALID = 6044;
    INVALID_TWAP_CONFIG = 6053;
    INVALID_UTILIZATION = 6061;
    REWARD_TOO_SMALL = 6066;
    INCONSISTENT_GROUP = 6068;
    INVALID_GROUP = 6069;
    REFERRER_MINT = 6075;
    COLLATERAL_NON_LIQUIDATABLE = 6087;
    BORROW_FACTOR_PRIORITY = 6099;
    LOWEST_LTV_PRIORITY = 6100;
    GROUP_OTHER_DEBT = 6104;
    GROUP_DEBT_AS_COLLATERAL = 6105;
    GROUP_MANY_COLLATERALS = 6106;
    REFERRAL_SLOTS = 6111;
    REPAY_TOO_SMALL_FOR_FULL = 6121;
    INSUFFICIENT_REPAY = 6122;
}
