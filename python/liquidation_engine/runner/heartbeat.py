"""The instance's sign of life: written down at once, when something worth telling changes, and every 30 seconds."""

import asyncio
import os
import socket

import structlog

from liquidation_engine.api import state_of
from liquidation_engine.cluster import Heartbeat
from liquidation_engine.database import Identity, Instances
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.runner.engine import VERSION, Instance
from liquidation_engine.stream import server_facts

log = structlog.get_logger(__name__)

FAREWELL_SECONDS = 2.0


class Signs:
    """Writes the heartbeat, and brings the gauges of what only the books and the servers know up to date."""

    def __init__(self, instance: Instance) -> None:
        settings = instance.settings
        self._instance = instance
        self._instances = Instances(instance.database)
        self._identity = Identity(
            instance_id=settings.instance_id,
            roles=settings.active_roles,
            pid=os.getpid(),
            host=socket.gethostname(),
            version=VERSION,
            region=settings.region,
            tiers=settings.tiers,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Give signs of life until `stop`, then say that nobody has to miss this instance."""
        await Heartbeat(self.beat, changed=self._instance.observation.changed).run(stop)
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self.beat()  # what was done since the last one
                await self._instances.stopped(self._identity.instance_id)
        except (LiquidationEngineError, TimeoutError) as error:
            log.warning("The others could not be told of the end", error=str(error) or type(error).__name__)

    async def beat(self) -> None:
        """Write down what happened since the last sign of life; what cannot be written is kept for the next."""
        observation = self._instance.observation
        activity = observation.take_activity()
        try:
            counted_from = await self._instances.heartbeat(
                self._identity,
                stats=observation.stats(),
                seconds_since_success=observation.seconds_since_success,
                consecutive_failures=observation.consecutive_failures,
                activity=activity,
            )
        except BaseException:
            observation.give_back(activity)
            raise
        observation.counted_from(counted_from)
        await self._read_windows()
        await self._read_servers()

    async def _read_windows(self) -> None:
        rows, metrics = await self._instances.all(), self._instance.observation.metrics
        metrics.instance_states(state_of(row) for row in rows)
        for row in rows:
            if row["instance_id"] == self._identity.instance_id:
                metrics.checks_24h.set(row["checks_24h"])
                metrics.liquidations_24h.set(row["liquidations_24h"])

    async def _read_servers(self) -> None:
        metrics = self._instance.observation.metrics
        facts = await server_facts(self._instance.redis)
        metrics.redis_memory_bytes.set(facts.memory_bytes)
        metrics.redis_evicted.set(facts.evicted)
        metrics.redis_aof_ok.set(facts.aof_ok)
        if self._instance.wallet is not None:
            metrics.wallet_lamports.set(await self._instance.rpc.balance(self._instance.wallet.pubkey))
