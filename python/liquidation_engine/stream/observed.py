"""What was seen of liquidations by anyone, on Redis, so that a restart forgets nothing and two observers tell nobody twice.

New ones are published on the stream `liq:observed:{liquidations}` as `id` and `event` (JSON), in the step that remembers them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import orjson
from redis.asyncio import Redis

from liquidation_engine.model import ObservedLiquidation
from liquidation_engine.redis_keys import OBSERVED, OBSERVED_COUNTER, OBSERVED_SEEN, observed_cursor
from liquidation_engine.stream.connection import translated
from liquidation_engine.stream.script import Argument, RedisScript

KEPT_EVENTS = 10_000
BATCH = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """The newest transaction that was looked at."""

    slot: int
    signature: str


class ObservedStore:
    """The tracker's memory on Redis; the rules are those of `ingest.tracker.LiquidationTracker`."""

    def __init__(
        self,
        redis: Redis,
        *,
        max_ids: int = 5_000,
        pruning: Literal["fifo", "lru", "ttl"] = "fifo",
        ttl_seconds: float = 86_400.0,
    ) -> None:
        self._redis = redis
        self._max, self._pruning, self._ttl_milliseconds = max_ids, pruning, round(ttl_seconds * 1000)
        self._script = RedisScript("liquidation_engine.stream", "observed.lua")

    async def diff(
        self, batch: Sequence[ObservedLiquidation], *, now_ms: int, publish: bool
    ) -> list[ObservedLiquidation]:
        """Remember a batch and return what is new in it; `publish` also tells listeners."""
        new: list[ObservedLiquidation] = []
        for start in range(0, len(batch), BATCH):
            part = batch[start : start + BATCH]
            with translated("remember observed liquidations"):
                answers = await self._script.run(
                    self._redis, [OBSERVED_SEEN, OBSERVED_COUNTER, OBSERVED], self._arguments(part, now_ms, publish)
                )
            new += [one for one, is_new in zip(part, answers, strict=True) if is_new]
        return new

    async def seen_total(self) -> int:
        """Return how many different ids are remembered."""
        with translated("count observed liquidations"):
            return int(await self._redis.zcard(OBSERVED_SEEN))

    async def cursor(self, address: str) -> Cursor | None:
        """Return the newest transaction of an address that was looked at, None where nothing is known of it."""
        with translated("read the observer's cursor"):
            found = cast("bytes | None", await self._redis.get(observed_cursor(address)))
        if not found:
            return None
        slot, _, signature = found.decode().partition(":")
        return Cursor(int(slot), signature)

    async def note(self, address: str, slot: int, signature: str) -> None:
        """Note that everything up to this transaction has been looked at."""
        with translated("write the observer's cursor"):
            await self._redis.set(observed_cursor(address), f"{slot}:{signature}")

    def _arguments(self, batch: Sequence[ObservedLiquidation], now_ms: int, publish: bool) -> list[Argument]:
        events = [part for one in batch for part in (one.id, orjson.dumps(one.event()))]
        return [self._pruning, self._max, now_ms, self._ttl_milliseconds, int(publish), KEPT_EVENTS, *events]
