"""What Kamino's program answers instead of doing it: its error codes by name."""

from collections.abc import Mapping

REFUSALS: Mapping[int, str] = {
    6003: "InvalidAmount",
    6006: "InvalidAccountInput",
    6007: "MathOverflow",
    6009: "StalePrice",  # the program's ReserveStale: not refreshed in this slot, or its price may not be used
    6015: "LiquidationTooSmall",
    6016: "Healthy",  # the program's ObligationHealthy
    6017: "StalePrice",  # the program's ObligationStale: the same of any of its reserves
    6022: "ObligationDepositsZero",
    6023: "ObligationBorrowsZero",
    6024: "InvalidObligationCollateral",
    6025: "InvalidObligationLiquidity",
    6026: "ObligationCollateralEmpty",
    6027: "ObligationLiquidityEmpty",
    6028: "NegativeInterestRate",
    6029: "InvalidOracleConfig",
    6031: "FlashBorrowCpi",
    6032: "NoFlashRepayFound",
    6033: "InvalidFlashRepay",
    6035: "MultipleFlashBorrows",
    6039: "PriceTooOld",
    6042: "GlobalEmergencyMode",
    6044: "StalePrice",  # the program's PriceNotValid: no oracle gave a price
    6051: "IncorrectInstructionInPosition",
    6053: "InvalidTwapConfig",
    6066: "SeizeBelowMinimum",  # the program's LiquidationRewardTooSmall
    6068: "InconsistentElevationGroup",
    6073: "ReserveDeprecated",
    6080: "CpiDisabled",
    6082: "ReserveObsolete",
    6087: "CollateralNonLiquidatable",
    6099: "BorrowFactorPriority",
    6100: "LowestLiquidationLtvPriority",
    6120: "FarmAccountsMissing",
    6121: "RepayTooSmallForFullLiquidation",
    6122: "InsufficientRepayAmount",
}
