"""A program's accounts and a changing set of others, as one stream."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from liquidation_engine.chain.words import AccountUpdate, Reconnected
from liquidation_engine.errors import RpcRefused
from liquidation_engine.ingest.watched import Item, WatchedAccounts


def update(address: str) -> AccountUpdate:
    return AccountUpdate(address=address, owner="owner", lamports=1, data=b"", slot=1)


class Streams:
    """A program that tells what it is given, and accounts that tell of their subscription."""

    def __init__(self) -> None:
        self.program_items: asyncio.Queue[Item | Exception | None] = asyncio.Queue()
        self.asked: list[list[str]] = []
        self.open = 0

    async def program(self) -> AsyncIterator[Item]:
        while (item := await self.program_items.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    async def accounts(self, addresses: Sequence[str]) -> AsyncIterator[Item]:
        self.asked.append(list(addresses))
        self.open += 1
        try:
            yield Reconnected(len(self.asked) == 1)
            for address in addresses:
                yield update(address)
            await asyncio.Event().wait()
        finally:
            self.open -= 1


async def take(items: AsyncIterator[Item], count: int) -> list[Item]:
    async with asyncio.timeout(2):
        return [await anext(items) for _ in range(count)]


async def test_both_come_out_and_a_changed_set_is_subscribed_anew() -> None:
    streams = Streams()
    watched = WatchedAccounts(streams.program, streams.accounts)
    items = watched.updates()
    await streams.program_items.put(update("position"))
    assert await take(items, 1) == [update("position")]
    assert streams.asked == []

    watched.watch(frozenset({"oracle-2", "oracle-1"}))
    assert await take(items, 3) == [Reconnected(True), update("oracle-1"), update("oracle-2")]
    watched.watch(frozenset({"oracle-1", "oracle-2"}))  # the same set
    watched.watch(frozenset({"oracle-3"}))
    assert await take(items, 2) == [Reconnected(False), update("oracle-3")]
    assert (streams.asked, streams.open) == ([["oracle-1", "oracle-2"], ["oracle-3"]], 1)

    await streams.program_items.put(None)
    with pytest.raises(StopAsyncIteration):
        await take(items, 1)
    assert streams.open == 0


async def test_a_refused_subscription_is_the_readers_to_know() -> None:
    streams = Streams()
    await streams.program_items.put(RpcRefused("programSubscribe", -32601, "Method not found"))
    with pytest.raises(RpcRefused):
        await take(WatchedAccounts(streams.program, streams.accounts).updates(), 1)
