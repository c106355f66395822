"""What operators watch of Redis itself: memory, evictions, and whether the append-only file is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from liquidation_engine.stream.connection import translated


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Sums over all nodes; `aof_ok` is False where one of them keeps no append-only file or could not write it."""

    memory_bytes: int
    evicted: int
    aof_ok: bool


async def server_facts(redis: Redis) -> ServerFacts:
    """Ask every node that keeps keys."""
    with translated("tell how it is"):
        answer = await redis.info("everything")
    nodes = list(_nodes(answer))
    return ServerFacts(
        memory_bytes=sum(int(node["used_memory"]) for node in nodes),
        evicted=sum(int(node["evicted_keys"]) for node in nodes),
        aof_ok=all(bool(node.get("aof_enabled")) and node.get("aof_last_write_status") == "ok" for node in nodes),
    )


def _nodes(answer: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Return one answer per node: a cluster answers with a mapping by node."""
    return [answer] if "used_memory" in answer else answer.values()
