"""The pool: how many connections it holds, and which server it finds where DATABASE_URL names several."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from liquidation_engine.database import Database, Guards
from liquidation_engine.database.pool import place_of
from liquidation_engine.errors import ServerError
from liquidation_engine.servers.probe import free_port

COUNT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'liquidation-engine'"


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(postgres_url, max_size=3, timeout_seconds=1.0)
    yield database
    await database.close()


async def test_no_more_connections_are_held_than_allowed_however_many_ask(database: Database) -> None:
    guards = Guards(database)
    await asyncio.gather(*(guards.claim(f"position-{n}", "w") for n in range(60)))
    observer = await asyncpg.connect(database.url)
    assert await observer.fetchval(COUNT) <= 3
    await observer.close()


async def test_who_finds_no_free_connection_for_long_is_told_and_the_pool_goes_on(database: Database) -> None:
    held = [await database.pool.acquire() for _ in range(3)]
    with pytest.raises(ServerError, match="did not answer"):
        await Guards(database).claim("position-1", "w")
    for connection in held:
        await database.pool.release(connection)
    assert (await Guards(database).claim("position-1", "w")).fence == 1


def beside(url: str, other: str, query: str = "") -> str:
    """Return a URL that names another server before the one of `url`."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}@{other},{host}", query=query))


async def test_of_several_servers_one_that_is_away_is_passed_by(postgres_url: str) -> None:
    database = await Database.connect(beside(postgres_url, f"127.0.0.1:{free_port()}"), max_size=2)
    assert (await Guards(database).claim("position-1", "w")).fence == 1
    await database.close()


async def test_a_server_that_takes_no_writes_is_left_for_one_that_does(postgres_url: str) -> None:
    """Its connections are closed, so that the next ones look anew."""
    database = await Database.connect(postgres_url, max_size=2)
    guards = Guards(database)
    assert (await guards.claim("position-1", "w")).fence == 1
    async with database.pool.acquire() as connection:
        await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(ServerError, match="takes no writes"):
        await guards.claim("position-1", "w")
    assert (await guards.claim("position-1", "w")).fence == 2
    await database.close()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://u:secret@h/d", "h:5432/d"),
        ("postgresql://u:secret@h:1,i:2/d?target_session_attrs=read-write", "h:1,i:2/d"),
        ("postgresql://u:secret@h,[::1]:7/d", "h:5432,[::1]:7/d"),
        ("postgresql:///d?host=/run/postgresql", "local socket:5432/d"),
    ],
)
def test_a_place_names_every_server_and_no_secret(url: str, place: str) -> None:
    assert place_of(url) == place
