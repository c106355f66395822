"""Where one liquidation by hand is written down: the engine's own database, or, without one, this process's memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from liquidation_engine.clock import SystemClock
from liquidation_engine.cluster import KillSwitchCache, PositionLease
from liquidation_engine.config import Settings
from liquidation_engine.database import Database, Failures, Guards, Intents, KillSwitch, bind_chain, check_version
from liquidation_engine.execute import ports
from liquidation_engine.execute.alone import Alone
from liquidation_engine.stream import connect

LEASE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The rows of guards, intents and failures, and what may keep them from being written."""

    guards: ports.Guards
    intents: ports.Intents
    failures: ports.Failures
    leases: ports.Leases
    may_sign: Callable[[], bool]
    refusal: Callable[[], str | None]  # why not
    in_database: bool


@asynccontextmanager
async def open_books(settings: Settings, genesis_hash: str, say: Callable[[str], None]) -> AsyncIterator[Books]:
    """Open the database that is set; without one, say what is missing then."""
    if not settings.database_url.get_secret_value():
        say(
            "no DATABASE_URL: nothing but this process keeps the position from being liquidated twice at once; "
            "stop other engines that use this key"
        )
        alone = Alone(SystemClock())
        yield Books(
            guards=alone,
            intents=alone,
            failures=alone,
            leases=_no_lease,
            may_sign=lambda: True,
            refusal=lambda: None,
            in_database=False,
        )
        return
    async with AsyncExitStack() as stack:
        database = await _database(settings, stack)
        await check_version(database)
        await bind_chain(database, genesis_hash, settings.program_id)
        switch = await _kill_switch(settings, stack)
        yield Books(
            guards=Guards(database),
            intents=Intents(database),
            failures=Failures(database),
            leases=await _leases(settings, stack, say),
            may_sign=switch.may_sign,
            refusal=lambda: switch.refusal,
            in_database=True,
        )


async def _database(settings: Settings, stack: AsyncExitStack, *, max_size: int = 3) -> Database:
    database = await Database.connect(settings.database_url.get_secret_value(), max_size=max_size)
    stack.push_async_callback(database.close)
    return database


async def _kill_switch(settings: Settings, stack: AsyncExitStack) -> KillSwitchCache:
    """Follow the switch in Postgres, over a connection of its own."""
    row = KillSwitch(await _database(settings, stack, max_size=1))

    async def read() -> tuple[bool, str | None]:
        state = await row.state()
        return state.stopped, state.reason

    switch, stop = KillSwitchCache(read), asyncio.Event()
    await switch.refresh()
    following = asyncio.create_task(switch.run(stop), name="kill switch")

    async def end() -> None:
        stop.set()
        await asyncio.gather(following, return_exceptions=True)

    stack.push_async_callback(end)
    return switch


async def _leases(settings: Settings, stack: AsyncExitStack, say: Callable[[str], None]) -> ports.Leases:
    """Return the workers' leases; the guard row in Postgres decides without them as well."""
    url = settings.redis_url.get_secret_value()
    if not url:
        say("no REDIS_URL: workers do not see that the position is taken, the guard in Postgres alone decides")
        return _no_lease
    redis = await connect(url)
    stack.push_async_callback(redis.aclose)

    async def lease(position: str) -> AbstractAsyncContextManager[object] | None:
        return await PositionLease.acquire(redis, position, settings.instance_id, ttl_seconds=LEASE_SECONDS)

    return lease


async def _no_lease(position: str) -> AbstractAsyncContextManager[object] | None:
    return contextlib.nullcontext()
