"""The API role: serves what the database and the nodes know, until told to stop."""

import asyncio

from liquidation_engine.api import DatabaseViews, MetricsFeed, create_app, open_port, serve_api
from liquidation_engine.database import History
from liquidation_engine.runner.engine import VERSION, Instance
from liquidation_engine.stream.status import queue_status

STALE_SECONDS = 10.0


async def run_api(instance: Instance, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    settings = instance.settings
    sock = open_port(settings.bind, settings.server_port)
    host, port = sock.getsockname()[:2]
    checks = NodeChecks(instance)
    views = DatabaseViews(
        instance.database,
        checks={"slot": checks.slot, "oracle": checks.oracle, "queue": checks.queue},
        tracked_assets=len(instance.market.mint_of),
        poll_limit=settings.poll_limit,
        rpc=lambda: {"endpoints": len(settings.rpc_urls), "slot": checks.newest_slot},
    )
    metrics = instance.observation.metrics
    feed = MetricsFeed(
        metrics,
        views,
        positions=History(instance.database).position_count,
        queue=lambda: queue_status(instance.redis),
    )
    app = create_app(
        views,
        registry=metrics.registry,
        version=VERSION,
        started_at=instance.clock.now(),
        instance_id=settings.instance_id,
        before_scrape=feed.refresh,
    )
    instance.observation.api_url = f"http://{host}:{port}"
    instance.observation.mark_ready("api")
    await serve_api(app, settings.bind, settings.server_port, stop, listening=sock)


class NodeChecks:
    """What /health asks of nodes and Redis; each check returns what is wrong, or None."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.newest_slot = 0
        self._moved_at = instance.clock.monotonic_ns()

    async def slot(self) -> str | None:
        """Find the chain standing still."""
        slot = await self._instance.rpc.slot()
        now = self._instance.clock.monotonic_ns()
        if slot > self.newest_slot:
            self.newest_slot, self._moved_at = slot, now
        seconds = (now - self._moved_at) / 1e9
        return f"the slot has been {slot} for {seconds:.0f} s" if seconds > STALE_SECONDS else None

    async def oracle(self) -> str | None:
        """Find prices that the program would refuse as too old."""
        stale = await self._instance.venue.overdue(self._instance.rpc, self._instance.market)
        return f"prices too old for the program: {', '.join(stale)}" if stale else None

    async def queue(self) -> str | None:
        """Find Redis away."""
        await queue_status(self._instance.redis)
        return None
