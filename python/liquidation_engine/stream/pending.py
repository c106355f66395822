"""Who holds which candidate: the entries that were delivered and are not acknowledged."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from liquidation_engine.redis_keys import CANDIDATES, WORKERS_GROUP
from liquidation_engine.stream.connection import translated


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingEntry:
    """One delivered entry. `position` is None where the entry itself is gone from the stream."""

    id: str
    position: str | None
    consumer: str
    idle_seconds: float  # since its worker last took or renewed it
    deliveries: int


async def pending_entries(redis: Redis, limit: int) -> list[PendingEntry]:
    """Return the oldest pending entries."""
    with translated(f"tell the pending entries of {CANDIDATES}"):
        try:
            rows: list[dict[str, Any]] = await redis.xpending_range(
                CANDIDATES, WORKERS_GROUP, min="-", max="+", count=limit
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            return []  # nobody has worked here yet
        async with redis.pipeline(transaction=False) as pipeline:
            for row in rows:
                pipeline.xrange(CANDIDATES, row["message_id"], row["message_id"])
            entries = await pipeline.execute()
    return [
        PendingEntry(
            id=row["message_id"].decode(),
            position=_position(found),
            consumer=row["consumer"].decode(),
            idle_seconds=row["time_since_delivered"] / 1000,
            deliveries=row["times_delivered"],
        )
        for row, found in zip(rows, entries, strict=True)
    ]


def _position(found: list[tuple[bytes, dict[bytes, bytes]]]) -> str | None:
    return found[0][1].get(b"position", b"").decode("utf-8", "replace") or None if found else None
