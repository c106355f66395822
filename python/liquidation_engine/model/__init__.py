"""0 · The frozen words every stage speaks: candidate, plan, intent, chain record, outcome.

Nothing here does I/O or decides anything. Addresses and signatures are base58 text, amounts whole numbers of the smallest
unit, values micro-USD, time a slot or aware UTC.
"""

from liquidation_engine.model.candidate import Candidate, CandidateReason
from liquidation_engine.model.intent import Intent, SignedTransaction
from liquidation_engine.model.outcome import (
    AlreadyLiquidated,
    Expired,
    GaveUp,
    Healthy,
    Landed,
    LandedFailed,
    Outcome,
    Rejected,
    Unprofitable,
)
from liquidation_engine.model.plan import Plan, PlanKind
from liquidation_engine.model.record import TokenBalance, TransactionRecord

__all__ = [
    "AlreadyLiquidated",
    "Candidate",
    "CandidateReason",
    "Expired",
    "GaveUp",
    "Healthy",
    "Intent",
    "Landed",
    "LandedFailed",
    "Outcome",
    "Plan",
    "PlanKind",
    "Rejected",
    "SignedTransaction",
    "TokenBalance",
    "TransactionRecord",
    "Unprofitable",
]
