"""What execution needs of the world. Adapters fit these; tests pass small fakes."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from liquidation_engine.model import (
    Candidate,
    ChainRoles,
    Claim,
    Expired,
    Intent,
    IntentRefusal,
    Landed,
    LandedFailed,
    Plan,
    Reading,
    Settlement,
    SignedTransaction,
    Simulated,
    TransactionRecord,
)


class Guards(Protocol):
    """The guard rows."""

    async def claim(self, position: str, instance_id: str) -> Claim: ...
    async def back_off(self, position: str, *, failures_add: int, rest: timedelta, reason: str) -> None: ...
    async def clear_back_off(self, position: str) -> object: ...


class Intents(Protocol):
    """The intents: created only under one's own fence, closed once by anyone."""

    async def attempts_for(self, position: str, state_digest: str) -> int: ...
    async def insert(
        self,
        *,
        position: str,
        fence: int,
        candidate_id: str,
        plan: Plan,
        signed: SignedTransaction,
        attempt: int,
        instance_id: str,
        first_seen_at: datetime,
    ) -> Intent | IntentRefusal: ...
    async def unfinal_signatures(self, position: str) -> list[str]:
        """Return what of a position is booked as landed, well or failed, and may still vanish."""
        ...

    async def mark_accepted(self, intent_id: int, at: datetime) -> None: ...
    async def live(self, *, older_than_seconds: float, limit: int, excluding: Collection[int] = ()) -> list[Intent]: ...
    async def close(
        self, intent: Intent, outcome: Landed | LandedFailed | Expired, books: Settlement, retry_count: int
    ) -> bool: ...
    async def load(self, intent_id: int) -> Intent: ...
    async def resettle(
        self, intent: Intent, outcome: Landed | LandedFailed, books: Settlement, retry_count: int
    ) -> bool: ...


class Failures(Protocol):
    """The rows of endings that never became a landed transaction."""

    async def record(
        self,
        position: str,
        *,
        candidate_id: str | None,
        outcome: str,
        error_message: str,
        retry_count: int,
        slot: int | None,
        details: Mapping[str, object],
    ) -> None: ...


class Lending(Protocol):
    """One protocol's market: reads positions, builds and simulates transactions, values what moved."""

    program: str
    error_names: Mapping[int, str]
    roles: ChainRoles

    async def read(self, candidate: Candidate, *, min_context_slot: int) -> Reading: ...
    async def simulate(self, plan: Plan, *, min_context_slot: int) -> Simulated: ...
    async def sign(self, plan: Plan, *, units: int, attempt: int) -> SignedTransaction: ...
    def fee_estimate_lamports(self, attempt: int) -> int: ...
    def written_off(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return debt mint -> tokens that became bad debt in this transaction."""
        ...

    def is_full(self, record: TransactionRecord, plan: Plan) -> bool:
        """Tell whether the debt leg is gone after this transaction."""
        ...

    def covered(self, record: TransactionRecord, plan: Plan) -> Mapping[str, int]:
        """Return debt mint -> tokens that the insurance fund paid in this transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Executed:
    """The chain executed the transaction."""

    slot: int
    error: object | None


class NotExecuted(Enum):
    """What is known of a transaction that no node has seen executed."""

    MAY_LAND = "may still land"
    CANNOT_LAND = "can land no more"  # finalized height beyond, and afterwards unknown to the same endpoint


class Chain(Protocol):
    """Sending, and finding out."""

    async def send(self, transaction: bytes) -> str: ...
    async def wait(self, signature: str, *, expires_above: int, timeout_seconds: float) -> Executed | None: ...
    async def fate(self, signature: str, *, expires_above: int) -> Executed | NotExecuted: ...
    async def record(self, signature: str) -> TransactionRecord | None: ...
    async def all_known(self, signatures: Sequence[str]) -> bool:
        """Tell whether the chain, as it is now, holds every one of these transactions."""
        ...


class Stages(Protocol):
    """Times a stage, and is where fault tests end the process."""

    def stage(self, name: str, position: str) -> AbstractContextManager[None]: ...
    def observe(self, name: str, position: str, milliseconds: float) -> None: ...


Leases = Callable[[str], Awaitable[AbstractAsyncContextManager[object] | None]]
