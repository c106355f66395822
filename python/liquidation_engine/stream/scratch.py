"""A Redis that somebody else runs, borrowed for as long as one demo."""

from liquidation_engine.errors import ConfigError
from liquidation_engine.redis_keys import CANDIDATES, DEAD_LETTERS, LEADER_LOCK, RESULTS
from liquidation_engine.stream.connection import connect, translated
from liquidation_engine.stream.redis_url import shown

_PATTERNS = (
    CANDIDATES,
    RESULTS,
    DEAD_LETTERS,
    LEADER_LOCK,
    "dedupe:{liq:candidates}:*",
    "lock:liq:*",
    "atRisk:*",
    "*observed:*",
)


async def borrow(url: str) -> None:
    """Raise ConfigError if an engine uses this Redis database: the demo would take its work."""
    client = await connect(url)
    try:
        with translated("tell whether it is in use"):
            used = await client.exists(CANDIDATES, LEADER_LOCK)
        if used:
            raise ConfigError(
                f"the Redis at {shown(url)} is in use by an engine: point REDIS_URL at an empty database, such as .../5"
            )
    finally:
        await client.aclose()


async def give_back(url: str) -> None:
    """Delete every key of the engine's."""
    client = await connect(url)
    try:
        with translated("delete the demo's keys"):
            for pattern in _PATTERNS:
                async for key in client.scan_iter(match=pattern, count=500):
                    await client.delete(key)
    finally:
        await client.aclose()
