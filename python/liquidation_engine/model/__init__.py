"""0 · The frozen words every stage speaks: candidate, plan, intent, chain record, outcome.

Nothing here does I/O or decides anything. Addresses and signatures are base58 text, amounts whole numbers of the smallest
unit, values micro-USD, time a slot or aware UTC.
"""

from liquidation_engine.model.candidate import Candidate, CandidateReason
from liquidation_engine.model.claim import Claim, FenceLost, IntentRefusal, KillSwitchOn, LiveIntentExists, Skipped
from liquidation_engine.model.instance import NOTHING_DONE, Activity, InstanceState, instance_state
from liquidation_engine.model.intent import Intent, SignedTransaction
from liquidation_engine.model.observed import ObservedLiquidation
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
    outcome_name,
)
from liquidation_engine.model.plan import Plan, PlanKind
from liquidation_engine.model.reading import PairQuote, PositionView, Reading, Simulated
from liquidation_engine.model.record import TokenBalance, TransactionRecord
from liquidation_engine.model.settlement import (
    NATIVE,
    BadDebtEntry,
    ChainRoles,
    FundEntry,
    LedgerEntry,
    Settlement,
    Unfinal,
)

__all__ = [
    "NATIVE",
    "NOTHING_DONE",
    "Activity",
    "AlreadyLiquidated",
    "BadDebtEntry",
    "Candidate",
    "CandidateReason",
    "ChainRoles",
    "Claim",
    "Expired",
    "FenceLost",
    "FundEntry",
    "GaveUp",
    "Healthy",
    "InstanceState",
    "Intent",
    "IntentRefusal",
    "KillSwitchOn",
    "Landed",
    "LandedFailed",
    "LedgerEntry",
    "LiveIntentExists",
    "ObservedLiquidation",
    "Outcome",
    "PairQuote",
    "Plan",
    "PlanKind",
    "PositionView",
    "Reading",
    "Rejected",
    "Settlement",
    "SignedTransaction",
    "Simulated",
    "Skipped",
    "TokenBalance",
    "TransactionRecord",
    "Unfinal",
    "Unprofitable",
    "instance_state",
    "outcome_name",
]
