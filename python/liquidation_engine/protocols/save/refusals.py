"""What Save's program answers instead of doing it: its error codes by name."""

from collections.abc import Mapping

REFUSALS: Mapping[int, str] = {
    4: "InvalidMarketOwner",
    5: "InvalidAccountOwner",
    6: "InvalidTokenOwner",
    7: "InvalidTokenAccount",
    8: "InvalidTokenMint",
    9: "InvalidTokenProgram",
    10: "InvalidAmount",
    13: "InvalidAccountInput",
    14: "MathOverflow",
    17: "TokenTransferFailed",
    18: "TokenMintToFailed",
    19: "TokenBurnFailed",
    20: "InsufficientLiquidity",
    22: "ReserveStale",
    28: "LiquidationTooSmall",
    29: "Healthy",  # the program's ObligationHealthy
    30: "ObligationStale",
    33: "ObligationDepositsEmpty",
    34: "ObligationBorrowsEmpty",
    35: "ObligationDepositsZero",
    36: "ObligationBorrowsZero",
    37: "InvalidObligationCollateral",
    38: "InvalidObligationLiquidity",
    39: "ObligationCollateralEmpty",
    40: "ObligationLiquidityEmpty",
    41: "NegativeInterestRate",
    42: "StalePrice",  # the program's InvalidOracleConfig: no oracle gave a price, mostly because it is too old
    47: "FlashBorrowCpi",
    48: "NoFlashRepayFound",
    49: "InvalidFlashRepay",
    51: "MultipleFlashBorrows",
    52: "FlashLoansDisabled",
    54: "OutflowRateLimitExceeded",
    55: "NotWhitelistedLiquidator",
}
