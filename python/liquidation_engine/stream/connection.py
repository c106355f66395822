"""The connection to Redis, and the one place where its errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from liquidation_engine.errors import ConfigError, ServerError
from liquidation_engine.stream.clients import make_client
from liquidation_engine.stream.redis_url import read_url, shown
from liquidation_engine.telemetry.logs import get_logger

log = get_logger(__name__)


async def connect(url: str, *, timeout_seconds: float = 5.0) -> Redis:
    """Return a client that has answered a ping: of a server, of a service behind Sentinel, or of a Cluster."""
    read = read_url(url)
    try:
        redis = make_client(url, read, timeout_seconds)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"REDIS_URL {shown(url)!r} has an option that is none of the client's: {error}") from error
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
    except ResponseError:  # managed servers and ACL users may not ask
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
