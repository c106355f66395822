"""Which instance leads: one lock that all candidates for it ask for, renewed well before it ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from liquidation_engine.cluster.lock import Lock
from liquidation_engine.cluster.waiting import ended, stopped_within
from liquidation_engine.errors import ServerError
from liquidation_engine.redis_keys import LEADER_LOCK
from liquidation_engine.stream.connection import translated
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)

STANDBY_POLL_SECONDS = 0.25  # a hand-over is noticed within this; one small command each

Duty = Callable[[], Awaitable[object]]


class LeaderLease:
    """One instance's bid for leadership."""

    def __init__(
        self,
        redis: Redis,
        instance_id: str,
        *,
        ttl_seconds: float = 10.0,
        renew_seconds: float = 3.0,
        reluctance_seconds: float = 0.0,
    ) -> None:
        """Take the lock's life and how often it is renewed.

        A reluctant candidate leaves a free lock to the others for so long before it takes it.
        """
        self._redis = redis
        self._reluctance_seconds = reluctance_seconds
        self._free_since: float | None = None
        self._lock = Lock(redis, LEADER_LOCK, instance_id, ttl_seconds=ttl_seconds)
        self._renew_seconds = renew_seconds

    @property
    def is_leader(self) -> bool:
        """Say whether this instance leads right now; False in good time when Redis is gone or the process slept."""
        return self._lock.held

    async def run(self, on_elected: Duty, on_lost: Duty, stop: asyncio.Event) -> None:
        """Stand for election until `stop` is set.

        `on_elected` runs beside the renewals and is cancelled if the lock is lost meanwhile; `on_lost` follows every
        election, also at the end, and only after it the lock is given free for the next leader.
        """
        while not stop.is_set():
            if await self._elected():
                await self._lead(on_elected, on_lost, stop)
            else:
                await stopped_within(stop, STANDBY_POLL_SECONDS)

    async def _elected(self) -> bool:
        try:
            return await self._due() and await self._lock.acquire() == 0
        except ServerError as error:
            log.warning("Leader election waits for Redis", error=str(error))
            return False

    async def _due(self) -> bool:
        """Return whether this candidate may ask for the lock: at once, or when nobody else wanted it for a while."""
        if self._reluctance_seconds == 0:
            return True
        with translated(f"look at {LEADER_LOCK}"):
            taken = await self._redis.exists(LEADER_LOCK)
        now = time.monotonic()
        self._free_since = None if taken else self._free_since or now
        return self._free_since is not None and now - self._free_since >= self._reluctance_seconds

    async def _lead(self, on_elected: Duty, on_lost: Duty, stop: asyncio.Event) -> None:
        log.info("Elected as leader")
        self._free_since = None
        duty = asyncio.create_task(_as_coroutine(on_elected), name="leader duties")
        renewals = asyncio.create_task(self._renew_until(stop), name="renew leader lock")
        try:
            await asyncio.wait({duty, renewals}, return_when=asyncio.FIRST_COMPLETED)
            if duty.done():
                duty.result()  # an election that failed ends the instance
                await renewals
        finally:
            await ended(duty)
            await on_lost()
            await ended(renewals)
            await self._hand_over()

    async def _renew_until(self, stop: asyncio.Event) -> None:
        """Return when the lock is lost or `stop` is set."""
        while not await stopped_within(stop, self._pause()):
            try:
                async with asyncio.timeout(max(0.0, self._lock.held_until - time.monotonic())):
                    ours = await self._lock.renew()
            except (ServerError, TimeoutError) as error:
                log.warning("Leader lock could not be renewed", error=str(error))
                ours = self._lock.held
            if not ours:
                log.warning("Leadership lost")
                return

    def _pause(self) -> float:
        return min(self._renew_seconds, max(0.0, self._lock.held_until - time.monotonic()))

    async def _hand_over(self) -> None:
        try:
            await self._lock.release()
        except ServerError as error:
            log.warning("Leader lock could not be released and will expire", error=str(error))


async def _as_coroutine(duty: Duty) -> None:
    await duty()
