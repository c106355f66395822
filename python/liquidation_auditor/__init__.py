"""The independent judge of a run: works from the chain's recording and the database, shares no code with the engine.

`recording` reads what the chain saw, `decode` and `arithmetic` restate the lending program in plain integers,
`chain_walk` finds who was liquidatable when, `vm` asks the recorded program itself and re-executes every transaction,
`duplicates` looks through the send log, `books` holds the database against the chain, `judge` runs it all and `report`
is the verdict. Nothing comes after it: it writes to neither source.
"""

from liquidation_auditor.judge import audit
from liquidation_auditor.report import Report

__all__ = ["Report", "audit"]
