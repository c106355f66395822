"""Kills the leader of two, again and again, and times its successor's first candidate."""

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import orjson

from liquidation_engine.redis_keys import CANDIDATES, LEADER_LOCK
from liquidation_engine.servers import ServerUrls
from liquidation_engine.stream import Redis

LOCK_SECONDS = 10.0
NAMES = ("leader-1", "leader-2")
PATIENCE_SECONDS = 60.0


async def failovers(urls: ServerUrls, redis: Redis, folder: Path, kills: int) -> list[tuple[str, str, str]]:
    """Return the median and the longest time from a SIGKILL to the next leader's first candidate; nobody works on any."""
    localnet, facts = await _localnet(folder)
    running = {name: _leader(name, urls, facts, folder) for name in NAMES}
    times = []
    chance = random.Random(7)
    try:
        await _both_warm(folder, dict.fromkeys(NAMES, 1))
        starts = dict.fromkeys(NAMES, 1)
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.5, 3.5))
            name = ((await redis.get(LEADER_LOCK)) or b":").decode().split(":")[0]
            running[name].kill()
            killed_ms = time.time() * 1000
            running[name].wait()
            times.append((await _first_candidate_after(redis, killed_ms) - killed_ms) / 1000)
            running[name] = _leader(name, urls, facts, folder)
            starts[name] += 1
            await _both_warm(folder, starts)
    finally:
        for process in (*running.values(), localnet):
            process.kill()
            process.wait()
    return [
        (f"leader killed {len(times)} times: next one's first candidate, median s", f"{median(times):.2f}", ""),
        (
            f"leader killed {len(times)} times: next one's first candidate, most s",
            f"{max(times):.2f}",
            f"<= {LOCK_SECONDS + 1:g}",
        ),
    ]


async def _localnet(folder: Path) -> tuple["subprocess.Popen[bytes]", dict[str, str]]:
    """Play a crash to its end: many positions stay liquidatable, since nobody liquidates."""
    command = [sys.executable, "-m", "liquidation_engine", "localnet", "--port=0", "--slot-ms=100", "--scenario=crash"]
    process = subprocess.Popen([*command, "--positions=200"], stdout=subprocess.PIPE)  # noqa: ASYNC220 - at once
    assert process.stdout is not None
    facts = orjson.loads(await asyncio.to_thread(process.stdout.readline))
    await asyncio.sleep(14.0)  # 95 slots until the last price stands, and some to spare
    return process, facts


def _leader(name: str, urls: ServerUrls, facts: dict[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "DATABASE_URL": urls.database_url,
        "REDIS_URL": urls.redis_url,
        "SOLANA_RPC_URL": facts["url"],
        "SOLANA_WS_URL": facts["ws_url"],
        "PROGRAM_ID": facts["program"],
        "MARKET": facts["market"],
        "INSTANCE_ID": name,
        "ROLES": "leader",
        "SERVER_PORT": "0",
        "SCAN_INTERVAL_SECONDS": "5",
    }
    with (folder / f"{name}.log").open("ab") as log:
        command = [sys.executable, "-m", "liquidation_engine", "run"]
        return subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)


async def _both_warm(folder: Path, starts: dict[str, int]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any((folder / f"{name}.log").read_text().count("Book is warm") < times for name, times in starts.items()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _first_candidate_after(redis: Redis, killed_ms: float) -> float:
    """Return when the first entry came that the dead leader cannot have published."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            newest = await redis.xrevrange(CANDIDATES, count=1)
            if newest and (at := float(newest[0][0].decode().split("-")[0])) > killed_ms:
                return at
            await asyncio.sleep(0.005)
