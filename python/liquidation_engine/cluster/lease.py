"""A worker's lease on one position: it keeps the other workers from wasting the effort."""

import asyncio
import time
from types import TracebackType
from typing import Self

from redis.asyncio import Redis

from liquidation_engine.cluster.lock import Lock
from liquidation_engine.cluster.waiting import ended
from liquidation_engine.errors import ServerError
from liquidation_engine.redis_keys import position_lock
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)

RENEWALS_PER_LIFE = 3


class PositionLease:
    """Held from `acquire` to `release`, and renewed meanwhile. `lost` is set when it may be somebody else's."""

    def __init__(self, lock: Lock) -> None:
        """Take a lock that is held; `acquire` is the way in."""
        self.lost = asyncio.Event()
        self._lock = lock
        self._renewals = asyncio.create_task(self._renew(), name=f"renew {lock.key}")

    @classmethod
    async def acquire(
        cls, redis: Redis, position: str, holder: str, *, ttl_seconds: float = 5.0
    ) -> "PositionLease | None":
        """Return the lease, or None while another holder has the position."""
        lock = Lock(redis, position_lock(position), holder, ttl_seconds=ttl_seconds)
        return cls(lock) if await lock.acquire() == 0 else None

    async def release(self) -> None:
        """Stop renewing and give the position free; a lock that cannot be deleted ends by itself."""
        await ended(self._renewals)
        try:
            await self._lock.release()
        except ServerError as error:
            log.warning("Lease could not be released and will expire", key=self._lock.key, error=str(error))

    async def _renew(self) -> None:
        """Renew at a third of the lock's life; an unreachable Redis is asked again until that life is over."""
        pause = self._lock.ttl_seconds / RENEWALS_PER_LIFE
        while True:
            await asyncio.sleep(min(pause, max(0.0, self._lock.held_until - time.monotonic())))
            try:
                async with asyncio.timeout_at(self._loop_time(self._lock.held_until)):
                    ours = await self._lock.renew()
            except (ServerError, TimeoutError):
                ours = self._lock.held
            if not ours:
                log.warning("Lease lost", key=self._lock.key)
                self.lost.set()
                return

    @staticmethod
    def _loop_time(monotonic: float) -> float:
        """Return a moment of the monotonic clock as the event loop counts it."""
        return asyncio.get_running_loop().time() + monotonic - time.monotonic()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()
