"""Watches for liquidations by anyone: looks at every transaction of an address since the last look, and misses none.

A subscription may wake it earlier; only the polls count. What is found is stored first, then remembered and told, then the cursor moves:
whatever is interrupted is looked at again, and stored and told once all the same.
"""

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from liquidation_engine.chain.executed import AddressSignature
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.ingest.tracker import LiquidationTracker
from liquidation_engine.model import ObservedLiquidation
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)

OVERLAP_SLOTS = 32  # looked at again behind the cursor: a node may list a transaction later than a newer one
LOOKED_AT = 20_000  # transactions that need not be read again
READS_AT_ONCE = 4
SHOWN_IDS = 20

Batch = Sequence[ObservedLiquidation]
Listener = Callable[[list[ObservedLiquidation]], object]


class Cursor(Protocol):
    """The newest transaction that was looked at."""

    @property
    def slot(self) -> int: ...
    @property
    def signature(self) -> str: ...


class Source(Protocol):
    """Where transactions are listed and read."""

    async def signatures(self, *, before: str | None, limit: int) -> Sequence[AddressSignature]:
        """Return transactions from the newest on, or from the one before `before` on."""
        ...

    async def liquidations(self, signature: str) -> list[ObservedLiquidation] | None:
        """Return the liquidations of a transaction, None where the node does not know it yet."""
        ...

    async def owners(self, positions: Sequence[str]) -> Mapping[str, str]:
        """Return position -> owner of those that still exist."""
        ...


class Memory(Protocol):
    """What was seen before, for all observers together."""

    async def diff(self, batch: Batch, *, now_ms: int, publish: bool) -> list[ObservedLiquidation]: ...
    async def seen_total(self) -> int: ...
    async def cursor(self, address: str) -> Cursor | None: ...
    async def note(self, address: str, slot: int, signature: str) -> None: ...


class Archive(Protocol):
    """Where each liquidation is stored once."""

    async def store(self, batch: Batch) -> int: ...
    async def newest(self, market: str) -> tuple[int, str] | None: ...


@dataclass(frozen=True, slots=True)
class Poll:
    """What one look brought."""

    snapshot: list[ObservedLiquidation]
    new: list[ObservedLiquidation]
    seen_total: int
    bootstrap: bool


class LiquidationPoller:
    """Looks at one address."""

    def __init__(
        self,
        source: Source,
        memory: Memory,
        archive: Archive,
        *,
        address: str,
        limit: int = 5,
        ignore_bootstrap: bool = True,
        on_liquidations: Listener | None = None,
        on_new_liquidations: Listener | None = None,
    ) -> None:
        """Take the page size, and who is told of every look and of what is new."""
        self._source, self._memory, self._archive = source, memory, archive
        self._address, self._limit, self._ignore_bootstrap = address, limit, ignore_bootstrap
        self._on_liquidations, self._on_new_liquidations = on_liquidations, on_new_liquidations
        self._looked_at = LiquidationTracker(max=LOOKED_AT)
        self._away = False

    async def run(self, stop: asyncio.Event, *, interval_seconds: float, wake: asyncio.Event) -> None:
        """Look every so often, and when woken, until `stop`; a look that fails is made good by the next."""
        while not stop.is_set():
            wake.clear()
            try:
                await self.poll()
                self._away = False
            except LiquidationEngineError as error:
                if not self._away:
                    log.warning("Liquidations by others could not be looked for", error=str(error))
                self._away = True
            await _woken(stop, wake, interval_seconds)

    async def poll(self) -> Poll:
        """Look once."""
        cursor = await self._cursor()
        entries = await self._entries(cursor)
        snapshot, looked = await self._read([one for one in entries if not self._known(one)])
        snapshot = await self._with_owners(snapshot)
        await self._archive.store(snapshot)
        bootstrap = cursor is None
        new = await self._memory.diff(
            snapshot, now_ms=time.time_ns() // 1_000_000, publish=not (bootstrap and self._ignore_bootstrap)
        )
        self._looked_at.diff({"id": one.signature} for one in looked)
        newest = max(looked, key=lambda one: one.slot, default=None)
        if newest is not None and (cursor is None or newest.slot >= cursor[0]):
            await self._memory.note(self._address, newest.slot, newest.signature)
        found = Poll(snapshot, new, await self._memory.seen_total(), bootstrap)
        await self._tell(found)
        return found

    async def _cursor(self) -> tuple[int, str] | None:
        """Return the newest transaction looked at; where Redis has forgotten it, the newest liquidation stored."""
        kept = await self._memory.cursor(self._address)
        return (kept.slot, kept.signature) if kept else await self._archive.newest(self._address)

    async def _entries(self, cursor: tuple[int, str] | None) -> list[AddressSignature]:
        """Return what happened since the cursor, the oldest first. Pages are read until it is reached; without one, a single page."""
        oldest_slot = 0 if cursor is None else cursor[0] - OVERLAP_SLOTS
        entries: list[AddressSignature] = []
        while True:
            page = await self._source.signatures(before=entries[-1].signature if entries else None, limit=self._limit)
            entries += page
            if cursor is None or len(page) < self._limit or page[-1].slot < oldest_slot:
                return [one for one in reversed(entries) if one.slot >= oldest_slot]

    def _known(self, entry: AddressSignature) -> bool:
        return self._looked_at.knows(entry.signature)

    async def _read(
        self, entries: Sequence[AddressSignature]
    ) -> tuple[list[ObservedLiquidation], list[AddressSignature]]:
        """Return the liquidations and which transactions were looked at: up to the first that the node does not know yet."""
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def one(entry: AddressSignature) -> list[ObservedLiquidation] | None:
            if entry.error is not None:
                return []
            async with gate:
                return await self._source.liquidations(entry.signature)

        found: list[ObservedLiquidation] = []
        looked: list[AddressSignature] = []
        for entry, liquidations in zip(entries, await asyncio.gather(*map(one, entries)), strict=True):
            if liquidations is None:
                break
            found += liquidations
            looked.append(entry)
        return found, looked

    async def _with_owners(self, batch: list[ObservedLiquidation]) -> list[ObservedLiquidation]:
        if not batch:
            return []
        owners = await self._source.owners(sorted({one.position for one in batch}))
        return [replace(one, user=owners.get(one.position, one.user)) for one in batch]

    async def _tell(self, found: Poll) -> None:
        log.info(f"liquidation snapshot size={len(found.snapshot)} new={len(found.new)} totalSeen={found.seen_total}")
        await _call(self._on_liquidations, found.snapshot)
        if found.new and not (found.bootstrap and self._ignore_bootstrap):
            ids = ", ".join(one.id for one in found.new[:SHOWN_IDS])
            log.info(f"new liquidation IDs: {ids}{', ...' if len(found.new) > SHOWN_IDS else ''}")
            await _call(self._on_new_liquidations, found.new)


async def _call(listener: Listener | None, batch: list[ObservedLiquidation]) -> None:
    """Tell a listener; what goes wrong there is its own affair."""
    if listener is None:
        return
    try:
        answer = listener(batch)
        if inspect.isawaitable(answer):
            await answer
    except Exception:
        log.exception("A listener of observed liquidations failed")


async def _woken(stop: asyncio.Event, wake: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(wake.wait())]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
