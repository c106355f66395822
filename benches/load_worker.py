"""One worker process for `benches.load`: the real stream, leases, guards, intents and books; a chain that answers at once.

python -m benches.load_worker NAME          (DATABASE_URL and REDIS_URL in the environment; ends with SIGTERM)
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from liquidation_engine.clock import SystemClock
from liquidation_engine.cluster import PositionLease
from liquidation_engine.database import Database, Failures, Guards, Intents
from liquidation_engine.execute.finisher import Finisher
from liquidation_engine.execute.plan import PlanPolicy
from liquidation_engine.execute.pool import Pool, PoolLimits
from liquidation_engine.execute.ports import Executed, NotExecuted
from liquidation_engine.execute.retry import BackOff
from liquidation_engine.execute.worker import Worker, WorkerPolicy
from liquidation_engine.model import Candidate, Plan, Reading, SignedTransaction, Simulated, TransactionRecord
from liquidation_engine.stream import CandidateConsumer, Redis, connect
from liquidation_engine.telemetry.logs import configure_logs
from liquidation_engine.testing import FakeLending, landed_record, reading, signed
from liquidation_engine.testing.builders import view
from liquidation_engine.testing.lending import HEALTHY

FIRST_SEEN_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
LEASE_SECONDS = 5.0


class Market(FakeLending):
    """Every position pays once: what was taken up again after its landing is healthy. Keeps nothing."""

    async def read(self, candidate: Candidate, *, min_context_slot: int) -> Reading:
        if candidate.ts != FIRST_SEEN_MS:
            return HEALTHY
        return reading(view=view(position=candidate.position, state_digest=candidate.id))

    async def simulate(self, plan: Plan, *, min_context_slot: int) -> Simulated:
        return Simulated(error=None, logs=(), units=70_000)

    async def sign(self, plan: Plan, *, units: int, attempt: int) -> SignedTransaction:
        return signed(f"{plan.position}-{attempt}")


class Chain:
    """Lands what it is sent before anybody asks."""

    async def send(self, transaction: bytes) -> str:
        return transaction.decode()

    async def wait(self, signature: str, *, expires_above: int, timeout_seconds: float) -> Executed | None:
        return Executed(101, None)

    async def fate(self, signature: str, *, expires_above: int) -> Executed | NotExecuted:
        return Executed(101, None)

    async def record(self, signature: str) -> TransactionRecord | None:
        return landed_record(signature)

    async def all_known(self, signatures: Sequence[str]) -> bool:
        return True


class Silent:
    """Keeps no times: a backlog must not grow anything here."""

    @contextmanager
    def stage(self, name: str, position: str) -> Iterator[None]:
        yield

    def observe(self, name: str, position: str, milliseconds: float) -> None:
        pass


def build(name: str, database: Database, redis: Redis) -> tuple[CandidateConsumer, Worker, Intents]:
    """Return a worker as the engine has it, but for the chain."""
    intents, guards, market, clock = Intents(database), Guards(database), Market(), SystemClock()
    stages = Silent()
    finisher = Finisher(
        intents=intents, chain=Chain(), lending=market, stages=stages, clock=clock, may_send=lambda: True
    )
    worker = Worker(
        instance_id=name,
        guards=guards,
        intents=intents,
        failures=Failures(database),
        lending=market,
        finisher=finisher,
        leases=lambda position: PositionLease.acquire(redis, position, name, ttl_seconds=LEASE_SECONDS),
        stages=stages,
        clock=clock,
        policy=WorkerPolicy(plan=PlanPolicy(min_profit_micro_usd=1_000), back_off=BackOff(), dry_run=False),
    )
    consumer = CandidateConsumer(
        redis, consumer=name, batch=16, block_milliseconds=200, reclaim_idle_milliseconds=6_000
    )
    return consumer, worker, intents


async def main(name: str) -> None:
    configure_logs("ERROR")
    database = await Database.connect(os.environ["DATABASE_URL"])
    redis = await connect(os.environ["REDIS_URL"])
    consumer, worker, intents = build(name, database, redis)
    await consumer.start()
    pool = Pool(
        consumer,
        worker,
        intents,
        Silent(),
        limits=PoolLimits(concurrency=48),
        may_begin=lambda: True,
        ended=lambda *_: None,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await pool.run(stop)
    await redis.aclose()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
