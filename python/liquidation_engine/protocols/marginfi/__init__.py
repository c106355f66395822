"""The lending program marginfi v2: where its accounts are, which to watch, instructions in the order that it demands.

Between `chain/`, which moves the bytes, and `execute/`, which decides. What a liquidation gives is Rust's to say
(`liquidation_engine.protocols.get("marginfi")`); `flash` puts one into a transaction that needs no funds of its own.
"""

from liquidation_engine.protocols.marginfi.accounts import Balance, Bank, MarginAccount
from liquidation_engine.protocols.marginfi.addresses import GROUP, PROGRAM_ID
from liquidation_engine.protocols.marginfi.flash import Liquidation
from liquidation_engine.protocols.marginfi.observations import Observer

__all__ = ["GROUP", "PROGRAM_ID", "Balance", "Bank", "Liquidation", "MarginAccount", "Observer"]
