"""Takes candidates off the stream for one worker, and takes over what another worker left lying."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from liquidation_engine.errors import ConfigError, DecodeError
from liquidation_engine.model import Candidate
from liquidation_engine.redis_keys import CANDIDATES, DEAD_LETTERS, RESULTS, WORKERS_GROUP
from liquidation_engine.stream.clients import command_timeout
from liquidation_engine.stream.codec import decode, encode
from liquidation_engine.stream.connection import translated
from liquidation_engine.stream.script import RedisScript

KEPT_RESULTS = 10_000
KEPT_DEAD_LETTERS = 10_000

RawFields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate as delivered. `deliveries` is for display: the failure budget counts reported failures."""

    stream_id: str
    candidate: Candidate
    deliveries: int


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What was taken over, and how many pending ids the stream no longer holds (the next scan publishes them again)."""

    entries: list[Entry]
    deleted: int


class CandidateConsumer:
    """A worker's end of `liq:candidates`."""

    def __init__(
        self, redis: Redis, *, consumer: str, batch: int, block_milliseconds: int, reclaim_idle_milliseconds: int
    ) -> None:
        """Take the consumer's name, unique in the group, and how much and how long one read may take."""
        timeout = command_timeout(redis)
        if timeout is not None and block_milliseconds >= timeout * 1000:
            raise ConfigError(f"STREAM_BLOCK_MS is {block_milliseconds}, expected less than the timeout of {timeout} s")
        self._redis = redis
        self._consumer = consumer
        self._batch = batch
        self._block_milliseconds = max(1, block_milliseconds)  # 0 would wait for ever
        self._reclaim_idle_milliseconds = reclaim_idle_milliseconds
        self._renew = RedisScript("liquidation_engine.stream", "renew.lua")
        self.dead_letters_total = 0

    async def start(self) -> None:
        """Create the group from the stream's first entry on, unless it is there."""
        with translated(f"create the group {WORKERS_GROUP}"):
            try:
                await self._redis.xgroup_create(CANDIDATES, WORKERS_GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def read(self, count: int | None = None) -> list[Entry]:
        """Return entries nobody was given yet, at most `count` (or the batch); waits up to the block time."""
        with translated(f"read {CANDIDATES}"):
            try:
                answer = await self._redis.xreadgroup(
                    WORKERS_GROUP,
                    self._consumer,
                    {CANDIDATES: ">"},
                    count=count or self._batch,
                    block=self._block_milliseconds,
                )
            except ResponseError as error:
                if not await self._group_is_back(error):
                    raise
                return []
            streams = cast("list[tuple[bytes, list[tuple[bytes, RawFields]]]]", answer)
            rows = [row for _, stream_rows in streams for row in stream_rows]
            return await self._decoded(rows, deliveries={})

    async def reclaim(self) -> Reclaimed:
        """Take over entries idle for too long, this consumer's own included, at most one batch."""
        taken: list[tuple[bytes, RawFields]] = []
        deleted = 0
        cursor: bytes | str = "0-0"
        with translated(f"reclaim from {CANDIDATES}"):
            while len(taken) < self._batch:
                try:
                    answer: list[Any] = await self._redis.xautoclaim(
                        CANDIDATES,
                        WORKERS_GROUP,
                        self._consumer,
                        self._reclaim_idle_milliseconds,
                        cursor,
                        count=self._batch - len(taken),
                    )
                except ResponseError as error:
                    if not await self._group_is_back(error):
                        raise
                    break
                cursor = answer[0]
                taken += answer[1]
                deleted += len(answer[2])
                if cursor == b"0-0":
                    break
            deliveries = await self._deliveries(stream_id for stream_id, _ in taken)
            return Reclaimed(await self._decoded(taken, deliveries), deleted)

    async def renew(self, stream_ids: Sequence[str]) -> None:
        """Keep entries this consumer works on from being reclaimed; call it faster than the reclaim idle time."""
        if not stream_ids:
            return
        with translated(f"renew entries of {CANDIDATES}"):
            try:
                await self._renew.run(self._redis, [CANDIDATES], [WORKERS_GROUP, self._consumer, *stream_ids])
            except ResponseError as error:
                if not await self._group_is_back(error):
                    raise

    async def hand_back(self, stream_ids: Sequence[str]) -> None:
        """Let entries that this consumer does not take up look as if they had been left lying: the next reclaim has them."""
        with translated(f"hand back entries of {CANDIDATES}"):
            await self._redis.xclaim(
                CANDIDATES,
                WORKERS_GROUP,
                self._consumer,
                min_idle_time=0,
                message_ids=list(stream_ids),
                idle=self._reclaim_idle_milliseconds + 1,
                justid=True,
            )

    async def acknowledge(self, stream_id: str) -> None:
        """Say that the entry's outcome is written down."""
        with translated(f"acknowledge on {CANDIDATES}"):
            await self._redis.xack(CANDIDATES, WORKERS_GROUP, stream_id)

    async def remove(self, stream_id: str) -> None:
        """Delete an entry without acknowledging it: whoever holds it pending finds it deleted."""
        with translated(f"remove an entry of {CANDIDATES}"):
            await self._redis.xdel(CANDIDATES, stream_id)

    async def dead_letter(self, entry: Entry, reason: str) -> None:
        """Put the entry aside with its reason and acknowledge it. This stops a message, never a position."""
        fields = {name.encode(): value.encode() for name, value in encode(entry.candidate).items()}
        await self._put_aside(entry.stream_id, fields, reason, entry.deliveries)

    async def result(
        self, position: str, outcome: str, signature: str | None, fields: Mapping[str, str] | None = None
    ) -> None:
        """Tell listeners on `liq:results` how a candidate ended."""
        row: dict[Any, Any] = {**(fields or {}), "position": position, "outcome": outcome, "signature": signature or ""}
        with translated(f"write to {RESULTS}"):
            await self._redis.xadd(RESULTS, row, maxlen=KEPT_RESULTS, approximate=True)

    async def _decoded(self, rows: Iterable[tuple[bytes, RawFields]], deliveries: Mapping[bytes, int]) -> list[Entry]:
        """Return the readable entries; the others become dead letters and hold up nobody."""
        entries = []
        for stream_id, fields in rows:
            try:
                entries.append(Entry(stream_id.decode(), decode(fields), deliveries.get(stream_id, 1)))
            except DecodeError as error:
                await self._put_aside(stream_id.decode(), fields, f"malformed: {error}", deliveries.get(stream_id, 1))
        return entries

    async def _put_aside(self, stream_id: str, fields: RawFields, reason: str, deliveries: int) -> None:
        letter: dict[Any, Any] = {
            **fields,
            "dead_reason": reason,
            "dead_stream_id": stream_id,
            "dead_consumer": self._consumer,
            "dead_deliveries": deliveries,
        }
        with translated(f"write to {DEAD_LETTERS}"):
            await self._redis.xadd(DEAD_LETTERS, letter, maxlen=KEPT_DEAD_LETTERS, approximate=True)
        self.dead_letters_total += 1
        await self.acknowledge(stream_id)

    async def _deliveries(self, stream_ids: Iterable[bytes]) -> dict[bytes, int]:
        """Return how often each pending entry was delivered."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream_id in stream_ids:
                pipeline.xpending_range(CANDIDATES, WORKERS_GROUP, min=stream_id, max=stream_id, count=1)
            answers = await pipeline.execute()
        return {row["message_id"]: row["times_delivered"] for rows in answers for row in rows}

    async def _group_is_back(self, error: ResponseError) -> bool:
        """Return True after making the group anew where Redis was emptied or swapped under us."""
        if "NOGROUP" not in str(error):
            return False
        await self.start()
        return True
