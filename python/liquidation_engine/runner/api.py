"""The API role: serves what the database and the nodes know, until told to stop."""

import asyncio

from liquidation_engine.runner.engine import Instance


async def run_api(instance: Instance, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    instance.observation.mark_ready()
    await stop.wait()
