"""What marginfi's program answers instead of doing it: its error codes (0.1.9) by name."""

from collections.abc import Mapping

REFUSALS: Mapping[int, str] = {
    6002: "LendingAccountBalanceNotFound",
    6003: "BankAssetCapacityExceeded",
    6008: "InvalidBankAccount",
    6009: "RiskEngineInitRejected",
    6010: "LendingAccountBalanceSlotsFull",
    6012: "ZeroLiquidationAmount",
    6013: "IllegalLiquidation",  # of 0.1.1, whose only code for every reason not to liquidate this is
    6016: "BankPaused",
    6017: "StalePrice",  # of 0.1.1; 0.1.9 names reduce-only banks so, which no liquidation meets
    6018: "BankAccountNotFound",
    6020: "OperationWithdrawOnly",
    6022: "OperationRepayOnly",
    6026: "IllegalUtilizationRatio",
    6027: "BankLiabilityCapacityExceeded",
    6029: "IsolatedAccountIllegalState",
    6031: "OracleNotSetup",
    6037: "AccountInFlashloan",
    6038: "IllegalFlashloan",
    6042: "Unauthorized",
    6047: "AssetTagMismatch",
    6048: "StakePoolValidationFailed",
    6049: "StalePrice",  # the program's SwitchboardStalePrice
    6050: "StalePrice",  # the program's PythPushStalePrice
    6051: "WrongNumberOfOracleAccounts",
    6052: "WrongOracleAccountKeys",
    6053: "StakeOraclesDisabled",
    6055: "UncertainPrice",  # the program's OracleMaxConfidenceExceeded
    6056: "PythPushInsufficientVerificationLevel",
    6057: "ZeroAssetPrice",
    6058: "ZeroLiabilityPrice",
    6062: "MathError",
    6064: "SameAssetAndLiabilityBanks",
    6065: "OverliquidationAttempt",
    6066: "NoLiabilitiesInLiabilityBank",
    6067: "AssetsInLiabilityBank",
    6068: "Healthy",  # the program's HealthyAccount
    6069: "ExhaustedLiability",
    6070: "TooSeverePayoff",
    6071: "TooSevereLiquidation",
    6072: "WorseHealthPostLiquidation",
    6073: "IntegrationPositionLimitExceeded",
    6080: "ProtocolPaused",
    6084: "BankKilledByBankruptcy",
    6085: "UnexpectedLiquidationState",
    6086: "StartNotFirst",
    6087: "StartRepeats",
    6088: "EndNotLast",
    6089: "ForbiddenIx",
    6090: "LiquidationPremiumTooHigh",
    6091: "NotAllowedInCPI",
    6092: "ZeroSupplyInStakePool",
    6093: "InvalidGroup",
    6095: "InvalidLiquidationRecord",
    6096: "InvalidLiquidationReceiver",
    6099: "InvalidFeeWallet",
    6100: "FixedOraclePriceNegative",
    6103: "AccountFrozen",
    6134: "BankUninitialized",
    6200: "WrongAssetTagForStandardInstructions",
    6206: "StalePrice",  # the program's ReserveStale: Kamino's reserve was not refreshed in this slot
    6322: "StalePrice",  # the program's DriftSpotMarketStale
    6411: "StalePrice",  # the program's SolendReserveStale
    6504: "StalePrice",  # the program's JuplendLendingStale
}
