"""Real Postgres and Valkey for the tests that ask for them.

One pair of servers for the session, or those that DATABASE_URL and REDIS_URL name. Each test that asks for `postgres_url` gets a freshly
migrated database of its own, copied from a template; `redis_url` is an emptied Redis, so that tests using it must not run in parallel
against one external server.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis

from liquidation_engine.database import migrate
from liquidation_engine.servers import EmbeddedServers, ServerUrls

T = TypeVar("T")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Postgres reaches as the other user it runs as under root; pytest closes its own, also when a second pytest begins."""
    with tempfile.TemporaryDirectory(prefix="liquidation-tests-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def server_urls() -> Iterator[ServerUrls]:
    """Both servers, started once."""
    folder = Path(tempfile.mkdtemp(prefix="liquidation-tests-"))
    servers = EmbeddedServers(
        folder, database_url=os.environ.get("DATABASE_URL"), redis_url=os.environ.get("REDIS_URL")
    )
    try:
        yield _run(servers.start())
    finally:
        _run(servers.stop())
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_template(server_urls: ServerUrls) -> Iterator[str]:
    """The name of a migrated database that nobody connects to."""
    name = f"liquidation_template_{secrets.token_hex(4)}"
    _run(migrate(with_database(server_urls.database_url, name)))
    yield name
    _run(_administer(server_urls.database_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def postgres_url(server_urls: ServerUrls, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = f"liquidation_test_{secrets.token_hex(4)}"
    _run(_administer(server_urls.database_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield with_database(server_urls.database_url, name)
    _run(_administer(server_urls.database_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def empty_postgres_url(server_urls: ServerUrls) -> Iterator[str]:
    """The URL of a database that does not exist yet."""
    name = f"liquidation_test_{secrets.token_hex(4)}"
    yield with_database(server_urls.database_url, name)
    _run(_administer(server_urls.database_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture
def redis_url(server_urls: ServerUrls) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(server_urls.redis_url) as client:
        client.flushdb()
    return server_urls.redis_url


def with_database(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(with_database(url, "postgres"), timeout=10.0)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(work: Coroutine[object, object, T]) -> T:
    """Run to the end on a loop of its own, leaving the test's loop alone."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
