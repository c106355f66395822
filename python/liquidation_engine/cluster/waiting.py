"""Waiting that a stop event ends, and waiting for a task that is told to end."""

import asyncio

from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait up to `seconds` and return whether `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return stop.is_set()
    return True


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel `task` and wait until it is over, without swallowing a cancellation of the caller."""
    while not task.done():  # a library may swallow one cancellation; the second finds the task elsewhere
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("Task ended with an error", task=task.get_name(), error=str(error) or type(error).__name__)
