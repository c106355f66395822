//! Why the program refuses, and the codes with which each version says so.

use super::version::Version;

/// What a step of the program gives, or why it refuses.
pub type Outcome<T> = Result<T, Refusal>;

/// Why the program refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A panic, or an error without a code of its own.
    Panic,
    /// An account that another program owns.
    ForeignAccount,
    /// An account of fewer than eight bytes.
    NoDiscriminator,
    /// An account of another kind.
    WrongDiscriminator,
    /// A bank or an account of another group.
    OtherGroup,
    /// An overflow or a division by 0.
    Math,
    /// The position has no balance in the debt's bank.
    NoDebtBalance,
    /// A balance to take from is not there.
    NoBalance,
    /// Collateral of 0.
    NothingToLiquidate,
    /// One bank for both legs.
    SameBanks,
    /// More collateral than the position has.
    TooMuchCollateral,
    /// The balance in the debt's bank is no debt.
    NoDebt,
    /// The balance in the debt's bank has deposits.
    DebtHasDeposits,
    /// Assets cover liabilities.
    Healthy,
    /// Less than one share of debt would be left.
    DebtExhausted,
    /// The debt would turn into a deposit.
    DebtOverpaid,
    /// The position would be healthy afterwards.
    TooSevere,
    /// The position would not be better off.
    WorseHealth,
    /// The liquidator would lack margin.
    LiquidatorMargin,
    /// All 16 balances of the liquidator are taken.
    BalancesFull,
    /// More than 8 balances of other protocols.
    TooManyIntegrations,
    /// More debts than the isolated one.
    IsolatedWithOthers,
    /// Deposits beyond the bank's limit.
    DepositLimit,
    /// Debts beyond the bank's limit.
    BorrowLimit,
    /// Repaying would leave a deposit.
    RepayOnly,
    /// More debt than deposits in a bank.
    Utilization,
    /// The bank is paused.
    BankPaused,
    /// The bank only shrinks.
    BankReduceOnly,
    /// The bank was shut down by a bankruptcy.
    BankKilled,
    /// The bank is not in use yet.
    BankUninitialized,
    /// The account is in a flash loan.
    InFlashloan,
    /// The account is in receivership.
    InReceivership,
    /// The account is frozen.
    Frozen,
    /// The protocol is paused.
    ProtocolPaused,
    /// Ordinary and staked assets together.
    AssetTags,
    /// A debt in a bank of another protocol.
    IntegrationDebt,
    /// The old interest curve, that the program no longer computes.
    LegacyCurve,
    /// A bank without an oracle.
    NoOracle,
    /// A stale or unreadable price, where the old program names it so.
    OldStaleOracle,
    /// An account that is no price, where the old program names it so.
    OldInvalidOracle,
    /// A Pyth price that is too old.
    PythStale,
    /// A Pyth price that is not fully verified.
    PythUnverified,
    /// An account that is no Pyth price.
    PythInvalid,
    /// A Switchboard feed that is too old.
    SwitchboardStale,
    /// A feed that another program owns.
    SwitchboardOwner,
    /// An account that is no feed.
    SwitchboardInvalid,
    /// A price that is too uncertain.
    Confidence,
    /// Another account than the bank names.
    OracleKeys,
    /// A stake pool without supply.
    StakeSupply,
    /// A stake pool that is not the bank's.
    StakePool,
    /// Staked prices are switched off.
    StakeDisabled,
    /// A fixed price below 0.
    FixedNegative,
    /// The collateral's price is not above 0.
    ZeroAssetPrice,
    /// The debt's price is not above 0.
    ZeroDebtPrice,
    /// The other protocol's account is not the bank's.
    IntegrationInvalid(Integration),
    /// The other protocol's account was not refreshed.
    IntegrationStale(Integration),
    /// What the program reports when another error has no code: internal, invalid setup.
    Internal,
    /// See [`Refusal::Internal`].
    InvalidSetup,
    /// The token program refuses: the vault holds too little.
    VaultEmpty,
    /// Receivership: more is withdrawn than is there.
    WithdrawOnly,
    /// Receivership: the premium is too high.
    PremiumTooHigh,
    /// Receivership: a flag of the account forbids it.
    ReceivershipState,
    /// Receivership: the account names another record.
    NoRecord,
}

/// A protocol whose deposits a bank may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integration {
    /// Kamino's lending program.
    Kamino,
    /// Drift.
    Drift,
    /// Save.
    Save,
    /// Jupiter Lend.
    Jupiter,
}

impl Refusal {
    /// Returns the code that the transaction fails with; -1 for a panic or an error without one.
    #[must_use]
    pub fn code(self, version: Version) -> i64 {
        let (old, new) = self.codes();
        if version.is_old() {
            old
        } else {
            new
        }
    }

