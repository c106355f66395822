"""The lending program marginfi v2: where its accounts are, which to watch, instructions in the order that it demands.

Between `chain/`, which moves the bytes, and `execute/`, which decides. `watch` finds margin accounts and what a question about one
needs, `accounts` reads the addresses in them, `instructions` and `receivership` build each instruction, `transaction` puts a
liquidation in its order, flash loan included, and `program` offers it in the shape of all protocols. What a liquidation gives is
Rust's to say (`liquidation_engine.protocols.get("marginfi")`).
"""

from liquidation_engine.protocols.marginfi.accounts import Balance, Bank, MarginAccount
from liquidation_engine.protocols.marginfi.addresses import GROUP, PROGRAM_ID
from liquidation_engine.protocols.marginfi.bookkeeping import MarginfiBookkeeping
from liquidation_engine.protocols.marginfi.observations import Observer
from liquidation_engine.protocols.marginfi.program import MarginfiProgram
from liquidation_engine.protocols.marginfi.watch import observer_of

PROGRAM, BOOKKEEPING = MarginfiProgram(), MarginfiBookkeeping()

__all__ = [
    "BOOKKEEPING",
    "GROUP",
    "PROGRAM",
    "PROGRAM_ID",
    "Balance",
    "Bank",
    "MarginAccount",
    "MarginfiProgram",
    "Observer",
    "observer_of",
]
