"""Kamino Lend (KLend): which accounts to watch, what their bytes name, and the instructions of a liquidation.

`watch` finds positions and says which accounts a question about one needs, `accounts` reads the addresses in them, `instructions`
builds each instruction, `farms` those that keep rewards in step, `transaction` puts a liquidation in its order, flash loan included,
and `program` offers it in the shape of all protocols. What the program will do is arithmetic and comes from `protocols.get("kamino")`.
"""

from liquidation_engine.protocols.kamino.accounts import Market, Obligation, Reserve
from liquidation_engine.protocols.kamino.addresses import PROGRAM_ID, market_authority
from liquidation_engine.protocols.kamino.bookkeeping import KaminoBookkeeping
from liquidation_engine.protocols.kamino.program import KaminoProgram
from liquidation_engine.protocols.kamino.transaction import flash_fee

PROGRAM, BOOKKEEPING = KaminoProgram(), KaminoBookkeeping()

__all__ = [
    "BOOKKEEPING",
    "PROGRAM",
    "PROGRAM_ID",
    "KaminoProgram",
    "Market",
    "Obligation",
    "Reserve",
    "flash_fee",
    "market_authority",
]
