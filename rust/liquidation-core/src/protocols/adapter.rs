//! What every lending protocol answers, in one shape: health, prediction, best plan and explanation of a position from raw accounts.
//!
//! A new protocol implements [`Adapter`] and is listed in [`named`]; the conformance kit in `liquidation_engine.testing` then holds it to
//! the invariants. Nothing here knows a protocol.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lending_math::Pubkey;

use crate::CoreError;

/// One account as an RPC node gives it.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// The program that owns it.
    pub owner: Pubkey,
    /// Its balance.
    pub lamports: u64,
    /// Its bytes.
    pub data: &'a [u8],
}

/// The accounts that a question is about.
pub type Accounts<'a> = HashMap<Pubkey, Account<'a>>;

/// The chain's clock at which the transaction runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Slot.
    pub slot: u64,
    /// Seconds since 1970.
    pub unix_timestamp: i64,
}

/// The liquidation that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Obligation or margin account.
    pub position: Pubkey,
    /// Reserve or bank of the debt that is repaid.
    pub debt_reserve: Pubkey,
    /// Reserve or bank of the collateral that is seized.
    pub collateral_reserve: Pubkey,
    /// Smallest units of the debt, `u64::MAX` for as much as allowed; of the collateral where the protocol counts that (marginfi).
    pub amount: u64,
    /// Wallet, or the liquidator's own margin account.
    pub liquidator: Option<Pubkey>,
    /// The least collateral that the instruction must give.
    pub min_received: u64,
    /// "v1" or "v2".
    pub instruction: Option<String>,
    /// The program's version, "1.16.0"; the newest known without.
    pub version: Option<String>,
}

/// A number that need not fit 128 bits: unsigned, little-endian.
pub type Wide = [u8; 32];

/// An exact fraction, not reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Above.
    pub numerator: u128,
    /// Below; never 0.
    pub denominator: u128,
}

impl Ratio {
    /// Zero.
    pub const ZERO: Ratio = Ratio {
        numerator: 0,
        denominator: 1,
    };

    /// Returns the ratio in 1/10,000, rounded half up; saturating.
    #[must_use]
    pub fn bps_half_up(self) -> u64 {
        let whole = self.numerator / self.denominator;
        let rest = self.numerator % self.denominator;
        // rest < denominator: divide twice where the product would not fit.
        let fraction = rest.checked_mul(20_000).map_or_else(
            || rest / (self.denominator / 20_000),
            |scaled| scaled / self.denominator,
        );
        let bps = whole
            .saturating_mul(10_000)
            .saturating_add(fraction.div_ceil(2));
        u64::try_from(bps).unwrap_or(u64::MAX)
    }
}

/// What the program will do with exactly these accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// Smallest units of the debt that the liquidator pays, or takes on (marginfi, floored).
    pub repaid: u64,
    /// Debt that the position is relieved of, where that differs from `repaid` (marginfi, floored).
    pub debt_relieved: Option<u64>,
    /// What the liquidator receives, net, smallest units of the underlying.
    pub seized: u64,
    /// Collateral tokens that are left unredeemed.
    pub seized_shares: u64,
    /// What the protocol keeps, smallest units.
    pub protocol_fee: u64,
    /// The bonus as the program computed it.
    pub bonus: Ratio,
    /// `None`, or the first failing instruction's custom code; -1 for a panic or another error.
    pub error: Option<i64>,
    /// Every program account that the transaction changes; farm state aside.
    pub accounts_after: BTreeMap<Pubkey, Vec<u8>>,
}

impl Prediction {
    /// Returns the prediction of a failure.
    #[must_use]
    pub fn failed(code: i64) -> Prediction {
        Prediction {
            repaid: 0,
            debt_relieved: None,
            seized: 0,
            seized_shares: 0,
            protocol_fee: 0,
            bonus: Ratio::ZERO,
            error: Some(code),
            accounts_after: BTreeMap::new(),
        }
    }
}

/// A position's health in the protocol's own integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Save: unhealthy borrow value; Kamino: unhealthy LTV; marginfi: weighted assets.
    pub numerator: Wide,
    /// Save: borrowed value; Kamino: LTV; marginfi: weighted liabilities.
    pub denominator: Wide,
    /// Whether the program would liquidate it now.
    pub liquidatable: bool,
    /// Why, or why not: a short name ("healthy", "unhealthy", "deleveraging", "stale oracle").
    pub reason: String,
}

/// What `best_plan` is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The position; the only one among the accounts without.
    pub position: Option<Pubkey>,
    /// Wallet, or the liquidator's own margin account.
    pub liquidator: Option<Pubkey>,
    /// The most to spend of a mint's smallest units; a mint that is not named is not limited.
    pub balances: BTreeMap<Pubkey, u64>,
    /// The least profit, 10⁻⁶ quote units; negative allows a loss.
    pub min_profit: i128,
    /// Fees and tip of the transaction, 10⁻⁶ quote units.
    pub costs: u64,
    /// "v1" or "v2".
    pub instruction: Option<String>,
    /// The program's version.
    pub version: Option<String>,
}

