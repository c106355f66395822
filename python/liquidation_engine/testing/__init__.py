"""Doubles for tests of the engine and of what is built on it: a chain, a market, a database and a stream in memory, time by hand.

They stand beside the adapters and fit the protocols of `execute.ports`, `execute.pool` and `detect.candidates`. Each keeps the rules of
what it stands for (one live intent per position, a fence, a transaction that lands at most once) and notes calls in a `Journal`,
so that a test can state their order.
"""

from liquidation_engine.testing.builders import (
    candidate,
    intent,
    landed_record,
    plan,
    quote,
    reading,
    signed,
    view,
)
from liquidation_engine.testing.chain import FakeChain, Lands
from liquidation_engine.testing.database import MemoryDatabase
from liquidation_engine.testing.journal import Journal, MemoryLeases, RecordedStages
from liquidation_engine.testing.lending import FakeLending
from liquidation_engine.testing.observed import FakeTransactions, MemoryObserved, observed
from liquidation_engine.testing.stream import MemoryEntry, MemoryStream
from liquidation_engine.testing.time import ManualClock, VirtualTimeLoop

__all__ = [
    "FakeChain",
    "FakeLending",
    "FakeTransactions",
    "Journal",
    "Lands",
    "ManualClock",
    "MemoryDatabase",
    "MemoryEntry",
    "MemoryLeases",
    "MemoryObserved",
    "MemoryStream",
    "RecordedStages",
    "VirtualTimeLoop",
    "candidate",
    "intent",
    "landed_record",
    "observed",
    "plan",
    "quote",
    "reading",
    "signed",
    "view",
]
