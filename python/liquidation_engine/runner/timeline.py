"""Watches that the database stays the one it was. After a restore or a failover no intent is written for 150 finalized blocks.

What the lost part of the database held, another instance may have sent a moment ago: it can land until its blockhash is too old. Postgres
refuses intents by itself as soon as it is another one; here the end of that rest is found, and workers are spared the effort meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from liquidation_engine.cluster.waiting import stopped_within
from liquidation_engine.database import TimelineState
from liquidation_engine.errors import LiquidationEngineError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0


class Row(Protocol):
    """The timeline's row in Postgres."""

    async def look(self) -> TimelineState: ...
    async def begin_rest(self, above: int) -> int: ...
    async def end_rest(self, finalized_height: int) -> bool: ...


class TimelineWatch:
    """Looks once a second; `resting` says whether intents would be refused."""

    def __init__(
        self, row: Row, *, expires_above: Callable[[], int], finalized_height: Callable[[], Awaitable[int]]
    ) -> None:
        """Take the height above which nothing signed by now can land, and what tells the finalized height."""
        self._row, self._expires_above, self._finalized_height = row, expires_above, finalized_height
        self.resting = True  # until the first look

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`. While Postgres or the nodes are away, what was known stands."""
        while not stop.is_set():
            try:
                await self.look()
            except LiquidationEngineError as error:
                log.warning("Database timeline could not be looked at", error=str(error))
            await stopped_within(stop, LOOK_SECONDS)

    async def look(self) -> None:
        """Look once: begin a rest after a change, end it when it is over."""
        state = await self._row.look()
        if not state.is_ours:
            self.resting = True
            above = await self._row.begin_rest(self._expires_above())
            log.error("The database was restored or failed over: no new intent for now", until_finalized_block=above)
        elif state.rests_above is not None:
            self.resting = not await self._row.end_rest(await self._finalized_height())
            if not self.resting:
                log.warning("The rest after the database's change is over", finalized_block=state.rests_above)
        else:
            self.resting = False
