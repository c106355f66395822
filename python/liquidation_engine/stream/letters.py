"""The dead letters, for the operator: look at them, publish them again, throw them away.

A dead letter stops a message, never a position: the scanner goes on publishing whatever is still liquidatable and not in back-off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import cast

from redis.asyncio import Redis

from liquidation_engine.errors import DecodeError
from liquidation_engine.model import Candidate
from liquidation_engine.redis_keys import CANDIDATES, DEAD_LETTERS, dedupe_marker
from liquidation_engine.stream.codec import as_manual, decode
from liquidation_engine.stream.connection import translated
from liquidation_engine.stream.ids import published_at
from liquidation_engine.stream.producer import CandidateProducer

Row = tuple[bytes, Mapping[bytes, bytes]]

_PREFIX = "dead_"  # of the fields that were added to the candidate's own


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One entry of `liq:deadletter`. `candidate` is None where the fields are not one of this release's."""

    id: str
    at: datetime
    reason: str
    consumer: str
    deliveries: int
    position: str | None
    candidate: Candidate | None
    fields: Mapping[str, str]  # as they were on the stream


class Retried(Enum):
    """How publishing a dead letter again ended."""

    PUBLISHED = "published"
    QUEUED = "queued"  # the same need was published moments ago: nothing to add
    NO_ROOM = "no_room"  # the stream is full, the letter stays
    MALFORMED = "malformed"  # it is no candidate, and publishing it again would only bring it back


class DeadLetters:
    """The operator's end of `liq:deadletter`."""

    def __init__(self, redis: Redis, producer: CandidateProducer) -> None:
        """Take the producer that publishes again, so that the queue's rules hold for it too."""
        self._redis = redis
        self._producer = producer

    async def newest(self, limit: int) -> list[DeadLetter]:
        """Return the latest letters, the newest first."""
        with translated(f"read {DEAD_LETTERS}"):
            rows = await self._redis.xrevrange(DEAD_LETTERS, count=limit)
        return [_letter(*row) for row in cast("list[Row]", rows)]

    async def count(self) -> int:
        """Return how many there are."""
        with translated(f"count {DEAD_LETTERS}"):
            return int(await self._redis.xlen(DEAD_LETTERS))

    async def get(self, letter_id: str) -> DeadLetter | None:
        """Return one letter, None where there is none by this id."""
        with translated(f"read {DEAD_LETTERS}"):
            rows = await self._redis.xrange(DEAD_LETTERS, letter_id, letter_id, count=1)
        return _letter(*cast("list[Row]", rows)[0]) if rows else None

    async def retry(self, letter: DeadLetter) -> Retried:
        """Publish its candidate again and remove the letter; in this order, so that a crash in between loses nothing."""
        if letter.candidate is None:
            return Retried.MALFORMED
        (published,) = await self._producer.publish_each([as_manual(letter.candidate)])
        if not published and not await self._marked(letter.candidate):
            return Retried.NO_ROOM
        await self.drop(letter.id)
        return Retried.PUBLISHED if published else Retried.QUEUED

    async def drop(self, letter_id: str) -> bool:
        """Throw a letter away; return False where there is none by this id."""
        with translated(f"remove a letter of {DEAD_LETTERS}"):
            return bool(await self._redis.xdel(DEAD_LETTERS, letter_id))

    async def _marked(self, candidate: Candidate) -> bool:
        with translated(f"look for a marker of {CANDIDATES}"):
            return bool(await self._redis.exists(dedupe_marker(candidate.id)))


def _letter(stream_id: bytes, raw: Mapping[bytes, bytes]) -> DeadLetter:
    added = {
        name[len(_PREFIX) :]: _text(value) for key, value in raw.items() if (name := _text(key)).startswith(_PREFIX)
    }
    own = {key: value for key, value in raw.items() if not _text(key).startswith(_PREFIX)}
    fields = {_text(key): _text(value) for key, value in own.items()}
    return DeadLetter(
        id=_text(stream_id),
        at=published_at(_text(stream_id)),
        reason=added.get("reason", ""),
        consumer=added.get("consumer", ""),
        deliveries=int(added.get("deliveries", "0")),
        position=fields.get("position"),
        candidate=_candidate(own),
        fields=fields,
    )


def _candidate(fields: Mapping[bytes, bytes]) -> Candidate | None:
    try:
        return decode(fields)
    except DecodeError:
        return None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
