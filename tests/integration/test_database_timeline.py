"""A database that was restored, copied or promoted writes no intent until nothing it has forgotten can land any more."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from conftest import with_database
from database_builders import insert, live_intent
from liquidation_engine.database import Database, Guards, Timeline, migrate
from liquidation_engine.errors import RpcUnavailable, ServerError
from liquidation_engine.model import Intent, KillSwitchOn
from liquidation_engine.runner.timeline import TimelineWatch
from liquidation_engine.servers import EmbeddedServers


class Heights:
    """The chain's heights, as a test sets them."""

    highest, finalized = 1_000, 970
    away = False

    def watch(self, database: Database) -> TimelineWatch:
        return TimelineWatch(Timeline(database), expires_above=lambda: self.highest + 150, finalized_height=self.ask)

    async def ask(self) -> int:
        if self.away:
            raise RpcUnavailable("no endpoint")
        return self.finalized


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(postgres_url, max_size=4)
    yield database
    await database.close()


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def attempt(database: Database, number: int) -> object:
    """Try to write an intent of a position of its own down."""
    position = f"position-{number}"
    claim = await Guards(database).claim(position, "instance-1")
    return await insert(database, claim.fence, signature=f"signature-{number}", position=position)


async def test_a_database_that_stays_what_it_is_never_rests(database: Database) -> None:
    watch = Heights().watch(database)
    assert watch.resting  # nothing is known yet
    await watch.look()
    assert not watch.resting
    assert isinstance(await attempt(database, 1), Intent)
    await watch.look()
    assert not watch.resting


async def test_the_first_looks_of_many_instances_at_once_find_one_database(database: Database) -> None:
    watches = [Heights().watch(database) for _ in range(12)]
    await asyncio.gather(*(watch.look() for watch in watches))
    assert [watch.resting for watch in watches] == [False] * 12
    assert not (await Timeline(database).look()).resting


async def test_a_copy_refuses_intents_from_its_first_moment_until_150_blocks_are_finalized(
    database: Database, postgres_url: str
) -> None:
    await live_intent(database)
    await database.close()
    name = f"liquidation_copy_{secrets.token_hex(4)}"
    source = postgres_url.rsplit("/", 1)[1]
    await execute(with_database(postgres_url, "postgres"), f"CREATE DATABASE {name} TEMPLATE {source}")
    copy = await Database.connect(with_database(postgres_url, name), max_size=4)
    try:
        heights = Heights()
        refused = await attempt(copy, 2)
        assert isinstance(refused, KillSwitchOn)  # though nobody has looked yet
        assert "restored or failed over" in refused.reason

        watch = heights.watch(copy)
        await watch.look()
        assert watch.resting
        heights.highest = 1_040  # another instance knows a higher block
        assert await Timeline(copy).begin_rest(heights.highest + 150) == 1_190
        assert await Timeline(copy).begin_rest(1_100) == 1_190  # and one that lags shortens nothing
        for heights.finalized in (1_150, 1_190):
            await watch.look()
            assert watch.resting
            refused = await attempt(copy, 2)
            assert isinstance(refused, KillSwitchOn)
            assert refused.reason.endswith("finalized block 1190")

        heights.away = True
        with pytest.raises(RpcUnavailable):
            await watch.look()
        assert watch.resting  # not knowing the height ends no rest

        heights.away, heights.finalized = False, 1_191
        await watch.look()
        assert not watch.resting
        assert isinstance(await attempt(copy, 2), Intent)
    finally:
        await copy.close()
        await execute(with_database(postgres_url, "postgres"), f"DROP DATABASE {name} WITH (FORCE)")


async def test_an_intent_that_was_live_before_may_still_be_closed_and_adopted_while_it_rests(
    database: Database, postgres_url: str
) -> None:
    intent = await live_intent(database)
    await execute(postgres_url, "UPDATE database_timeline SET identity = 'another'")
    claim = await Guards(database).claim(intent.position, "instance-2")
    assert claim.live is not None
    assert claim.live.signed == intent.signed


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A folder whose parents hold nothing private: the embedded Postgres may run as another user."""
    folder = Path(tempfile.mkdtemp(prefix="liquidation-timeline-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_real_change_of_timeline_is_noticed_and_a_restart_is_none(server_folder: Path) -> None:
    for _ in range(2):
        async with served(server_folder) as url:
            await migrate(url)
            assert await rests(url) is False
    recover_at_the_next_start(server_folder)
    async with served(server_folder) as url:
        assert await rests(url) is True
        database = await Database.connect(url, max_size=1)
        assert isinstance(await attempt(database, 2), KillSwitchOn)
        await database.close()


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    async with EmbeddedServers(folder, redis_url="redis://127.0.0.1:1") as servers:
        yield servers.urls.database_url


def recover_at_the_next_start(folder: Path) -> None:
    """Let Postgres recover to the end of what it has, and go on from there on a new timeline, as after a restore."""
    (version,) = folder.glob("**/data/PG_VERSION")
    settings, signal = version.with_name("postgresql.auto.conf"), version.with_name("recovery.signal")
    settings.write_text(settings.read_text() + "restore_command = 'false'\n")
    signal.touch()
    shutil.chown(signal, version.stat().st_uid, version.stat().st_gid)


async def rests(url: str) -> bool:
    """Look until the server has recovered, as an instance that starts does."""
    database = await Database.connect(url, max_size=2)
    watch = Heights().watch(database)
    async with asyncio.timeout(20):
        while True:
            try:
                await watch.look()
                break
            except ServerError:  # not recovered yet
                await asyncio.sleep(0.05)
    await database.close()
    return watch.resting
