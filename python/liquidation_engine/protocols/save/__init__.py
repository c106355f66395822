"""Save (Solend): which accounts to watch, what their bytes name, and the instructions of a liquidation.

`watch` finds positions and says which accounts a question about one needs, `accounts` reads the addresses in them,
`instructions` builds each instruction, `transaction` puts a liquidation in its order, flash loan included. What the
program will do is arithmetic and comes from `protocols.get("save")`.
"""

from liquidation_engine.protocols.save.accounts import Market, Obligation, Reserve
from liquidation_engine.protocols.save.addresses import NO_ORACLE, PROGRAM_ID, market_authority
from liquidation_engine.protocols.save.transaction import Wallet, flash_fee, liquidation
from liquidation_engine.protocols.save.watch import FILTERS, needed

__all__ = [
    "FILTERS",
    "NO_ORACLE",
    "PROGRAM_ID",
    "Market",
    "Obligation",
    "Reserve",
    "Wallet",
    "flash_fee",
    "liquidation",
    "market_authority",
    "needed",
]
