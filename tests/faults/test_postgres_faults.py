"""Postgres is restarted, away, held up, out of connections, or its answer to a commit is lost: each judged by the auditor."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from faults.fault_run import Ended, Run, at_work, run_with_faults
from faults.fault_table import FaultTable
from faults.proxy import Proxy
from liquidation_engine.servers import ServerUrls
from liquidation_engine.servers.folder import DataFolder
from liquidation_engine.servers.postgres import Postgres

pytestmark = [pytest.mark.slow, pytest.mark.demo, pytest.mark.faults]

AWAY_SECONDS = 5.0
# Away for 5 s, and 1 s until the kill switch is known again; an entry that was interrupted is taken over after 8 s, a scan is 2 s, 2 s
# to liquidate: 18 s, of 140 ms slots.
AWAY_MISSED_SLOTS, AWAY_SLOT_MS = 130, 140
# As for a worker that dies: who gets no answer looks again, or leaves it to others.
LOST_MISSED_SLOTS, LOSING_SECONDS = 110, 9.0


@dataclass(frozen=True)
class Database:
    """A Postgres behind a proxy, and the server itself where it is ours to restart."""

    proxy: Proxy
    url: str
    direct_url: str
    server: Postgres | None = None


def through(url: str, port: int) -> str:
    """Return the URL of the same database by way of another port."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit(":", 1)[0] + f":{port}"))


@asynccontextmanager
async def behind_a_proxy(url: str, server: Postgres | None = None) -> AsyncIterator[Database]:
    async with Proxy(urlsplit(url).port or 5432).serving() as proxy:
        yield Database(proxy, through(url, proxy.port), url, server)


async def run(folder: Path, database: Database, deed: object, missed_slots: int, slot_ms: int) -> Ended:
    async def done(run: Run) -> None:
        await at_work(run)
        await deed(run)  # type: ignore[operator]

    return await run_with_faults(
        folder, {}, deed=done, missed_slots=missed_slots, slot_ms=slot_ms, environment={"DATABASE_URL": database.url}
    )


async def test_a_postgres_that_cannot_be_reached_costs_nothing(
    folder: Path, server_urls: ServerUrls, table: FaultTable
) -> None:
    cut: list[int] = []

    async with behind_a_proxy(server_urls.database_url) as database:

        async def it_is_away(_: Run) -> None:
            database.proxy.refuses = True
            cut.append(database.proxy.cut())
            await asyncio.sleep(AWAY_SECONDS)
            database.proxy.refuses = False

        ended = await run(folder, database, it_is_away, AWAY_MISSED_SLOTS, AWAY_SLOT_MS)
    table.add("Postgres unreachable 5 s", 1, AWAY_MISSED_SLOTS, ended)
    assert cut[0] > 5
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_a_postgres_that_answers_nobody_for_a_while_costs_nothing(
    folder: Path, server_urls: ServerUrls, table: FaultTable
) -> None:
    async with behind_a_proxy(server_urls.database_url) as database:

        async def it_is_held_up(_: Run) -> None:
            database.proxy.holds.clear()
            await asyncio.sleep(AWAY_SECONDS)
            database.proxy.holds.set()

        ended = await run(folder, database, it_is_held_up, AWAY_MISSED_SLOTS, AWAY_SLOT_MS)
    table.add("Postgres held up 5 s", 1, AWAY_MISSED_SLOTS, ended)
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_a_postgres_that_is_killed_and_started_again_costs_nothing(folder: Path, table: FaultTable) -> None:
    place = DataFolder(folder / "postgres")
    place.take()
    server = Postgres(place)
    try:
        async with behind_a_proxy(await server.start(), server) as database:

            async def it_is_restarted(_: Run) -> None:
                assert server.process is not None
                server.process.kill()
                await asyncio.sleep(2.0)
                database.proxy.target = urlsplit(await server.start()).port or 0

            ended = await run(folder, database, it_is_restarted, AWAY_MISSED_SLOTS, AWAY_SLOT_MS)
    finally:
        await server.stop()
        place.give_back()
    table.add("Postgres SIGKILL, started again after 2 s", 1, AWAY_MISSED_SLOTS, ended)
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_a_postgres_out_of_connections_costs_nothing(
    folder: Path, server_urls: ServerUrls, table: FaultTable
) -> None:
    taken: list[int] = []
    async with behind_a_proxy(server_urls.database_url) as database:

        async def others_take_all_connections(_: Run) -> None:
            database.proxy.cut()
            async with contextlib.AsyncExitStack() as stack:
                held: list[asyncpg.Connection[asyncpg.Record]] = []
                end = asyncio.get_running_loop().time() + AWAY_SECONDS
                while asyncio.get_running_loop().time() < end:
                    try:
                        held.append(await asyncpg.connect(database.direct_url, database="postgres", timeout=2.0))
                        stack.push_async_callback(held[-1].close)
                    except (asyncpg.PostgresError, OSError, TimeoutError):
                        await asyncio.sleep(0.05)
                taken.append(len(held))

        ended = await run(folder, database, others_take_all_connections, AWAY_MISSED_SLOTS, AWAY_SLOT_MS)
    table.add("Postgres out of connections 5 s", 1, AWAY_MISSED_SLOTS, ended)
    assert taken[0] > 50
    assert any("too many clients" in log or "remaining connection slots" in log for log in ended.logs.values())
    assert ended.verdict == (True, 0, 0), ended.faults


@pytest.mark.parametrize("statement", ["insert_intent", "claim_position", "COMMIT"])
async def test_a_commit_whose_answer_is_lost_costs_nothing(
    folder: Path, server_urls: ServerUrls, statement: str, table: FaultTable
) -> None:
    async with behind_a_proxy(server_urls.database_url) as database:

        async def answers_get_lost(_: Run) -> None:
            database.proxy.lose_every = 5
            database.proxy.loses_answers_to = statement.encode()
            await asyncio.sleep(LOSING_SECONDS)  # the judge, who reads by the same way, has to get his answers
            database.proxy.loses_answers_to = None

        ended = await run(folder, database, answers_get_lost, LOST_MISSED_SLOTS, 100)
        lost = database.proxy.lost
    table.add(f"Postgres did it, every fifth answer is lost: {statement}", lost, LOST_MISSED_SLOTS, ended)
    assert lost >= 5
    assert ended.verdict == (True, 0, 0), ended.faults
