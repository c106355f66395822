//! Every refusal of the reference program, with the code that a transaction shows.

/// Why an instruction or a calculation was refused; the discriminant is the on-chain code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Error {
    /// The instruction's data is not of the named form.
    InvalidInstruction = 6000,
    /// An account is missing, of the wrong kind or malformed, or belongs to another market.
    InvalidAccount = 6001,
    /// An account is owned by another program, or a position or token account by another key.
    InvalidOwner = 6002,
    /// A required signature is missing.
    MissingSigner = 6003,
    /// An account is not at its derived address.
    InvalidAddress = 6004,
    /// A mint is not the reserve's, or not a mint.
    InvalidMint = 6005,
    /// A reserve's parameters cannot work together.
    InvalidConfig = 6006,
    /// A product or sum does not fit its type.
    Overflow = 6007,
    /// The account to be created exists.
    AlreadyInitialized = 6008,
    /// The market is paused.
    Paused = 6009,
    /// The position was liquidated since the caller looked.
    VersionMismatch = 6010,
    /// The position is not liquidatable.
    Healthy = 6011,
    /// A price is missing or too old.
    StalePrice = 6012,
    /// A price's confidence interval is too wide.
    UncertainPrice = 6013,
    /// The liquidator would receive less than asked for.
    SeizeBelowMinimum = 6014,
    /// The amount is zero, or rounds to nothing.
    AmountTooSmall = 6015,
    /// The rest would be below the dust limit.
    DustLeft = 6016,
    /// The position would not be covered by its collateral's loan-to-value.
    ExceedsLtv = 6017,
    /// A position has no room for another leg.
    TooManyLegs = 6018,
    /// The position has no leg of this reserve.
    LegNotFound = 6019,
    /// The position's leg of this reserve is on the other side.
    WrongSide = 6020,
    /// Bad debt cannot be written off while collateral is left.
    StillCollateralised = 6021,
    /// No bad debt is left to cover, or the fund is empty.
    NothingToCover = 6022,
    /// A position with legs cannot be closed.
    PositionNotEmpty = 6023,
}

impl Error {
    /// Every refusal, in the order of the codes.
    pub const ALL: [Error; 24] = [
        Error::InvalidInstruction,
        Error::InvalidAccount,
        Error::InvalidOwner,
        Error::MissingSigner,
        Error::InvalidAddress,
        Error::InvalidMint,
        Error::InvalidConfig,
        Error::Overflow,
        Error::AlreadyInitialized,
        Error::Paused,
        Error::VersionMismatch,
        Error::Healthy,
        Error::StalePrice,
        Error::UncertainPrice,
        Error::SeizeBelowMinimum,
        Error::AmountTooSmall,
        Error::DustLeft,
        Error::ExceedsLtv,
        Error::TooManyLegs,
        Error::LegNotFound,
        Error::WrongSide,
        Error::StillCollateralised,
        Error::NothingToCover,
        Error::PositionNotEmpty,
    ];

    /// Returns the code that a failed transaction shows as `Custom(code)`.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Returns the refusal with this code.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Error> {
        let place = usize::try_from(code.checked_sub(6000)?).ok()?;
        Self::ALL.get(place).copied()
    }

    /// Returns the name in the IDL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Error::InvalidInstruction => "InvalidInstruction",
            Error::InvalidAccount => "InvalidAccount",
            Error::InvalidOwner => "InvalidOwner",
            Error::MissingSigner => "MissingSigner",
            Error::InvalidAddress => "InvalidAddress",
            Error::InvalidMint => "InvalidMint",
            Error::InvalidConfig => "InvalidConfig",
            Error::Overflow => "Overflow",
            Error::AlreadyInitialized => "AlreadyInitialized",
            Error::Paused => "Paused",
            Error::VersionMismatch => "VersionMismatch",
            Error::Healthy => "Healthy",
            Error::StalePrice => "StalePrice",
            Error::UncertainPrice => "UncertainPrice",
            Error::SeizeBelowMinimum => "SeizeBelowMinimum",
            Error::AmountTooSmall => "AmountTooSmall",
            Error::DustLeft => "DustLeft",
            Error::ExceedsLtv => "ExceedsLtv",
            Error::TooManyLegs => "TooManyLegs",
            Error::LegNotFound => "LegNotFound",
            Error::WrongSide => "WrongSide",
            Error::StillCollateralised => "StillCollateralised",
            Error::NothingToCover => "NothingToCover",
            Error::PositionNotEmpty => "PositionNotEmpty",
        }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl core::error::Error for Error {}
