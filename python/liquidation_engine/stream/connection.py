"""The connection to Redis, and the one place where its errors become ours."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError, ResponseError

from liquidation_engine.errors import ConfigError, ServerError
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)

RETRIES = 2  # of one command on a broken connection; every command here may safely be repeated


async def connect(url: str, *, timeout_seconds: float = 5.0) -> Redis:
    """Return a client that has answered a ping."""
    try:
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(ExponentialBackoff(base=0.02, cap=0.2), RETRIES),
            health_check_interval=30,
            protocol=2,
        )
        pool.connection_class = cancellable(pool.connection_class)
        redis = Redis.from_pool(pool)
    except ValueError as error:
        raise ConfigError(f"REDIS_URL is {shown(url)!r}, expected redis://host:port/database: {error}") from error
    try:
        with translated("answer", url=url):
            await redis.ping()
            await _warn_about_eviction(redis)
    except BaseException:
        await redis.aclose()
        raise
    return redis


async def _warn_about_eviction(redis: Redis) -> None:
    """Warn where Redis may throw away queue entries when its memory is full."""
    try:
        policy = (await redis.config_get("maxmemory-policy")).get("maxmemory-policy")
    except ResponseError:  # managed servers refuse CONFIG
        log.warning("Redis does not tell its maxmemory-policy; it has to be noeviction")
        return
    if policy not in ("noeviction", b"noeviction"):
        log.warning("Redis may evict queue entries; set maxmemory-policy to noeviction", found=str(policy))


@contextmanager
def translated(action: str, *, url: str | None = None) -> Iterator[None]:
    """Turn what the client raises into a `ServerError` that names the next step."""
    try:
        yield
    except (RedisError, TimeoutError) as error:
        where = f" at {shown(url)}" if url else ""
        raise ServerError(
            f"Redis{where} could not {action}: {error}; check that it runs and that REDIS_URL points to it"
        ) from error


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
    """Return the connection class `kind` (plain, TLS or Unix socket) with cancellation made reliable."""
    return kind if sys.version_info >= (3, 12) else type(f"Cancellable{kind.__name__}", (_Cancellable, kind), {})


def shown(url: str) -> str:
    """Return `url` without its user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
