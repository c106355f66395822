"""Save (Solend): which accounts to watch, what their bytes name, and the instructions of a liquidation.

`watch` finds positions and says which accounts a question about one needs, `accounts` reads the addresses in them,
`instructions` builds each instruction, `transaction` puts a liquidation in its order, flash loan included, and `program`
offers it in the shape of all protocols. What the program will do is arithmetic and comes from `protocols.get("save")`.
"""

from liquidation_engine.protocols.save.accounts import Market, Obligation, Reserve
from liquidation_engine.protocols.save.addresses import NO_ORACLE, PROGRAM_ID, market_authority
from liquidation_engine.protocols.save.bookkeeping import SaveBookkeeping
from liquidation_engine.protocols.save.program import SaveProgram
from liquidation_engine.protocols.save.transaction import flash_fee

PROGRAM, BOOKKEEPING = SaveProgram(), SaveBookkeeping()

__all__ = [
    "BOOKKEEPING",
    "NO_ORACLE",
    "PROGRAM",
    "PROGRAM_ID",
    "Market",
    "Obligation",
    "Reserve",
    "SaveProgram",
    "flash_fee",
    "market_authority",
]
