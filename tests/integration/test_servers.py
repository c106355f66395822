"""Embedded Postgres and Valkey: started, stopped, found again, and ended for certain when their owner dies."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio

from liquidation_engine.errors import ServerError
from liquidation_engine.servers import EmbeddedServers, ServerUrls, postgres, valkey

_OWNER = """
import asyncio, sys
from pathlib import Path
from liquidation_engine.servers import EmbeddedServers

async def own():
    servers = EmbeddedServers(Path(sys.argv[1]))
    urls = await servers.start()
    print(urls.database_url, urls.redis_url, *(process.pid for process in servers.processes), flush=True)
    await asyncio.sleep(600)

asyncio.run(own())
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder below the system's temporary folder, short and reachable for the user Postgres runs as."""
    path = Path(tempfile.mkdtemp(prefix="liquidation-servers-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A data folder in a folder that only its owner may enter."""
    path = Path(tempfile.mkdtemp(prefix="liquidation-closed-"))
    path.chmod(0o700)
    yield path / "data"
    shutil.rmtree(path, ignore_errors=True)


async def sql(url: str, *statements: str) -> object:
    connection = await asyncpg.connect(f"{url.rsplit('/', 1)[0]}/postgres", timeout=5.0)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def valkey_command(url: str, *words: str) -> object:
    async with redis.asyncio.Redis.from_url(url, decode_responses=True) as client:
        return await client.execute_command(*words)  # type: ignore[no-untyped-call]


def living(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def wait_until_gone(pids: list[int], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while living(pids):
        assert time.monotonic() < deadline, f"processes {living(pids)} still run"
        time.sleep(0.02)


@pytest.fixture
def owner(folder: Path) -> Iterator[tuple[subprocess.Popen[str], ServerUrls, list[int]]]:
    """Another process that owns the folder's servers."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _OWNER, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    database_url, redis_url, *pids = process.stdout.readline().split()
    try:
        yield process, ServerUrls(database_url, redis_url), [int(pid) for pid in pids]
    finally:
        process.kill()
        process.wait()
        for pid in living([int(pid) for pid in pids]):  # only where the test failed
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)


async def test_both_serve_with_the_settings_that_money_needs(folder: Path) -> None:
    async with EmbeddedServers(folder) as servers:
        urls = servers.urls
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await sql(urls.database_url, f"SHOW {name}") == "on"
        for name, value in (("appendonly", "yes"), ("maxmemory-policy", "noeviction"), ("bind", "127.0.0.1")):
            assert await valkey_command(urls.redis_url, "CONFIG", "GET", name) == {name: value}


async def test_stop_ends_both_processes_within_three_seconds_though_clients_are_connected(folder: Path) -> None:
    servers = EmbeddedServers(folder)
    urls = await servers.start()
    pids = [process.pid for process in servers.processes]
    children = [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]
    assert len(pids) == 2
    connection = await asyncpg.connect(f"{urls.database_url.rsplit('/', 1)[0]}/postgres")
    began = time.monotonic()
    await servers.stop()
    assert time.monotonic() - began < 3.0
    wait_until_gone([*pids, *children], 1.0)
    connection.terminate()


async def test_frozen_server_is_ended_too(folder: Path) -> None:
    servers = EmbeddedServers(folder)
    await servers.start()
    pids = [process.pid for process in servers.processes]
    for pid in pids:
        psutil.Process(pid).suspend()
    began = time.monotonic()
    await servers.stop()
    assert time.monotonic() - began < 3.0
    assert living(pids) == []


async def test_data_is_there_after_a_restart_which_takes_less_than_two_seconds(folder: Path) -> None:
    async with EmbeddedServers(folder) as servers:
        await sql(servers.urls.database_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        await valkey_command(servers.urls.redis_url, "SET", "kept", "7")
    began = time.monotonic()
    async with EmbeddedServers(folder) as servers:
        assert time.monotonic() - began < 2.0
        assert await sql(servers.urls.database_url, "SELECT n FROM kept") == 7
        assert await valkey_command(servers.urls.redis_url, "GET", "kept") == "7"


async def test_servers_refuse_clients_without_the_password(folder: Path) -> None:
    async with EmbeddedServers(folder) as servers:
        address = servers.urls.database_url.split("@")[1]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://liquidation:guess@{address}")
        with pytest.raises(redis.exceptions.AuthenticationError):
            await valkey_command(f"redis://{servers.urls.redis_url.split('@')[1]}", "PING")
    secrets = [folder / name for name in ("postgres.password", "valkey.password", "valkey.conf")]
    assert [path.stat().st_mode & 0o077 for path in secrets] == [0, 0, 0]


async def test_servers_die_with_an_owner_that_was_killed(
    owner: tuple[subprocess.Popen[str], ServerUrls, list[int]],
) -> None:
    process, _, pids = owner
    assert living(pids) == pids
    process.send_signal(signal.SIGKILL)
    if sys.platform == "linux":
        wait_until_gone(pids)


async def test_next_owner_ends_what_a_killed_one_left_and_finds_its_data(
    folder: Path, owner: tuple[subprocess.Popen[str], ServerUrls, list[int]]
) -> None:
    process, urls, pids = owner
    await sql(urls.database_url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    for pid in pids:  # so that the signal at the owner's death does not reach them in time
        psutil.Process(pid).suspend()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert living(pids) == pids
    async with EmbeddedServers(folder) as servers:
        assert living(pids) == []
        assert await sql(servers.urls.database_url, "SELECT n FROM kept") == 7


async def test_pid_files_of_processes_that_are_gone_do_no_harm(folder: Path) -> None:
    async with EmbeddedServers(folder) as servers:
        for process in servers.processes:
            process.kill()
    async with EmbeddedServers(folder) as servers:
        assert await sql(servers.urls.database_url, "SELECT 1") == 1


async def test_folder_of_a_living_owner_is_refused_and_left_alone(
    folder: Path, owner: tuple[subprocess.Popen[str], ServerUrls, list[int]]
) -> None:
    process, urls, pids = owner
    with pytest.raises(
        ServerError, match=f"is in use by process {process.pid}: stop that process or name another folder"
    ):
        await EmbeddedServers(folder).start()
    assert living(pids) == pids
    assert await sql(urls.database_url, "SELECT 1") == 1


async def test_folder_can_be_taken_again_after_stop(folder: Path) -> None:
    servers = EmbeddedServers(folder)
    for _ in range(2):
        await servers.start()
        await servers.stop()
    await servers.stop()


async def test_unexpected_end_is_noticed_and_named(folder: Path) -> None:
    async with EmbeddedServers(folder) as servers:
        watching = asyncio.create_task(servers.ended())
        await asyncio.sleep(0)
        assert not watching.done()
        [valkey_process] = [process for process in servers.processes if process.name == "Valkey"]
        valkey_process.kill()
        assert "Valkey ended with code -9" in await asyncio.wait_for(watching, 5.0)


async def test_given_urls_are_used_as_they_are_and_the_folder_stays_untouched(folder: Path) -> None:
    untouched = folder / "none"
    async with EmbeddedServers(untouched, database_url="postgresql://there/x", redis_url="redis://there") as servers:
        assert servers.urls == ServerUrls("postgresql://there/x", "redis://there")
        assert servers.processes == []
    assert not untouched.exists()


async def test_one_given_url_spares_one_server(folder: Path) -> None:
    async with EmbeddedServers(folder, database_url="postgresql://there/x") as servers:
        assert [process.name for process in servers.processes] == ["Valkey"]
        assert servers.urls.database_url == "postgresql://there/x"


async def test_cluster_that_cannot_start_names_its_log_and_leaves_nothing_running(folder: Path) -> None:
    async with EmbeddedServers(folder):
        pass
    configuration = folder / "postgres" / "data" / "postgresql.conf"
    configuration.write_text("no such setting\n")
    servers = EmbeddedServers(folder)
    with pytest.raises(ServerError, match=r"(?s)Postgres did not serve.*postgres\.log.*syntax error"):
        await servers.start()
    assert servers.processes == []
    await asyncio.to_thread(configuration.write_text, "")
    await servers.start()
    await servers.stop()


async def test_cancelled_start_leaves_nothing_running_and_the_folder_free(folder: Path) -> None:
    servers = EmbeddedServers(folder)
    starting = asyncio.create_task(servers.start())
    while not servers.processes:  # noqa: ASYNC110 - to cancel at the first moment something runs
        await asyncio.sleep(0.001)
    pids = [process.pid for process in servers.processes]
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert living(pids) == []
    async with EmbeddedServers(folder) as again:
        assert await sql(again.urls.database_url, "SELECT 1") == 1


@pytest.mark.parametrize(
    ("module", "find", "variable"),
    [(postgres, postgres.find_installation, "DATABASE_URL"), (valkey, valkey.find_binary, "REDIS_URL")],
)
def test_missing_binary_says_what_to_install_or_set(
    monkeypatch: pytest.MonkeyPatch, module: object, find: object, variable: str
) -> None:
    assert callable(find)
    monkeypatch.setattr(module, "_PACKAGE", "package_that_does_not_exist")
    with pytest.raises(ServerError, match=rf"is not installed.*no {variable} is set: .*liquidation-engine\[localnet\]"):
        find()
    monkeypatch.setattr(module, "_PACKAGE", "json")
    with pytest.raises(ServerError, match=r"has no .*binary: install the package again"):
        find()


async def test_root_below_a_closed_folder_moves_postgres_to_a_shelter_that_goes_with_the_folder(
    closed_folder: Path,
) -> None:
    """Postgres refuses root, and the user it runs as cannot enter: no permission is widened for it."""
    async with EmbeddedServers(closed_folder) as servers:
        assert await sql(servers.urls.database_url, "CREATE TABLE kept (n int)", "SELECT 1") == 1
    async with EmbeddedServers(closed_folder) as servers:
        assert await sql(servers.urls.database_url, "SELECT count(*) FROM kept") == 0
    assert closed_folder.parent.stat().st_mode & 0o777 == 0o700
    note = closed_folder / "postgres.shelter"
    if not note.exists():
        pytest.skip("only root needs a shelter")
    shelter = Path(note.read_text())
    assert await asyncio.to_thread(shelter.is_dir)
    shutil.rmtree(closed_folder)
    async with EmbeddedServers(closed_folder):
        assert not await asyncio.to_thread(shelter.exists)
    shutil.rmtree(note.read_text())
