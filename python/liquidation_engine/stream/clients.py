"""Makes the client for each kind of Redis. All answer the same calls; what differs is who is asked."""

import asyncio
import sys
from typing import Any, cast

from redis.asyncio import Connection, ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import ExponentialBackoff

from liquidation_engine.stream.redis_url import RedisUrl

RETRIES = 2  # of one command on a broken connection; every command here may safely be repeated
CLUSTER_RETRIES = 5  # there, also the moments in which a slot has no node yet


def make_client(url: str, read: RedisUrl, timeout_seconds: float) -> Redis:
    """Return a client that is not connected yet. A Cluster's is another class that answers the same calls."""
    common: dict[str, Any] = {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "health_check_interval": 30,
        "protocol": 2,
    }
    match read.kind:
        case "server":
            return _server(url, common)
        case "sentinel":
            return _through_sentinel(read, common)
        case "cluster":
            return cast("Redis", _cluster(read, common))


def command_timeout(redis: Redis) -> float | None:
    """Return for how many seconds one command is waited for, whatever the kind of client."""
    options = redis.connection_kwargs if isinstance(redis, RedisCluster) else redis.connection_pool.connection_kwargs
    limit: float | None = options.get("socket_timeout")
    return limit


def _server(url: str, common: dict[str, Any]) -> Redis:
    pool = ConnectionPool.from_url(url, retry=_retry(RETRIES), **common)
    pool.connection_class = cancellable(pool.connection_class)
    return Redis.from_pool(pool)


def _through_sentinel(read: RedisUrl, common: dict[str, Any]) -> Redis:
    options = _without_class(read.options)
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        read.hosts,
        sentinel_kwargs={**common, **read.sentinel_options, **tls, **({"ssl": True} if read.tls else {})},
    )
    pool = _SentinelPool(  # type: ignore[no-untyped-call]
        read.service,
        sentinel,
        connection_class=cancellable(SentinelManagedSSLConnection if read.tls else SentinelManagedConnection),
        check_connection=True,
        retry=_retry(RETRIES),
        **{**common, **options},
    )
    return Redis.from_pool(pool)


def _cluster(read: RedisUrl, common: dict[str, Any]) -> RedisCluster:
    options = {**common, **_without_class(read.options), **({"ssl": True} if read.tls else {})}
    nodes = [ClusterNode(host, port) for host, port in read.hosts]
    client = RedisCluster(startup_nodes=nodes, retry=_retry(CLUSTER_RETRIES), **options)
    kind = cancellable(SSLConnection if read.tls else Connection)
    client.connection_kwargs["connection_class"] = kind  # of the nodes that are found later
    for node in client.startup_nodes:
        node.connection_class = kind
    return client


def _without_class(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "connection_class"}


def _retry(times: int) -> Retry:
    return Retry(ExponentialBackoff(base=0.02, cap=0.2), times)


class _SentinelPool(SentinelConnectionPool):
    """A pool that also closes its connections to the sentinels, which the library leaves open."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:  # the client is closed; a new master only ends the idle connections
            await asyncio.gather(*(sentinel.aclose() for sentinel in self.sentinel_manager.sentinels))


class _Cancellable(Connection):
    """A connection that lets a cancellation through at every moment.

    The library writes under `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that arrives just as
    the write ends: the cancelled task would go on for ever. This can go with Python 3.11.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        finally:
            self.socket_timeout = limit


def cancellable(kind: type[Any]) -> type[Any]:
    """Return the connection class `kind` (plain, TLS, Unix socket, Sentinel's) with cancellation made reliable."""
    return kind if sys.version_info >= (3, 12) else type(f"Cancellable{kind.__name__}", (_Cancellable, kind), {})
