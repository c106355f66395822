"""The sign of life that an instance gives every few seconds."""

import asyncio
from collections.abc import Awaitable, Callable

from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)


class Heartbeat:
    """Calls `beat` at once, then every `every_seconds` or when `changed` is set; one that fails or hangs is logged and counted."""

    def __init__(
        self,
        beat: Callable[[], Awaitable[object]],
        *,
        every_seconds: float = 30.0,
        changed: asyncio.Event | None = None,
    ) -> None:
        """Take what writes the sign of life down, and the event that says there is news not to wait with."""
        self._beat = beat
        self._every_seconds = every_seconds
        self._changed = changed or asyncio.Event()
        self.failures_total = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until `stop` is set."""
        while not stop.is_set():
            self._changed.clear()
            try:
                async with asyncio.timeout(self._every_seconds):
                    await self._beat()
            except Exception as error:  # the outermost loop of its task: a missed beat must not end the instance
                self.failures_total += 1
                log.warning("Heartbeat failed", error=str(error) or type(error).__name__)
            await self._pause(stop)

    async def _pause(self, stop: asyncio.Event) -> None:
        """Wait for the next beat, the news, or the end."""
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._changed.wait())]
        await asyncio.wait(waits, timeout=self._every_seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
