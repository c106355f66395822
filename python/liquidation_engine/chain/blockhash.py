"""The newest blockhash, kept fresh in the background, and the highest block height ever seen."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

from liquidation_engine.chain.words import Commitment
from liquidation_engine.errors import DecodeError, RpcError, RpcUnavailable

BLOCKHASH_WINDOW = 150


class BlockhashSource(Protocol):
    """What the cache asks of a node."""

    async def latest_blockhash(self, commitment: Commitment = "confirmed") -> tuple[str, int]:
        """Return the newest blockhash and its last valid block height."""
        ...

    async def block_height(self, commitment: Commitment = "finalized") -> int:
        """Return the block height."""
        ...


class Blockhash(NamedTuple):
    """A blockhash to sign with."""

    blockhash: str
    last_valid_block_height: int
    highest_block_height_seen: int

    @property
    def expires_above(self) -> int:
        """Return the finalized height above which a transaction signed now can surely land no more.

        A node that lags may report too low a last valid height; the highest height ever seen makes up for it.
        """
        return max(self.last_valid_block_height, self.highest_block_height_seen + BLOCKHASH_WINDOW)


class BlockhashCache:
    """Refreshes once a second in a task of its own; a hash that could not be refreshed for too long is withheld."""

    def __init__(
        self,
        source: BlockhashSource,
        *,
        refresh_seconds: float = 1.0,
        oldest_seconds: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._refresh_seconds, self._oldest_seconds = refresh_seconds, oldest_seconds
        self._monotonic = monotonic
        self._current: Blockhash | None = None
        self._refreshed_at = 0.0
        self._highest = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Fetch the first blockhash and keep it fresh; raises the RpcError of a first fetch that fails."""
        await self.refresh()
        self._task = asyncio.create_task(self._keep_fresh(), name="blockhash")

    async def close(self) -> None:
        """End the background refresh."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def current(self) -> Blockhash:
        """Return the newest blockhash; RpcUnavailable when the last refresh is too long ago."""
        age = self._monotonic() - self._refreshed_at
        if self._current is None or age > self._oldest_seconds:
            raise RpcUnavailable(f"no blockhash could be fetched for {self._oldest_seconds:g} s")
        return self._current

    def saw_height(self, height: int) -> None:
        """Take note of a block height met elsewhere."""
        self._highest = max(self._highest, height)
        if self._current is not None and self._current.highest_block_height_seen < self._highest:
            self._current = Blockhash(self._current.blockhash, self._current.last_valid_block_height, self._highest)

    async def refresh(self) -> None:
        """Fetch the newest blockhash and height now."""
        (blockhash, last_valid), height = await asyncio.gather(
            self._source.latest_blockhash(), self._source.block_height("processed")
        )
        self._highest = max(self._highest, height)
        if self._current is None or last_valid >= self._current.last_valid_block_height:
            self._current = Blockhash(blockhash, last_valid, self._highest)
            self._refreshed_at = self._monotonic()
        else:  # a node that lags behind what another one said
            self.saw_height(height)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_seconds)
            try:
                await self.refresh()
            except (RpcError, DecodeError):
                continue  # `current` withholds a hash that has become too old
