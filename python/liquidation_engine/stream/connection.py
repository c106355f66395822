"""The connection to Redis, and the one place where its errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from redis.asyncio import Redis
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
        redis = Redis.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(ExponentialBackoff(base=0.02, cap=0.2), RETRIES),
            health_check_interval=30,
            protocol=2,
        )
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
    except RedisError as error:
        where = f" at {shown(url)}" if url else ""
        raise ServerError(
            f"Redis{where} could not {action}: {error}; check that it runs and that REDIS_URL points to it"
        ) from error


def shown(url: str) -> str:
    """Return `url` without its user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
