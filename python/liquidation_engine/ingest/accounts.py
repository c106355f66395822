"""Keeps a book in step with a program's accounts: subscribe, buffer, snapshot, apply the buffer, and re-sync now and then.

The subscription is open before the snapshot is read, and what arrives meanwhile waits in the queue, so nothing falls between. A closed
account is not notified: the snapshot names who exists, and the book drops the others. Nor is one notified that a fork changed back:
what was heard of the blocks that were left is read again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from liquidation_engine.chain.words import AccountUpdate, ChainAccount, Reconnected
from liquidation_engine.errors import RpcError, RpcUnavailable

log = structlog.get_logger(__name__)

QUEUE_LIMIT = 200_000
FORK_SLOTS = 64  # how far back a fork may reach: what is older is final


@dataclass(frozen=True, slots=True)
class Left:
    """The blocks above `kept_slot` and below `slot` are no more."""

    kept_slot: int
    slot: int


class Snapshots(Protocol):
    """Reads all of a program's accounts, with the slot they are of."""

    async def __call__(self) -> tuple[int, Sequence[ChainAccount]]: ...


Reread = Callable[[Sequence[str], int], Awaitable[Sequence[ChainAccount]]]


class AccountSink(Protocol):
    """Who is told."""

    async def on_updates(self, updates: Sequence[AccountUpdate], seen_ms: int) -> None: ...
    async def on_snapshot(self, slot: int, accounts: Sequence[ChainAccount], seen_ms: int) -> None: ...


class AccountFeed:
    """One program's accounts, in order."""

    def __init__(
        self,
        updates: Callable[[], AsyncIterator[AccountUpdate | Reconnected]],
        snapshot: Snapshots,
        sink: AccountSink,
        *,
        sync_interval_seconds: float,
        reread: Reread | None = None,
        on_ready: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Take where updates and snapshots come from; `reread` reads accounts after a slot, where two sources differ about it."""
        self._updates, self._snapshot, self._sink = updates, snapshot, sink
        self._sync_interval = sync_interval_seconds
        self._reread = reread
        self._on_ready = on_ready
        self._heard: dict[str, AccountUpdate] = {}  # since the last snapshot
        self._recent: dict[str, int] = {}  # account -> newest slot heard of it, as far back as a fork may reach
        self._queue: asyncio.Queue[tuple[AccountUpdate | Reconnected | Left, int]] = asyncio.Queue(QUEUE_LIMIT)

    async def run(self, stop: asyncio.Event) -> None:
        """Feed the sink until `stop`; raises if the subscription ends for good."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._receive(stop)), group.create_task(self._deliver())]
            await stop.wait()
            for task in tasks:
                task.cancel()

    def left(self, kept_slot: int, slot: int) -> None:
        """Read again, at `slot` or after, what was heard of the blocks above `kept_slot`: they were left for another fork."""
        self._queue.put_nowait((Left(kept_slot, slot), _now_ms()))

    async def _receive(self, stop: asyncio.Event) -> None:
        async for item in self._updates():
            await self._queue.put((item, _now_ms()))
        if not stop.is_set():
            raise RpcUnavailable("the subscription ended, and the book would no longer follow the chain")

    async def _deliver(self) -> None:
        synced = float("-inf")
        ready = False
        while True:
            overdue = synced + self._sync_interval - time.monotonic()
            batch = await self._next_batch(overdue if ready else None)
            if (ready and not batch) or any(isinstance(item, Reconnected) for item, _ in batch):
                await self._sync()
                synced = time.monotonic()
            updates = [item for item, _ in batch if isinstance(item, AccountUpdate)]
            if updates:
                self._heard.update((update.address, update) for update in updates)
                self._recent.update((update.address, update.slot) for update in updates)
                await self._sink.on_updates(updates, min(seen for _, seen in batch))
            for item in [item for item, _ in batch if isinstance(item, Left)]:
                await self._take_back(item)
            if not ready and synced > float("-inf"):
                ready = True
                if self._on_ready is not None:
                    await self._on_ready()

    async def _next_batch(self, timeout: float | None) -> list[tuple[AccountUpdate | Reconnected | Left, int]]:
        """Return all that waits, at least one; nothing when the next re-sync is due first."""
        if timeout is not None and timeout <= 0:
            return []
        try:
            async with asyncio.timeout(timeout):
                batch = [await self._queue.get()]
        except TimeoutError:
            return []
        while not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch

    async def _take_back(self, left: Left) -> None:
        """Tell the sink what the accounts are now that changed in blocks which are no more."""
        undone = [address for address, slot in self._recent.items() if left.kept_slot < slot < left.slot]
        if not undone or self._reread is None:
            return
        log.info("Read again after a fork", accounts=len(undone), kept_slot=left.kept_slot)
        try:
            found = await self._reread(undone, left.slot)
        except RpcError as error:
            log.warning("Accounts not read after a fork, the next sync finds them", error=str(error))
            return
        changed = [
            AccountUpdate(address=one.address, owner=one.owner, lamports=one.lamports, data=one.data, slot=one.slot)
            for one in found
        ]
        self._recent.update((one.address, one.slot) for one in changed)
        await self._sink.on_updates(changed, _now_ms())

    async def _sync(self) -> None:
        delay = 0.2
        while True:
            try:
                slot, accounts = await self._snapshot()
                break
            except RpcError as error:
                log.warning("Snapshot failed", error=str(error))
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)
        self._recent = {address: heard for address, heard in self._recent.items() if heard > slot - FORK_SLOTS}
        accounts = await self._settle_equal_slots(slot, accounts)
        await self._sink.on_snapshot(slot, accounts, _now_ms())
        log.info("Note sync", accounts=len(accounts), slot=slot)

    async def _settle_equal_slots(self, slot: int, accounts: Sequence[ChainAccount]) -> Sequence[ChainAccount]:
        """Read again, after `slot`, what the snapshot and the subscription tell differently of that very slot."""
        heard, self._heard = self._heard, {}
        doubtful = [one.address for one in accounts if _differs(one, heard.get(one.address))]
        if not doubtful or self._reread is None:
            return accounts
        log.info("Read again", accounts=len(doubtful), slot=slot)
        while True:
            try:
                newer = {one.address: one for one in await self._reread(doubtful, slot + 1)}
                return [newer.get(one.address, one) for one in accounts]
            except RpcError:  # the node has not reached the next slot yet
                await asyncio.sleep(0.1)


def _differs(account: ChainAccount, heard: AccountUpdate | None) -> bool:
    return heard is not None and heard.slot == account.slot and heard.data != account.data


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
