"""The queue and the workers under load, on embedded Postgres and Valkey.

    python -m benches.load [--only throughput,overhead,backlog,leaders] [--candidates 4000] [--backlog 100000] [--kills 20] [--json]

- `throughput`: candidates per second that 1, 2 and 4 worker processes sustain, each from the stream to its books: lease, guard, intent, ledger,
  acknowledgement. The chain is a double that lands at once, so that the figure is the engine's own. Falling: more round trips or locks.
- `overhead`: what stream, lease, guard and intent cost one candidate that is alone, in ms. Goal: p50 of at most 2.
- `backlog`: a stream of 100,000 drained by two workers; what they and Redis hold in memory at most. Growing with the backlog would mean a leak.
- `leaders`: the leader is killed again and again; time to its successor's first candidate. Goal: the lock's life of 10 s and 1 s more, at most.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import asyncpg
import psutil

from benches.load_leaders import failovers
from benches.load_worker import FIRST_SEEN_MS, LEASE_SECONDS, build
from liquidation_engine.cluster import PositionLease
from liquidation_engine.database import Database, Guards, Intents
from liquidation_engine.database.migrate import migrate
from liquidation_engine.database.scratch import drop_database, scratch_url
from liquidation_engine.model import Candidate, Intent
from liquidation_engine.servers import EmbeddedServers, ServerUrls
from liquidation_engine.stream import CandidateProducer, Redis, connect
from liquidation_engine.testing import candidate, plan, signed
from liquidation_engine.testing.time import START

PARTS = ("throughput", "overhead", "backlog", "leaders")
MEGABYTE = 1_000_000
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Bench:
    """Where the load goes."""

    urls: ServerUrls
    redis: Redis
    producer: CandidateProducer

    @contextmanager
    def workers(self, count: int) -> Iterator[list[psutil.Process]]:
        """Run worker processes until the end of the block."""
        environment = {**os.environ, "DATABASE_URL": self.urls.database_url, "REDIS_URL": self.urls.redis_url}
        command = [sys.executable, "-m", "benches.load_worker"]
        started = [subprocess.Popen([*command, f"worker-{number}"], env=environment) for number in range(count)]
        try:
            yield [psutil.Process(process.pid) for process in started]
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(20)

    async def publish(self, needs: list[Candidate]) -> None:
        """Fill the stream."""
        for start in range(0, len(needs), 1_000):
            await self.producer.publish(needs[start : start + 1_000])

    async def landed(self, expected: int, each_second: Any = lambda: None) -> tuple[int, float]:
        """Wait until so many have landed; return how many candidates there were in how many seconds, from the first landing on."""
        connection = await asyncpg.connect(self.urls.database_url)
        try:
            while True:
                row = await connection.fetchrow(
                    "SELECT count(*), extract(epoch FROM max(closed_at) - min(closed_at)) FROM intents WHERE state = 'landed'"
                )
                assert row is not None
                if row[0] >= expected:
                    return int(row[0]), float(row[1])
                each_second()
                await asyncio.sleep(1.0)
        finally:
            await connection.close()


def needs(tag: str, count: int) -> list[Candidate]:
    """Return so many candidates, each of a position of its own."""
    return [candidate(position=f"{tag}-{n}", id=f"{tag}-{n}", ts=FIRST_SEEN_MS) for n in range(count)]


async def throughput(bench: Bench, count: int) -> list[Row]:
    rows = []
    done = 0
    for workers in (1, 2, 4):
        await forget(bench)
        await bench.publish(needs(f"throughput-{workers}", count))
        with bench.workers(workers):
            done, seconds = await bench.landed(count)
        rows.append(
            (f"candidates/s, {workers} worker process{'es' if workers > 1 else ''}", f"{done / seconds:,.0f}", "")
        )
    return rows


async def overhead(bench: Bench, count: int = 500) -> list[Row]:
    """Take candidates one by one through stream, lease, guard and intent, and time that alone."""
    await forget(bench)
    database = await Database.connect(bench.urls.database_url)
    consumer, _, _ = build("worker-0", database, bench.redis)
    await consumer.start()
    guards, intents = Guards(database), Intents(database)
    times = []
    for need in needs("overhead", count):
        started = time.perf_counter_ns()
        await bench.producer.publish([need])
        [entry] = await consumer.read(1)
        lease = await PositionLease.acquire(bench.redis, need.position, "worker-0", ttl_seconds=LEASE_SECONDS)
        assert lease is not None
        claim = await guards.claim(need.position, "worker-0")
        attempt = await intents.attempts_for(need.position, need.id)
        written = await intents.insert(
            position=need.position,
            fence=claim.fence,
            candidate_id=need.id,
            plan=plan(position=need.position, state_digest=need.id),
            signed=signed(f"{need.position}-{attempt}"),
            attempt=attempt,
            instance_id="worker-0",
            first_seen_at=START,
        )
        assert isinstance(written, Intent)
        await lease.release()
        await consumer.acknowledge(entry.stream_id)
        times.append((time.perf_counter_ns() - started) / 1e6)
    await database.close()
    p50, p99 = quantiles(times, n=100)[49], quantiles(times, n=100)[98]
    return [
        ("stream + lease + guard + intent, p50 ms", f"{p50:.2f}", "<= 2"),
        ("stream + lease + guard + intent, p99 ms", f"{p99:.2f}", ""),
        ("of which twice: a flush of the disk, p50 ms", f"{_flush_milliseconds():.2f}", ""),
    ]


def _flush_milliseconds(times: int = 100) -> float:
    """Return how long this machine takes to make 8 kB durable: two commits of every candidate wait for that."""
    with tempfile.TemporaryFile() as file:
        found = []
        for _ in range(times):
            os.pwrite(file.fileno(), bytes(8192), 0)
            started = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            found.append((time.perf_counter_ns() - started) / 1e6)
    return median(found)


async def backlog(bench: Bench, count: int) -> list[Row]:
    await forget(bench)
    await bench.publish(needs("backlog", count))
    full = (await bench.redis.info("memory"))["used_memory"]
    with bench.workers(2) as processes:
        await asyncio.sleep(5.0)
        early = max(process.memory_info().rss for process in processes)
        seen: list[int] = []
        trimming = asyncio.create_task(_trim(bench))
        done, seconds = await bench.landed(
            count, lambda: seen.append(max(process.memory_info().rss for process in processes))
        )
        trimming.cancel()
        late = max(seen[-5:], default=early)
    await bench.producer.trim()
    empty = (await bench.redis.info("memory"))["used_memory"]
    return [
        (f"backlog of {count:,} drained by 2 workers, s", f"{seconds:,.0f} ({done / seconds:,.0f}/s)", ""),
        (
            "worker's memory after 5 s / most / at the end, MB",
            _megabytes(early, max(seen, default=early), late),
            "bounded",
        ),
        ("Redis with the backlog / after it, MB", _megabytes(full, empty), "bounded"),
    ]


async def _trim(bench: Bench) -> None:
    while True:
        await bench.producer.trim()
        await asyncio.sleep(2.0)


def _megabytes(*sizes: int) -> str:
    return " / ".join(f"{size / MEGABYTE:,.0f}" for size in sizes)


async def forget(bench: Bench) -> None:
    """Empty Redis and the tables, so that each part begins with nothing."""
    await bench.redis.flushdb()
    connection = await asyncpg.connect(bench.urls.database_url)
    await connection.execute("TRUNCATE intents, position_guards CASCADE")
    await connection.close()


async def measured(given: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    parts = given.only.split(",")
    with tempfile.TemporaryDirectory(prefix="liquidation-load-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # noqa: ASYNC240 - the embedded Postgres runs as another user when we are root
        async with EmbeddedServers(folder / "servers") as servers:
            url = scratch_url(servers.urls.database_url)
            await migrate(url)
            urls = ServerUrls(url, servers.urls.redis_url)
            redis = await connect(urls.redis_url)
            producer = CandidateProducer(redis, dedupe_seconds=0.001, maxlen=max(given.backlog, given.candidates) + 1)
            bench = Bench(urls, redis, producer)
            if "overhead" in parts:
                rows += await overhead(bench)
            if "throughput" in parts:
                rows += await throughput(bench, given.candidates)
            if "backlog" in parts:
                rows += await backlog(bench, given.backlog)
            if "leaders" in parts:
                await forget(bench)
                rows += await failovers(urls, redis, folder, given.kills)
            await redis.aclose()
            await drop_database(url)
    return rows


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = argparse.ArgumentParser(description="The queue and the workers under load.")
    arguments.add_argument("--only", default=",".join(PARTS))
    arguments.add_argument("--candidates", type=int, default=4_000)
    arguments.add_argument("--backlog", type=int, default=100_000)
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    rows = asyncio.run(measured(given))
    if given.json:
        print(json.dumps({what: figure for what, figure, _ in rows}))
        return 0
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}\n\n| what | figure | goal |\n| --- | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
