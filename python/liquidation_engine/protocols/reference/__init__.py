"""The reference lending program (`docs/reference-program.md`): addresses, accounts, instructions, refusals.

`addresses` finds where things are, `accounts` reads and writes what stands there (`tokens` for SPL's), `instructions`
says what to do with it and `arguments` reads what was said, `refusals` names what the program answers, and `watch`
lists the filters to subscribe to.
"""

from liquidation_engine.protocols.reference.accounts import (
    Account,
    InsuranceFundAccount,
    Leg,
    MarketAccount,
    OracleAccount,
    PositionAccount,
    ReserveAccount,
    ReserveConfig,
    Side,
    decode,
)
from liquidation_engine.protocols.reference.addresses import PROGRAM_ID, SOL_MINT, TOKEN_PROGRAM_ID
from liquidation_engine.protocols.reference.arguments import (
    DecodedInstruction,
    LiquidationResult,
    decode_instruction,
    decode_liquidation,
)
from liquidation_engine.protocols.reference.instructions import ALL, Pair
from liquidation_engine.protocols.reference.refusals import REFUSALS, refusal_name
from liquidation_engine.protocols.reference.watch import ACCOUNT_FILTERS, AccountFilter

__all__ = [
    "ACCOUNT_FILTERS",
    "ALL",
    "PROGRAM_ID",
    "REFUSALS",
    "SOL_MINT",
    "TOKEN_PROGRAM_ID",
    "Account",
    "AccountFilter",
    "DecodedInstruction",
    "InsuranceFundAccount",
    "Leg",
    "LiquidationResult",
    "MarketAccount",
    "OracleAccount",
    "Pair",
    "PositionAccount",
    "ReserveAccount",
    "ReserveConfig",
    "Side",
    "decode",
    "decode_instruction",
    "decode_liquidation",
    "refusal_name",
]
