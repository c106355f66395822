"""The feed subscribes before it snapshots, loses nothing in between, and looks again when it may have missed something."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from liquidation_engine.chain.words import AccountUpdate, ChainAccount, Reconnected
from liquidation_engine.errors import RpcError, RpcUnavailable
from liquidation_engine.ingest.accounts import AccountFeed
from liquidation_engine.testing import Journal

pytestmark = pytest.mark.virtual_time


def update(slot: int) -> AccountUpdate:
    """Return an update of one account."""
    return AccountUpdate(address="position-1", owner="program", lamports=1, data=b"", slot=slot)


def account(address: str, slot: int, data: bytes) -> ChainAccount:
    return ChainAccount(address=address, owner="program", lamports=1, data=data, slot=slot)


class Wire:
    """A subscription, snapshots and a sink that note what happens."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.items: asyncio.Queue[AccountUpdate | Reconnected | None] = asyncio.Queue()
        self.feed: AccountFeed | None = None
        self.failing_snapshots = 0
        self.during_snapshot: list[AccountUpdate] = []
        self.picture: list[ChainAccount] = []

    async def updates(self) -> AsyncIterator[AccountUpdate | Reconnected]:
        """Deliver what the test puts in; None ends the subscription."""
        self.journal.append("subscribe")
        while (item := await self.items.get()) is not None:
            yield item

    async def snapshot(self) -> tuple[int, Sequence[ChainAccount]]:
        """Return the picture, an empty one at first; updates that the test wants arrive meanwhile."""
        if self.failing_snapshots:
            self.failing_snapshots -= 1
            raise RpcUnavailable("no endpoint could be reached")
        for item in self.during_snapshot:
            self.items.put_nowait(item)
        await asyncio.sleep(0.5)
        return 7, self.picture

    async def on_updates(self, updates: Sequence[AccountUpdate], seen_ms: int) -> None:
        """Note the slots."""
        self.journal.append(f"updates {[one.slot for one in updates]}")

    async def on_snapshot(self, slot: int, accounts: Sequence[ChainAccount], seen_ms: int) -> None:
        """Note the slot, and what the picture holds."""
        self.journal.append(f"snapshot {slot}" + "".join(f" {one.data.decode()}@{one.slot}" for one in accounts))

    async def reread(self, addresses: Sequence[str], slot: int) -> Sequence[ChainAccount]:
        """Return newer states."""
        self.journal.append(f"read again {list(addresses)} from {slot}")
        return [account(address, slot, b"newest") for address in addresses]

    async def on_ready(self) -> None:
        """Note it."""
        self.journal.append("ready")

    @asynccontextmanager
    async def fed(self, sync_interval_seconds: float = 60.0) -> AsyncIterator[asyncio.Task[Any]]:
        """Run a feed until the end of the block."""
        feed = AccountFeed(
            self.updates,
            self.snapshot,
            self,
            sync_interval_seconds=sync_interval_seconds,
            reread=self.reread,
            on_ready=self.on_ready,
        )
        stop = asyncio.Event()
        self.feed = feed
        task = asyncio.create_task(feed.run(stop))
        yield task
        stop.set()
        await task


async def test_the_subscription_stands_before_the_first_snapshot() -> None:
    wire = Wire()
    async with wire.fed():
        await asyncio.sleep(5)
        assert wire.journal == ["subscribe"]  # nothing is read before the node confirmed the subscription
        wire.items.put_nowait(Reconnected(first=True))
        await asyncio.sleep(5)
    assert wire.journal == ["subscribe", "snapshot 7", "ready"]


async def test_what_arrives_during_a_snapshot_is_applied_after_it() -> None:
    wire = Wire()
    wire.during_snapshot = [update(8), update(9)]
    wire.items.put_nowait(Reconnected(first=True))
    async with wire.fed():
        await asyncio.sleep(5)
    assert wire.journal == ["subscribe", "snapshot 7", "ready", "updates [8, 9]"]


async def test_a_renewed_subscription_is_followed_by_a_snapshot() -> None:
    wire = Wire()
    wire.items.put_nowait(Reconnected(first=True))
    async with wire.fed():
        await asyncio.sleep(5)
        wire.items.put_nowait(Reconnected(first=False))
        await asyncio.sleep(5)
    assert wire.journal.count("snapshot 7") == 2
    assert wire.journal.count("ready") == 1


@pytest.mark.parametrize(("seconds", "snapshots"), [(35, 4), (9, 1)])
async def test_a_snapshot_is_taken_again_every_interval(seconds: float, snapshots: int) -> None:
    wire = Wire()
    wire.items.put_nowait(Reconnected(first=True))
    async with wire.fed(sync_interval_seconds=10.0):
        await asyncio.sleep(seconds)
    assert wire.journal.count("snapshot 7") == snapshots


async def test_a_snapshot_that_fails_is_asked_for_again() -> None:
    wire = Wire()
    wire.failing_snapshots = 8
    wire.items.put_nowait(Reconnected(first=True))
    async with wire.fed():
        await asyncio.sleep(60)
    assert wire.journal == ["subscribe", "snapshot 7", "ready"]


async def test_updates_that_wait_together_are_delivered_together() -> None:
    wire = Wire()
    wire.items.put_nowait(Reconnected(first=True))
    async with wire.fed():
        await asyncio.sleep(5)
        for slot in (10, 11, 12):
            wire.items.put_nowait(update(slot))
        await asyncio.sleep(5)
    assert wire.journal[-1] == "updates [10, 11, 12]"


async def test_a_subscription_that_ends_for_good_ends_the_feed() -> None:
    wire = Wire()
    wire.items.put_nowait(None)
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(60), wire.fed() as feed:
            await asyncio.wait([feed])
    assert raised.group_contains(RpcError, match="the subscription ended")


async def test_a_subscription_that_ends_because_of_the_stop_is_no_error() -> None:
    wire = Wire()
    async with wire.fed():
        await asyncio.sleep(1)
        wire.items.put_nowait(None)


@pytest.mark.parametrize(
    ("heard_slot", "heard", "taken"),
    [
        (7, b"other", ["read again ['position-1'] from 8", "snapshot 7 newest@8"]),
        (7, b"same", ["snapshot 7 same@7"]),
        (6, b"other", ["snapshot 7 same@7"]),
    ],
)
async def test_two_tales_of_one_slot_are_settled_by_reading_again(
    heard_slot: int, heard: bytes, taken: list[str]
) -> None:
    wire = Wire()
    wire.items.put_nowait(Reconnected(first=True))
    async with wire.fed():
        await asyncio.sleep(5)
        wire.picture = [account("position-1", 7, b"same")]
        wire.items.put_nowait(replace(update(heard_slot), data=heard))
        await asyncio.sleep(1)
        wire.items.put_nowait(Reconnected(first=False))
        await asyncio.sleep(5)
    assert wire.journal[-len(taken) :] == taken


async def test_what_was_heard_of_blocks_that_were_left_is_read_again() -> None:
    wire = Wire()
    wire.items.put_nowait(Reconnected(first=True))
    async with wire.fed():
        await asyncio.sleep(5)
        for item in (update(8), replace(update(10), address="position-2"), replace(update(11), address="position-3")):
            wire.items.put_nowait(item)
        await asyncio.sleep(5)
        assert wire.feed is not None
        wire.feed.left(9, 12)
        await asyncio.sleep(5)
    assert wire.journal[-2:] == ["read again ['position-2', 'position-3'] from 12", "updates [12, 12]"]
