"""One websocket to a node, opened the same way for every use, with reconnect delays."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

# What ends a connection without being a fault of ours.
SOCKET_ERRORS = (OSError, TimeoutError, WebSocketException)

OPEN_SECONDS = 5.0
PING_SECONDS = 10.0
MAX_MESSAGE_BYTES = 32 * 1024 * 1024
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0


@asynccontextmanager
async def opened(url: str, stop: asyncio.Event | None = None) -> AsyncIterator[ClientConnection]:
    """Open a websocket; `stop` closes it, so that a pending receive ends at once."""
    connection = connect(
        url,
        proxy=None,
        compression=None,
        open_timeout=OPEN_SECONDS,
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        close_timeout=1.0,
        max_size=MAX_MESSAGE_BYTES,
    )
    async with connection as socket:
        closer = asyncio.create_task(_close_at(socket, stop)) if stop is not None else None
        try:
            yield socket
        finally:
            if closer is not None:
                closer.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await closer


async def _close_at(socket: ClientConnection, stop: asyncio.Event) -> None:
    await stop.wait()
    await socket.close()


class Backoff:
    """Delays of 0.1 s doubling to 5 s, each between half and all of it; a connection that worked starts over."""

    def __init__(self, random_share: random.Random | None = None) -> None:
        self._random = random_share or random.Random()  # noqa: S311 - spreads reconnects, keeps no secret
        self._delay = FIRST_DELAY_SECONDS

    def reset(self) -> None:
        """Start over with the shortest delay."""
        self._delay = FIRST_DELAY_SECONDS

    async def wait(self, stop: asyncio.Event | None = None) -> None:
        """Sleep for the next delay, or until `stop`."""
        delay = self._delay * (0.5 + self._random.random() / 2)
        self._delay = min(self._delay * 2, LONGEST_DELAY_SECONDS)
        if stop is None:
            await asyncio.sleep(delay)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)