/// The plan of highest profit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BestPlan {
    /// Legs and amount.
    pub request: Request,
    /// What it does.
    pub prediction: Prediction,
    /// Value seized − value repaid − costs at the oracle's prices, 10⁻⁶ quote units, floored.
    pub profit: i128,
}

/// A plan, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The best one.
    Plan(Box<BestPlan>),
    /// None: a short name ("healthy", "unprofitable", "stale oracle", "error 23").
    Refusal(String),
}

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Which part it belongs to: "oracle", "collateral", "debt", "health", "liquidation", "profit".
    pub section: &'static str,
    /// What it is.
    pub name: String,
    /// Its exact integer.
    pub value: Wide,
    /// What the integer is divided by to be read: 10¹⁸, 2⁶⁰, 2⁴⁸, 1.
    pub scale: u128,
    /// Whether it is below zero.
    pub negative: bool,
    /// "exact", "floor", "ceil", "half up", "saturated".
    pub rounding: &'static str,
    /// How it came about, in words: "price · (1 − confidence)".
    pub note: String,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// These accounts are needed and were not given.
    Missing(BTreeSet<Pubkey>),
    /// The question or the bytes make no sense.
    Wrong(CoreError),
}

impl From<CoreError> for Unanswered {
    fn from(error: CoreError) -> Unanswered {
        Unanswered::Wrong(error)
    }
}

/// One market of a protocol, kept so that a change of prices or time tells at once who has to be judged exactly.
pub trait Screen: Send {
    /// Takes an account's state at a slot; whether it concerns this market and is not older than the one known. Empty data closes the
    /// account. `Malformed`: bytes that the program did not write, and nothing changes.
    fn take(&mut self, address: &Pubkey, account: &Account, slot: u64) -> Result<bool, CoreError>;

    /// Returns the accounts that prices hang on and that were not seen yet: take them next.
    fn wanted(&self) -> Vec<Pubkey>;

    /// Returns every position that may be liquidatable at `clock`: all that are, and few besides.
    fn suspects(&mut self, clock: Clock) -> Result<Vec<Pubkey>, CoreError>;
}

/// One protocol's arithmetic over raw accounts. Never panics, whatever the bytes.
pub trait Adapter: Sync {
    /// Returns what the program will do, refreshing everything at `clock` first.
    fn predict(
        &self,
        accounts: &Accounts,
        clock: Clock,
        request: &Request,
    ) -> Result<Prediction, Unanswered>;

    /// Returns the position's health, everything refreshed at `clock`.
    fn health(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Health, Unanswered>;

    /// Returns legs and amount of highest profit under the protocol's own priorities.
    fn best_plan(
        &self,
        accounts: &Accounts,
        clock: Clock,
        policy: &Policy,
    ) -> Result<Choice, Unanswered>;

    /// Returns every term of the position's health, with its rounding.
    fn explain(
        &self,
        accounts: &Accounts,
        clock: Clock,
        position: &Pubkey,
    ) -> Result<Vec<Term>, Unanswered>;

    /// Returns whether the book's screen looks at the position; `None` where it cannot be judged, or the protocol has no screen
    /// that can be asked.
    fn screened(
        &self,
        _accounts: &Accounts,
        _clock: Clock,
        _position: &Pubkey,
    ) -> Result<Option<bool>, Unanswered> {
        Ok(None)
    }

    /// Returns an empty market to keep in step with the chain; `None` where the protocol has none yet.
    fn screen(&self, _market: &Pubkey) -> Option<Box<dyn Screen>> {
        None
    }
}

/// Every protocol by its name, one line each.
static ADAPTERS: &[(&str, &dyn Adapter)] = &[
    ("kamino", &super::kamino::Kamino),
    ("marginfi", &super::marginfi::Marginfi),
    ("save", &super::save::Save),
    ("reference", &super::reference::adapter::Reference),
];

/// Returns the names of all protocols.
pub fn names() -> impl Iterator<Item = &'static str> {
    ADAPTERS.iter().map(|(name, _)| *name)
}

/// Returns a protocol's adapter by its name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Adapter> {
    ADAPTERS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, adapter)| *adapter)
}

#[cfg(test)]
mod tests {
    use super::Ratio;

    #[test]
    fn a_ratio_is_rounded_half_up() {
        let bps = |numerator, denominator| {
            Ratio {
                numerator,
                denominator,
            }
            .bps_half_up()
        };
        assert_eq!(bps(5, 100), 500);
        assert_eq!(bps(1, 20_000), 1); // half
        assert_eq!(bps(1, 20_001), 0);
        assert_eq!(bps(3, 20_000), 2);
        assert_eq!(bps(u128::MAX, 1), u64::MAX);
        assert_eq!(bps(u128::MAX / 2, u128::MAX), 5_000);
    }
}
