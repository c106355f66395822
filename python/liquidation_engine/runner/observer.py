"""The leader's look at what others liquidate: puts the poller together, and lets a log subscription wake it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing

import structlog

from liquidation_engine.chain import AddressSignature, program_logs
from liquidation_engine.cluster.waiting import stopped_within
from liquidation_engine.database import ObservedLiquidations
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.ingest.observed import LiquidationPoller
from liquidation_engine.model import ObservedLiquidation
from liquidation_engine.protocols.reference.observed import liquidations_in, owners_of
from liquidation_engine.runner.engine import Instance
from liquidation_engine.stream import ObservedStore

log = structlog.get_logger(__name__)

NOT_LEADING_SECONDS = 1.0
GATHER_SECONDS = 2.0  # after a log, for what lands with it: a busy market is looked at no more often
LIQUIDATION_LOG = "Program data: "  # the program logs data for liquidations alone


class MarketSource:
    """The market's transactions, as the nodes list them."""

    def __init__(self, instance: Instance) -> None:
        self._rpc = instance.rpc
        self._program, self._market = instance.settings.program_id, instance.market.address
        self._mints = instance.market.mint_of

    async def signatures(self, *, before: str | None, limit: int) -> Sequence[AddressSignature]:
        """Return transactions from the newest on, or from the one before `before` on."""
        return await self._rpc.signatures_for(self._market, before=before, limit=limit)

    async def liquidations(self, signature: str) -> list[ObservedLiquidation] | None:
        """Return the liquidations of a transaction, None where the node does not know it yet."""
        executed = await self._rpc.executed(signature)
        return None if executed is None else liquidations_in(executed, self._program, self._mints)

    async def owners(self, positions: Sequence[str]) -> Mapping[str, str]:
        """Return position -> owner of those that still exist."""
        return await owners_of(self._rpc, positions)


class Observer:
    """Looks while this instance leads."""

    def __init__(self, instance: Instance, *, leads: Callable[[], bool]) -> None:
        settings = instance.settings
        self._instance, self._leads = instance, leads
        self._store = ObservedStore(
            instance.redis, max_ids=settings.liquidation_track_max, pruning=settings.liquidation_pruning
        )
        self._poller = LiquidationPoller(
            MarketSource(instance),
            self._store,
            ObservedLiquidations(instance.database),
            address=instance.market.address,
            limit=settings.poll_limit,
            ignore_bootstrap=settings.ignore_bootstrap_batch,
            on_liquidations=self._looked,
            on_new_liquidations=self._found,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`; a standby only waits."""
        wake = asyncio.Event()
        listener = asyncio.create_task(self._listen(wake, stop), name="log subscription")
        try:
            while not await stopped_within(stop, NOT_LEADING_SECONDS):
                if self._leads():
                    await self._while_leading(stop, wake)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _while_leading(self, stop: asyncio.Event, wake: asyncio.Event) -> None:
        seconds = self._instance.settings.poll_interval_ms / 1000
        looking = asyncio.create_task(self._poller.run(stop, interval_seconds=seconds, wake=wake))
        try:
            while self._leads() and not looking.done():
                await stopped_within(stop, NOT_LEADING_SECONDS)
                if stop.is_set():
                    return
            if looking.done():
                looking.result()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _listen(self, wake: asyncio.Event, stop: asyncio.Event) -> None:
        """Wake the poller when the program logs a liquidation; without the subscription the polls alone find it."""
        try:
            market = self._instance.market.address
            async with aclosing(program_logs(self._instance.settings.websocket_url, market, stop=stop)) as logs:
                async for lines in logs:
                    if any(line.startswith(LIQUIDATION_LOG) for line in lines):
                        await stopped_within(stop, GATHER_SECONDS)
                        wake.set()
        except LiquidationEngineError as error:
            log.info("No log subscription, liquidations by others are found by polling", reason=str(error))

    async def _looked(self, snapshot: list[ObservedLiquidation]) -> None:
        metrics = self._instance.observation.metrics
        metrics.snapshot_size.set(len(snapshot))
        metrics.seen_total.set(await self._store.seen_total())

    def _found(self, new: list[ObservedLiquidation]) -> None:
        self._instance.observation.metrics.new_events_total.inc(len(new))
