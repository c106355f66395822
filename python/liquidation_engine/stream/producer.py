"""Publishes candidates, each need once per scan, and trims what all workers are done with."""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from liquidation_engine.model import Candidate
from liquidation_engine.redis_keys import CANDIDATES, dedupe_marker
from liquidation_engine.stream.codec import encode
from liquidation_engine.stream.connection import translated
from liquidation_engine.stream.script import Argument, RedisScript

PUBLISHED, FULL = 1, -1
PIPELINE_SIZE = 256
FULL_POLL_SECONDS = 0.05


class CandidateProducer:
    """The leader's end of `liq:candidates`."""

    def __init__(self, redis: Redis, *, dedupe_seconds: float, maxlen: int, full_wait_seconds: float = 1.0) -> None:
        """Take the marker's life, which must not exceed one scan, and the stream's length limit.

        `full_wait_seconds` is how long one call to `publish` waits for room before it leaves the rest to the next scan.
        """
        self._redis = redis
        self._dedupe_milliseconds = max(1, round(dedupe_seconds * 1000))
        self._maxlen = maxlen
        self._full_wait_seconds = full_wait_seconds
        self._publish = RedisScript("liquidation_engine.stream", "publish.lua")
        self._trim = RedisScript("liquidation_engine.stream", "trim.lua")
        self.held_back_total = 0  # candidates for which there was no room; the scanner finds them again

    async def publish(self, candidates: Sequence[Candidate]) -> int:
        """Publish in the given order (most profitable first) and return how many needs were new."""
        return sum(await self.publish_each(candidates))

    async def publish_each(self, candidates: Sequence[Candidate]) -> list[bool]:
        """Publish in the given order and return of each need whether it was new and found room.

        At the length limit it trims and waits for the workers; what still finds no room is counted in
        `held_back_total` and leaves no marker, so the next scan publishes it.
        """
        published = [False] * len(candidates)
        waiting = list(range(len(candidates)))
        deadline = asyncio.get_running_loop().time() + self._full_wait_seconds
        while waiting:
            answers = await self._publish_now([candidates[place] for place in waiting])
            for place, answer in zip(waiting, answers, strict=True):
                published[place] = answer == PUBLISHED
            waiting = [place for place, answer in zip(waiting, answers, strict=True) if answer == FULL]
            if waiting and not await self._room_before(deadline):
                break
        self.held_back_total += len(waiting)
        return published

    async def trim(self) -> int:
        """Remove what has been delivered and acknowledged, nothing else, and return how many entries went."""
        with translated(f"trim {CANDIDATES}"):
            return int(await self._trim.run(self._redis, [CANDIDATES], []))

    async def _publish_now(self, candidates: Sequence[Candidate]) -> list[int]:
        """Return each candidate's answer; after the first that finds no room the rest of the list is not tried."""
        answers: list[int] = []
        with translated(f"publish to {CANDIDATES}"):
            for start in range(0, len(candidates), PIPELINE_SIZE):
                if FULL in answers:
                    break
                part = candidates[start : start + PIPELINE_SIZE]
                answers += await self._publish.run_many(self._redis, [self._call(candidate) for candidate in part])
        return answers + [FULL] * (len(candidates) - len(answers))

    def _call(self, candidate: Candidate) -> tuple[list[str], list[Argument]]:
        fields = [part for pair in encode(candidate).items() for part in pair]
        return [CANDIDATES, dedupe_marker(candidate.id)], [self._dedupe_milliseconds, self._maxlen, *fields]

    async def _room_before(self, deadline: float) -> bool:
        """Make room, or give the workers a moment to; return False when the time is up."""
        freed = await self.trim()
        left = deadline - asyncio.get_running_loop().time()
        if left > 0 and freed == 0:
            await asyncio.sleep(min(FULL_POLL_SECONDS, left))
        return left > 0