    fn codes(self) -> (i64, i64) {
        match self {
            Refusal::Panic => (-1, -1),
            Refusal::ForeignAccount => (3007, 3007),
            Refusal::NoDiscriminator => (3001, 3001),
            Refusal::WrongDiscriminator => (3002, 3002),
            Refusal::OtherGroup => (2001, 6093),
            Refusal::Math => (6000, 6062),
            Refusal::NoDebtBalance => (6002, 6002),
            Refusal::NoBalance => (6020, 6018),
            Refusal::NothingToLiquidate => (6013, 6012),
            Refusal::SameBanks => (6013, 6064),
            Refusal::TooMuchCollateral => (6013, 6065),
            Refusal::NoDebt => (6013, 6066),
            Refusal::DebtHasDeposits => (6013, 6067),
            Refusal::Healthy => (6013, 6068),
            Refusal::DebtExhausted => (6013, 6069),
            Refusal::DebtOverpaid => (6013, 6070),
            Refusal::TooSevere => (6013, 6071),
            Refusal::WorseHealth => (6013, 6072),
            Refusal::LiquidatorMargin => (6010, 6009),
            Refusal::BalancesFull => (6011, 6010),
            Refusal::TooManyIntegrations => (-1, 6073),
            Refusal::IsolatedWithOthers => (6031, 6029),
            Refusal::DepositLimit => (6003, 6003),
            Refusal::BorrowLimit => (6029, 6027),
            Refusal::RepayOnly => (6024, 6022),
            Refusal::Utilization => (6028, 6026),
            Refusal::BankPaused => (6018, 6016),
            Refusal::BankReduceOnly => (6019, 6017),
            Refusal::BankKilled => (-1, 6084),
            Refusal::BankUninitialized => (-1, 6134),
            Refusal::InFlashloan => (6039, 6037),
            Refusal::InReceivership => (-1, 6089),
            Refusal::Frozen => (-1, 6103),
            Refusal::ProtocolPaused => (-1, 6080),
            Refusal::AssetTags => (6049, 6047),
            Refusal::IntegrationDebt => (-1, 6200),
            Refusal::LegacyCurve => (-1, 6015),
            Refusal::NoOracle => (6033, 6031),
            Refusal::OldStaleOracle => (6017, -1),
            Refusal::OldInvalidOracle => (6007, -1),
            Refusal::PythStale => (6017, 6050),
            Refusal::PythUnverified => (6007, 6056),
            Refusal::PythInvalid => (6007, 6060),
            Refusal::SwitchboardStale => (6017, 6049),
            Refusal::SwitchboardOwner => (6007, 6059),
            Refusal::SwitchboardInvalid => (6007, 6061),
            Refusal::Confidence => (-1, 6055),
            Refusal::OracleKeys => (6007, 6052),
            Refusal::StakeSupply => (-1, 6092),
            Refusal::StakePool => (6050, 6048),
            Refusal::StakeDisabled => (-1, 6053),
            Refusal::FixedNegative => (-1, 6100),
            Refusal::ZeroAssetPrice => (-1, 6057),
            Refusal::ZeroDebtPrice => (-1, 6058),
            Refusal::IntegrationInvalid(Integration::Kamino) => (-1, 6210),
            Refusal::IntegrationInvalid(Integration::Drift) => (-1, 6304),
            Refusal::IntegrationInvalid(Integration::Save) => (-1, 6401),
            Refusal::IntegrationInvalid(Integration::Jupiter) => (-1, 6501),
            Refusal::IntegrationStale(Integration::Kamino) => (-1, 6206),
            Refusal::IntegrationStale(Integration::Drift) => (-1, 6322),
            Refusal::IntegrationStale(Integration::Save) => (-1, 6411),
            Refusal::IntegrationStale(Integration::Jupiter) => (-1, 6504),
            Refusal::Internal => (-1, 6000),
            Refusal::InvalidSetup => (6027, 6025),
            Refusal::VaultEmpty => (1, 1),
            Refusal::WithdrawOnly => (6022, 6020),
            Refusal::PremiumTooHigh => (-1, 6090),
            Refusal::ReceivershipState => (-1, 6085),
            Refusal::NoRecord => (-1, 6095),
        }
    }

    /// Returns a short name for people.
    #[must_use]
    pub fn name(self, version: Version) -> String {
        match self {
            Refusal::Healthy => "healthy".to_owned(),
            Refusal::OldStaleOracle
            | Refusal::PythStale
            | Refusal::SwitchboardStale
            | Refusal::IntegrationStale(_) => "stale oracle".to_owned(),
            Refusal::Confidence => "uncertain oracle".to_owned(),
            Refusal::InFlashloan => "in flashloan".to_owned(),
            Refusal::InReceivership => "in receivership".to_owned(),
            Refusal::BankPaused | Refusal::ProtocolPaused => "paused".to_owned(),
            Refusal::LiquidatorMargin => "liquidator lacks margin".to_owned(),
            other => format!("error {}", other.code(version)),
        }
    }
}

/// Turns "no number" into the program's math error.
pub fn math<T>(number: Option<T>) -> Outcome<T> {
    number.ok_or(Refusal::Math)
}
