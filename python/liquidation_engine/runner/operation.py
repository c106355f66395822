"""The three paths of an instance that does not serve the API: its own health, readiness and metrics."""

import asyncio

from liquidation_engine.api import Health, create_operation_app, open_port, serve_api
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.model import InstanceState
from liquidation_engine.runner.engine import VERSION, Instance
from liquidation_engine.stream import queue_status

CHECKS = ("runs", "kill switch", "queue")
CHECK_SECONDS = 3.0


class OwnHealth:
    """What this instance knows of itself, without asking Postgres: a probe must answer while that is away."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def health(self) -> Health:
        """Return what is wrong with this instance."""
        settings = self._instance.settings
        found = {"runs": self._runs(), "kill switch": self._kill_switch(), "queue": await self._queue()}
        return Health(
            failures={name: wrong for name, wrong in found.items() if wrong is not None},
            checks=CHECKS,
            tracked_assets=len(self._instance.market.mint_of),
            total_positions=self._instance.observation.positions,
            poll_limit=settings.poll_limit,
            rpc={"endpoints": len(settings.rpc_urls)},
        )

    async def ready(self) -> str | None:
        """Return which roles do not work yet."""
        waiting = self._instance.observation.waiting_for
        return f"not ready yet: {', '.join(waiting)}" if waiting else None

    async def refresh(self) -> None:
        """Bring the queue's gauges up to date."""
        self._instance.observation.metrics.queue(await queue_status(self._instance.redis))

    def _runs(self) -> str | None:
        observation = self._instance.observation
        if observation.state is InstanceState.HEALTHY:
            return None
        since = observation.seconds_since_success
        last = "none has succeeded yet" if since is None else f"the last success is {since:.0f} s old"
        return f"{observation.consecutive_failures} runs failed in a row, {last}"

    def _kill_switch(self) -> str | None:
        """Not knowing is a failure; a stop that somebody ordered is none."""
        refusal = self._instance.kill_switch.refusal
        return refusal if refusal is not None and "unknown" in refusal else None

    async def _queue(self) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await queue_status(self._instance.redis)
        except (LiquidationEngineError, TimeoutError) as error:
            return str(error) or f"no answer within {CHECK_SECONDS:.0f} s"
        return None


async def run_operation(instance: Instance, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    settings, own = instance.settings, OwnHealth(instance)
    sock = open_port(settings.bind, settings.server_port)
    app = create_operation_app(
        own.health,
        own.ready,
        registry=instance.observation.metrics.registry,
        version=VERSION,
        started_at=instance.clock.now(),
        before_scrape=own.refresh,
    )
    await serve_api(app, settings.bind, settings.server_port, stop, listening=sock)
