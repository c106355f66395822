"""A market in memory: answers with the readings it was given, then says that the position is healthy."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TypeVar

from liquidation_engine.model import (
    Candidate,
    ChainRoles,
    Plan,
    Reading,
    SignedTransaction,
    Simulated,
    TransactionRecord,
)
from liquidation_engine.testing.builders import AUTHORITY, SOL, SOL_FUND, WALLET, reading, signed
from liquidation_engine.testing.journal import Journal

Answer = TypeVar("Answer")

HEALTHY = reading(quotes=(), refusal="Healthy")


class FakeLending:
    """Fits `execute.ports.Lending`. Exceptions among `readings` and `simulations` are raised in their turn."""

    program = "program"
    error_names: Mapping[int, str] = {6011: "Healthy", 6012: "SeizeBelowMinimum", 6013: "VersionMismatch"}
    roles = ChainRoles(wallet=WALLET, market_authorities=frozenset({AUTHORITY}), funds={SOL_FUND: SOL})

    def __init__(
        self,
        readings: Iterable[Reading | Exception] = (),
        *,
        simulations: Iterable[Simulated | Exception] = (),
        refuses_to_sign: Exception | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.readings, self.simulations = list(readings), list(simulations)
        self.refuses_to_sign = refuses_to_sign
        self.journal = Journal() if journal is None else journal
        self.read_at: list[int] = []  # the least slot asked for, of each read
        self.signed: list[SignedTransaction] = []
        self.bids: list[int] = []  # the attempt that each signature was for

    async def read(self, candidate: Candidate, *, min_context_slot: int) -> Reading:
        """Return the next reading; healthy where none is left."""
        self.journal.append("read")
        await asyncio.sleep(0)  # a network call lets others go on
        self.read_at.append(min_context_slot)
        return _next(self.readings, HEALTHY)

    async def simulate(self, plan: Plan, *, min_context_slot: int) -> Simulated:
        """Return the next simulation; success where none is left."""
        self.journal.append("simulate")
        return _next(self.simulations, Simulated(error=None, logs=(), units=70_000))

    async def sign(self, plan: Plan, *, units: int, attempt: int) -> SignedTransaction:
        """Return a new signature: signature-1, signature-2, ..."""
        self.journal.append("sign")
        if self.refuses_to_sign is not None:
            raise self.refuses_to_sign
        made = signed(f"signature-{len(self.signed) + 1}")
        self.signed.append(made)
        self.bids.append(attempt)
        return made

    def fee_estimate_lamports(self, attempt: int) -> int:
        """Return 5 200 lamports, 780 micro-USD."""
        return 5_200

    def written_off(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return nothing."""
        return {}

    def is_full(self, record: TransactionRecord, plan: Plan) -> bool:
        """Return what the plan expects."""
        return plan.is_full_liquidation

    def covered(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return nothing."""
        return {}


def _next(answers: list[Answer | Exception], default: Answer) -> Answer:
    answer = answers.pop(0) if answers else default
    if isinstance(answer, Exception):
        raise answer
    return answer
