"""A program's accounts and a changing set of other programs' accounts, as one stream: oracles belong to somebody else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from liquidation_engine.chain.words import AccountUpdate, Reconnected

Item = AccountUpdate | Reconnected
QUEUE_LIMIT = 100_000


class WatchedAccounts:
    """Each time the set changes, its subscription starts anew: Reconnected then tells the reader to take a snapshot."""

    def __init__(
        self, program: Callable[[], AsyncIterator[Item]], accounts: Callable[[Sequence[str]], AsyncIterator[Item]]
    ) -> None:
        """Take what subscribes to the program's accounts, and to accounts by address."""
        self._program, self._accounts = program, accounts
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()

    def watch(self, addresses: frozenset[str]) -> None:
        """Follow these accounts, and no others, from now on."""
        if addresses != self._wanted:
            self._wanted = addresses
            self._changed.set()

    async def updates(self) -> AsyncIterator[Item]:
        """Yield what both tell, until the program's subscription ends."""
        queue: asyncio.Queue[Item] = asyncio.Queue(QUEUE_LIMIT)
        program = asyncio.create_task(_pump(self._program(), queue), name="program accounts")
        others = asyncio.create_task(self._follow(queue), name="watched accounts")
        try:
            while True:
                getting = asyncio.create_task(queue.get())
                done, _ = await asyncio.wait({getting, program, others}, return_when=asyncio.FIRST_COMPLETED)
                if getting in done:
                    yield getting.result()
                    continue
                getting.cancel()
                for task in done:
                    task.result()
                return
        finally:
            await _ended(program, others)

    async def _follow(self, queue: asyncio.Queue[Item]) -> None:
        while True:
            self._changed.clear()
            wanted = sorted(self._wanted)
            changed = asyncio.create_task(self._changed.wait())
            pumping = asyncio.create_task(_pump(self._accounts(wanted), queue) if wanted else _for_ever())
            try:
                done, _ = await asyncio.wait({changed, pumping}, return_when=asyncio.FIRST_COMPLETED)
                if pumping in done:
                    pumping.result()
                    return
            finally:
                await _ended(changed, pumping)


async def _pump(stream: AsyncIterator[Item], queue: asyncio.Queue[Item]) -> None:
    async for item in stream:
        await queue.put(item)


def _for_ever() -> Coroutine[Any, Any, Any]:
    return asyncio.Event().wait()


async def _ended(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
