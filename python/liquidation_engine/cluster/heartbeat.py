"""The sign of life that an instance gives every few seconds."""

import asyncio
from collections.abc import Awaitable, Callable

from liquidation_engine.cluster.waiting import stopped_within
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)


class Heartbeat:
    """Calls `beat` at once and then every `every_seconds`; one that fails or hangs is logged and counted."""

    def __init__(self, beat: Callable[[], Awaitable[object]], *, every_seconds: float = 30.0) -> None:
        """Take what writes the sign of life down."""
        self._beat = beat
        self._every_seconds = every_seconds
        self.failures_total = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until `stop` is set."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(self._every_seconds):
                    await self._beat()
            except Exception as error:  # the outermost loop of its task: a missed beat must not end the instance
                self.failures_total += 1
                log.warning("Heartbeat failed", error=str(error) or type(error).__name__)
            await stopped_within(stop, self._every_seconds)
