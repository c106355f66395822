"""Guards, intents and failures in memory, under the rules that Postgres keeps: a fence per position, one live intent, closed once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from liquidation_engine.clock import Clock
from liquidation_engine.model import (
    Claim,
    Expired,
    FenceLost,
    Intent,
    IntentRefusal,
    KillSwitchOn,
    Landed,
    LandedFailed,
    LiveIntentExists,
    Plan,
    Settlement,
    SignedTransaction,
)
from liquidation_engine.testing.journal import Journal
from liquidation_engine.testing.time import ManualClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """How an intent ended, with its books."""

    intent: Intent
    outcome: Landed | LandedFailed | Expired
    books: Settlement
    retry_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One row of an ending without a landed transaction."""

    position: str
    candidate_id: str | None
    outcome: str
    error_message: str
    slot: int | None
    details: Mapping[str, object]


class MemoryDatabase:
    """Fits `execute.ports.Guards`, `Intents` and `Failures` at once."""

    def __init__(self, *, clock: Clock | None = None, journal: Journal | None = None) -> None:
        self._clock = ManualClock() if clock is None else clock
        self.journal = Journal() if journal is None else journal
        self.guards: dict[str, Claim] = {}
        self.intents: list[Intent] = []
        self.closed: list[Closed] = []
        self.failures: list[Failure] = []
        self.stopped: str | None = None  # the kill switch's reason

    async def claim(self, position: str, instance_id: str) -> Claim:
        """Raise the position's fence and return its guard."""
        self.journal.append("claim")
        held = self.guard(position)
        self.guards[position] = replace(held, fence=held.fence + 1)
        resting = held.backoff_until is not None and held.backoff_until > self._clock.now()
        return replace(self.guards[position], live=self.live_of(position), resting=resting)

    async def back_off(self, position: str, *, failures_add: int, rest: timedelta, reason: str) -> None:
        """Let the position rest."""
        self.journal.append("back_off")
        held = self.guard(position)
        self.guards[position] = replace(
            held, failures=held.failures + failures_add, backoff_until=self._clock.now() + rest, backoff_reason=reason
        )

    async def clear_back_off(self, position: str) -> None:
        """Forget the failures in a row."""
        self.journal.append("clear_back_off")
        self.guards[position] = replace(self.guard(position), failures=0, backoff_until=None, backoff_reason=None)

    async def in_back_off_or_live(self, positions: Sequence[str]) -> set[str]:
        """Return the positions that need no candidate now."""
        now = self._clock.now()
        resting = {p for p in positions if (until := self.guard(p).backoff_until) is not None and until > now}
        return resting | {p for p in positions if self.live_of(p) is not None}

    async def attempts_for(self, position: str, state_digest: str) -> int:
        """Return how many intents there were for a state of the position."""
        return sum(i.position == position and i.plan.state_digest == state_digest for i in self.intents)

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
        """Write an intent down, or say why not."""
        self.journal.append("intent")
        if self.stopped is not None:
            return KillSwitchOn(self.stopped)
        if self.guard(position).fence != fence:
            return FenceLost(found=self.guard(position).fence, expected=fence)
        if self.live_of(position) is not None:
            return LiveIntentExists()
        made = Intent(
            id=len(self.intents) + 1,
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
        self.intents.append(made)
        return made

    async def unfinal_signatures(self, position: str) -> list[str]:
        """Return what of a position landed: nothing ever becomes final here."""
        return [
            closed.intent.signed.signature
            for closed in self.closed
            if closed.intent.position == position and isinstance(closed.outcome, Landed | LandedFailed)
        ]

    async def mark_accepted(self, intent_id: int, at: datetime) -> None:
        """Note when a node first accepted the bytes."""
        self.journal.append("mark_accepted")
        self.intents = [replace(i, accepted_at=at) if i.id == intent_id else i for i in self.intents]

    async def live(self, *, older_than_seconds: float, limit: int, excluding: Collection[int] = ()) -> list[Intent]:
        """Return live intents of some age, but for those excluded by id."""
        now = self._clock.now()
        old = [i for i in self.intents if (now - i.created_at).total_seconds() >= older_than_seconds]
        return [i for i in old if self._is_live(i) and i.id not in excluding][:limit]

    async def close(
        self, intent: Intent, outcome: Landed | LandedFailed | Expired, books: Settlement, retry_count: int
    ) -> bool:
        """Close a live intent with its books; False where somebody else has."""
        self.journal.append("close")
        if not self._is_live(intent):
            return False
        self.closed.append(Closed(intent=intent, outcome=outcome, books=books, retry_count=retry_count))
        held = self.guard(intent.position)
        settled = max(held.last_settled_slot, books.slot)
        self.guards[intent.position] = replace(held, last_settled_slot=settled, attempts=held.attempts + 1)
        return True

    async def load(self, intent_id: int) -> Intent:
        """Return an intent, whatever its state."""
        return next(intent for intent in self.intents if intent.id == intent_id)

    async def resettle(
        self, intent: Intent, outcome: Landed | LandedFailed, books: Settlement, retry_count: int
    ) -> bool:
        """Put other books in the place of those that an intent was closed with."""
        self.closed = [one for one in self.closed if one.intent.id != intent.id]
        self.closed.append(Closed(intent=intent, outcome=outcome, books=books, retry_count=retry_count))
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
        """Write down an ending that never became a landed transaction."""
        self.journal.append("record_failure")
        self.failures.append(
            Failure(
                position=position,
                candidate_id=candidate_id,
                outcome=outcome,
                error_message=error_message,
                slot=slot,
                details=details,
            )
        )

    def guard(self, position: str) -> Claim:
        """Return a position's guard row."""
        unclaimed = Claim(
            position=position,
            fence=0,
            last_settled_slot=0,
            attempts=0,
            failures=0,
            backoff_until=None,
            resting=False,
            backoff_reason=None,
            live=None,
        )
        return self.guards.get(position, unclaimed)

    def live_of(self, position: str) -> Intent | None:
        """Return the position's live intent."""
        return next((i for i in self.intents if i.position == position and self._is_live(i)), None)

    def _is_live(self, intent: Intent) -> bool:
        return all(closed.intent.id != intent.id for closed in self.closed)
