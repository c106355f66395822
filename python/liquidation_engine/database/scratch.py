"""A database that lives as long as one demo, on a server that somebody else runs."""

import os
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from liquidation_engine.database.pool import unreachable

PREFIX = "liquidation_demo_"
_SECONDS = 10.0


def scratch_url(url: str) -> str:
    """Return the URL of a database with a fresh name on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{PREFIX}{os.urandom(4).hex()}"))


async def drop_database(url: str) -> None:
    """Drop a database that `scratch_url` named, whoever is still connected to it; no other one."""
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if not name.startswith(PREFIX):
        raise ValueError(f"{name!r} is no scratch database, expected {PREFIX}...")
    maintenance = urlunsplit(parts._replace(path="/postgres"))
    with unreachable(maintenance):
        connection = await asyncpg.connect(maintenance, timeout=_SECONDS, command_timeout=_SECONDS)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close(timeout=_SECONDS)
