"""What a Redis URL says: which kind of Redis, where, as whom.

| URL | kind |
|---|---|
| `redis://[user:password@]host[:6379][/database]` | one server |
| `redis+sentinel://[user:password@]host[:26379],host,.../service[/database]` | whoever Sentinel says is the service's master |
| `redis+cluster://[user:password@]host[:6379],host,...` | a Cluster, found through any of the hosts |

`rediss` instead of `redis` means TLS in all three, `unix://` a socket on this machine. Behind `?` come options of the client, such as
`ssl_ca_certs=/path/ca.pem`; for Sentinel also `sentinel_username` and `sentinel_password`, without which none are sent to it.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio.connection import parse_url

from liquidation_engine.errors import ConfigError

Kind = Literal["server", "sentinel", "cluster"]

SCHEMES: Final[dict[str, tuple[Kind, bool]]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("server", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
DEFAULT_PORT: Final = 6379
SENTINEL_PORT: Final = 26379
SENTINEL_OPTIONS: Final = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUrl:
    """A URL, taken apart. `options` are the client's own: user, password, database, what stood behind `?`."""

    kind: Kind
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    service: str = ""
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: dict[str, str] = field(default_factory=dict, repr=False)


def read_url(url: str) -> RedisUrl:
    """Take a URL apart; raise ConfigError that shows it without its password where it is none."""
    try:
        return _read(url)
    except ValueError as error:
        raise ConfigError(
            f"REDIS_URL is {shown(url)!r}, expected redis://host:port/database, redis+sentinel://host:port,host:port/service "
            f"or redis+cluster://host:port, with rediss for TLS: {error}"
        ) from error


def shown(url: str) -> str:
    """Return `url` without its user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _read(url: str) -> RedisUrl:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"it begins with {parts.scheme!r}")
    kind, tls = SCHEMES[parts.scheme]
    if kind == "server":
        return RedisUrl(kind=kind, tls=tls, hosts=(), options=_options(url))
    user, _, hosts = parts.netloc.rpartition("@")
    port = SENTINEL_PORT if kind == "sentinel" else DEFAULT_PORT
    found = tuple(_host(text, port) for text in hosts.split(",") if text.strip())
    if not found:
        raise ValueError("it names no host")
    service, _, database = parts.path.strip("/").partition("/")
    if kind == "cluster" and (service or "db=" in parts.query):
        raise ValueError("a Cluster has no databases")
    if kind == "sentinel" and not service:
        raise ValueError("it names no service behind the hosts")
    own, sentinels = _split_query(parts.query)
    plain = urlunsplit(("rediss" if tls else "redis", f"{user}@h" if user else "h", database, own, ""))
    options = _options(plain)
    del options["host"]
    return RedisUrl(kind=kind, tls=tls, hosts=found, service=service, options=options, sentinel_options=sentinels)


def _options(url: str) -> dict[str, Any]:
    """Return the client's options, cast to their types by the library's own reader."""
    return dict(parse_url(url))


def _split_query(query: str) -> tuple[str, dict[str, str]]:
    pairs = parse_qsl(query, keep_blank_values=True)
    sentinels = {name.removeprefix("sentinel_"): value for name, value in pairs if name in SENTINEL_OPTIONS}
    return urlencode([pair for pair in pairs if pair[0] not in SENTINEL_OPTIONS]), sentinels


def _host(text: str, default_port: int) -> tuple[str, int]:
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname:
        raise ValueError(f"{text!r} is no host")
    return parts.hostname, default_port if parts.port is None else parts.port
