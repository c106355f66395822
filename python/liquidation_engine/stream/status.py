"""How the queue stands: what autoscaling, `/ready` and the metrics look at."""

from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from liquidation_engine.redis_keys import CANDIDATES, DEAD_LETTERS, WORKERS_GROUP
from liquidation_engine.stream.connection import translated

MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """`oldest_pending_seconds` is the age of the oldest entry not yet acknowledged, whether delivered or not."""

    length: int
    lag: int  # published, given to nobody yet
    pending: int  # given to a worker, not acknowledged
    oldest_pending_seconds: float
    dead_letters: int


async def queue_status(redis: Redis) -> QueueStatus:
    """Return the queue's state; a stream that does not exist yet is an empty queue."""
    with translated(f"tell the state of {CANDIDATES}"):
        length = int(await redis.xlen(CANDIDATES))
        dead_letters = int(await redis.xlen(DEAD_LETTERS))
        group = await _group(redis)
        if group is None:
            return QueueStatus(length, length, 0, await _age(redis, "-"), dead_letters)
        pending = int(group["pending"])
        delivered = group["last-delivered-id"].decode()
        oldest = await _first_pending(redis) if pending else None
        return QueueStatus(
            length=length,
            lag=await _lag(redis, group, delivered),
            pending=pending,
            oldest_pending_seconds=await _age(redis, oldest or f"({delivered}"),
            dead_letters=dead_letters,
        )


async def _group(redis: Redis) -> dict[str, Any] | None:
    if not await redis.exists(CANDIDATES):
        return None
    groups = await redis.xinfo_groups(CANDIDATES)
    return next((group for group in groups if group["name"] == WORKERS_GROUP.encode()), None)


async def _lag(redis: Redis, group: dict[str, Any], delivered: str) -> int:
    """Return the undelivered entries; Redis answers nil after a deletion inside the stream, then they are counted."""
    if group["lag"] is not None:
        return int(group["lag"])
    return len(await redis.xrange(CANDIDATES, f"({delivered}", "+", count=MOST_COUNTED) or [])


async def _first_pending(redis: Redis) -> str | None:
    rows: list[dict[str, Any]] = await redis.xpending_range(CANDIDATES, WORKERS_GROUP, min="-", max="+", count=1)
    return rows[0]["message_id"].decode() if rows else None


async def _age(redis: Redis, start: str) -> float:
    """Return how long ago the first entry from `start` on was published, by Redis's clock; 0 without one."""
    if start.startswith(("-", "(")):
        rows = await redis.xrange(CANDIDATES, start, "+", count=1)
        if not rows or rows[0][0] is None:
            return 0.0
        start = _text(rows[0][0])
    # Asked of the node that has the stream: in a Cluster every node has a clock.
    seconds, microseconds = cast("list[bytes]", await redis.eval("return redis.call('TIME')", 1, CANDIDATES))
    return max(0.0, int(seconds) + int(microseconds) / 1e6 - int(start.partition("-")[0]) / 1e3)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
