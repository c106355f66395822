"""A key in Redis that one holder owns for a while: what the leases are made of."""

import time
import uuid

from redis.asyncio import Redis

from liquidation_engine.stream.connection import translated
from liquidation_engine.stream.script import RedisScript

_ACQUIRE = RedisScript("liquidation_engine.cluster", "acquire.lua")
_RENEW = RedisScript("liquidation_engine.cluster", "renew.lua")
_RELEASE = RedisScript("liquidation_engine.cluster", "release.lua")


class Lock:
    """One holder's claim on one key. `held_until`, on the monotonic clock, is never later than the key's end."""

    def __init__(self, redis: Redis, key: str, holder: str, *, ttl_seconds: float) -> None:
        """Take the key and the holder's name, which is made unique here so that a namesake cannot release it."""
        self.key = key
        self.ttl_seconds = ttl_seconds
        self.held_until = 0.0
        self._redis = redis
        self._token = f"{holder}:{uuid.uuid4().hex}"
        self._ttl_milliseconds = max(1, round(ttl_seconds * 1000))

    @property
    def held(self) -> bool:
        """Say whether it is ours, even after this process slept for long."""
        return time.monotonic() < self.held_until

    async def acquire(self) -> float:
        """Return 0 when it is ours now, else for how many seconds another holder has it at most."""
        asked_at = time.monotonic()
        with translated(f"acquire {self.key}"):
            left = int(await _ACQUIRE.run(self._redis, [self.key], [self._token, self._ttl_milliseconds]))
        if left == 0:
            self.held_until = asked_at + self.ttl_seconds
        return left / 1000

    async def renew(self) -> bool:
        """Return whether it is still ours; if so for another whole life."""
        asked_at = time.monotonic()
        with translated(f"renew {self.key}"):
            ours = bool(await _RENEW.run(self._redis, [self.key], [self._token, self._ttl_milliseconds]))
        self.held_until = asked_at + self.ttl_seconds if ours else 0.0
        return ours

    async def release(self) -> None:
        """Give it up, if it is ours."""
        self.held_until = 0.0
        with translated(f"release {self.key}"):
            await _RELEASE.run(self._redis, [self.key], [self._token])
