"""`liquidation-engine run` as an operator starts it: one instance in all roles, a dry run unless told otherwise."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

OUTSIDE = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@asynccontextmanager
async def command(folder: Path, *arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "liquidation_engine", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**OUTSIDE, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(process: asyncio.subprocess.Process, phrase: str, lines: list[dict[str, object]]) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        async for line in process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["message"] == phrase:
                return
    raise AssertionError(f"it ended without saying {phrase!r}: {lines[-3:]}")


async def healthy(url: str) -> dict[str, object]:
    """Return the health once it is well: not before the first scan."""

    def ask() -> dict[str, object] | None:
        try:
            answer: dict[str, object] = json.loads(urllib.request.urlopen(url, timeout=5).read())
        except urllib.error.HTTPError:
            return None
        return answer

    async with asyncio.timeout(20):
        while (found := await asyncio.to_thread(ask)) is None:  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.1)
    return found


async def test_a_dry_run_without_a_key_triggers_and_sends_nothing(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    recording = tmp_path / "recording.sqlite"
    market = ("--port=0", "--scenario=crash", "--positions=100", "--slot-ms=60", f"--recording={recording}")
    async with command(tmp_path, "localnet", *market) as localnet:
        assert localnet.stdout is not None
        chain = json.loads(await localnet.stdout.readline())
        settings = {
            "DATABASE_URL": postgres_url,
            "REDIS_URL": redis_url,
            "SOLANA_RPC_URL": chain["url"],
            "SERVER_PORT": "0",
        }
        async with command(tmp_path, "run", **settings) as engine:
            lines: list[dict[str, object]] = []
            await until(engine, "LIQUIDATION TRIGGERED", lines)
            assert lines[-1]["dry_run"] is True
            api = next(line["url"] for line in lines if line["message"] == "API is listening")
            health = await healthy(f"{api}/health")
            assert health["trackedAssets"] == 8
            engine.send_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                assert await engine.wait() == 0
        localnet.terminate()
        await localnet.wait()
    sends = sqlite3.connect(recording).execute("SELECT DISTINCT endpoint FROM sends").fetchall()
    assert sends == [("scenario",)]


def ask(url: str) -> tuple[int, str]:
    """Return status and body."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def until_status(url: str, status: int) -> str:
    """Ask until the answer has this status, and return its body."""
    async with asyncio.timeout(20):
        while (found := await asyncio.to_thread(ask, url))[0] != status:  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.1)
    return found[1]


async def until_measured(url: str, name: str) -> dict[str, str]:
    """Ask for metrics until this one has a value, and return all of them."""
    while True:
        lines = (await until_status(url, 200)).splitlines()
        metrics = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        if metrics[name] != "NaN":
            return metrics
        await asyncio.sleep(0.1)


async def test_an_instance_without_the_api_serves_three_paths_and_is_seen_in_the_whole(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    market = ("--port=0", "--scenario=calm", "--positions=20", "--slot-ms=60")
    async with command(tmp_path, "localnet", *market) as localnet:
        assert localnet.stdout is not None
        chain = json.loads(await localnet.stdout.readline())
        settings = {
            "DATABASE_URL": postgres_url,
            "REDIS_URL": redis_url,
            "SOLANA_RPC_URL": chain["url"],
            "SERVER_PORT": "0",
            "SCAN_INTERVAL_SECONDS": "1",
        }
        async with (
            command(tmp_path, "run", **settings, INSTANCE_ID="api-1", ROLES="api") as api,
            command(tmp_path, "run", **settings, INSTANCE_ID="both-1", DISABLE_API="true", REGION="eu") as both,
        ):
            urls = []
            for engine in (api, both):
                lines: list[dict[str, object]] = []
                await until(engine, "API is listening", lines)
                urls.append(str(lines[-1]["url"]))
            api_url, both_url = urls

            await until_status(f"{both_url}/ready", 200)
            await until_status(f"{both_url}/health", 200)
            whole = json.loads(await until_status(f"{api_url}/health/liquidator", 200))
            assert (whole["status"], whole["instanceId"]) == ("healthy", "api-1")
            one = next(one for one in whole["allInstances"] if one["instanceId"] == "both-1")
            assert (one["isHealthy"], one["roles"], one["region"]) == (True, ["leader", "worker"], "eu")

            for path in ("/positions", "/health/liquidator", "/docs", "/openapi.json", "/"):
                assert (await asyncio.to_thread(ask, both_url + path))[0] == 404, path
            await until_measured(f"{both_url}/metrics", "liquidation_slot_lag")
            metrics = await until_measured(f"{both_url}/metrics", "liquidation_overdue_positions")
            assert metrics["liquidation_leader"] == "1.0"
            assert metrics["liquidation_redis_aof_ok"] in ("0.0", "1.0")
            assert float(metrics["liquidation_stream_lag"]) == 0
            assert float(metrics["liquidation_slot_lag"]) < 100
            assert float(metrics["liquidation_overdue_positions"]) == 0

            both.send_signal(signal.SIGTERM)
            async with asyncio.timeout(5):
                assert await both.wait() == 0
            left = json.loads(await until_status(f"{api_url}/health/liquidator", 503))
            assert (left["status"], [one["instanceId"] for one in left["allInstances"]]) == ("unhealthy", ["api-1"])
        localnet.terminate()
        await localnet.wait()
