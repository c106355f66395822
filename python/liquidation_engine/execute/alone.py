"""Guards, intents and failures of one run without a database: one intent at most, and its books only to be shown.

Nothing here is known to any other process: what keeps two engines from liquidating the same position is not there.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from liquidation_engine.clock import Clock
from liquidation_engine.model import (
    Claim,
    Expired,
    Intent,
    IntentRefusal,
    Landed,
    LandedFailed,
    LiveIntentExists,
    Plan,
    Settlement,
    SignedTransaction,
)


class Alone:
    """Fits `Guards`, `Intents` and `Failures` for one position and one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.intent: Intent | None = None
        self.books: Settlement | None = None

    async def claim(self, position: str, instance_id: str) -> Claim:
        """Return a guard that nobody has touched."""
        return Claim(
            position=position,
            fence=1,
            last_settled_slot=0 if self.books is None else self.books.slot,
            attempts=0,
            failures=0,
            backoff_until=None,
            resting=False,
            backoff_reason=None,
            live=self.intent if self.books is None else None,
        )

    async def back_off(self, position: str, *, failures_add: int, rest: timedelta, reason: str) -> None:
        """Remember nothing: the process ends."""

    async def clear_back_off(self, position: str) -> None:
        """Remember nothing: the process ends."""

    async def attempts_for(self, position: str, state_digest: str) -> int:
        """Return how many intents there were."""
        return 0 if self.intent is None else 1

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
    ) -> Intent | IntentRefusal:
        """Take the one intent; a second one is refused."""
        if self.intent is not None:
            return LiveIntentExists()
        self.intent = Intent(
            id=1,
            position=position,
            fence=fence,
            candidate_id=candidate_id,
            attempt=attempt,
            plan=plan,
            signed=signed,
            instance_id=instance_id,
            first_seen_at=first_seen_at,
            created_at=self._clock.now(),
            accepted_at=None,
        )
        return self.intent

    async def unfinal_signatures(self, position: str) -> list[str]:
        """Return nothing: there was no earlier transaction that is known."""
        return []

    async def mark_accepted(self, intent_id: int, at: datetime) -> None:
        """Remember nothing."""

    async def live(self, *, older_than_seconds: float, limit: int, excluding: Collection[int] = ()) -> list[Intent]:
        """Return nothing: only `claim` finds the one intent."""
        return []

    async def close(
        self, intent: Intent, outcome: Landed | LandedFailed | Expired, books: Settlement, retry_count: int
    ) -> bool:
        """Keep the books to be shown."""
        self.books = books
        return True

    async def load(self, intent_id: int) -> Intent:
        """Return the intent."""
        assert self.intent is not None
        return self.intent

    async def resettle(
        self, intent: Intent, outcome: Landed | LandedFailed, books: Settlement, retry_count: int
    ) -> bool:
        """Keep the later books."""
        self.books = books
        return True

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
    ) -> None:
        """Remember nothing: the outcome is what the command ends with."""
