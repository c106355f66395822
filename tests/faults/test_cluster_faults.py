"""What else may happen to a cluster at work: a worker that sleeps, a leader that dies, a Redis that forgets, stalls or falls over."""

import asyncio
import signal
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from faults.fault_run import ELECTED, Deed, Run, at_work, run_with_faults, spoken
from faults.fault_table import FaultTable

pytestmark = [pytest.mark.slow, pytest.mark.demo, pytest.mark.faults]

ASLEEP_SECONDS = 8.0  # a lease lives 5 s, and a live intent is adopted after 5 to 7 s
LEADER_SECONDS = 10.0  # the life of the leader's lock


# As for a crash: 8 s until a stalled entry is taken over, a scan of 2 s, a second to liquidate; of 100 ms slots.
WORKER_MISSED_SLOTS = 110
# The dead leader's lock lives 10 s; the next one scans at once, and a second later at most all has landed. Slots of 140 ms.
LEADER_MISSED_SLOTS, LEADER_SLOT_MS = 90, 140
# A leader notices that its lock is gone within 3 s and scans anew; leases and back-off do not matter to Postgres. Slots of 100 ms.
FLUSH_MISSED_SLOTS = 70
# Unreachable for 10 s or down for 2, then as after a crash, without the scan that goes on meanwhile: 18.4 and 10.4 s. Slots of 140 ms.
AWAY_SECONDS, DOWN_SECONDS = 10.0, 2.0
AWAY_MISSED_SLOTS, DOWN_MISSED_SLOTS = 132, 75
# Whoever is told to end finishes what it has in work, or hands it back: 2 s, as much until somebody looks, a second to liquidate; the
# leader's lock is free at once. Slots of 100 ms.
TOLD_MISSED_SLOTS = 60
HAND_OVER_SECONDS = 1.0


async def a_worker_sleeps_longer_than_its_lease(run: Run) -> None:
    await at_work(run)
    worker = run.process("worker-1")
    database = await asyncpg.connect(run.environment("DATABASE_URL"))
    while True:  # until it is caught with a live intent in its hands
        worker.send_signal(signal.SIGSTOP)
        if await database.fetchval("SELECT count(*) FROM intents WHERE state = 'live' AND instance_id = 'worker-1'"):
            break
        worker.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.03)
    await database.close()
    await asyncio.sleep(ASLEEP_SECONDS)
    worker.send_signal(signal.SIGCONT)


async def test_a_worker_that_sleeps_longer_than_its_lease_costs_nothing(folder: Path, table: FaultTable) -> None:
    ended = await run_with_faults(
        folder, {}, deed=a_worker_sleeps_longer_than_its_lease, missed_slots=WORKER_MISSED_SLOTS
    )
    table.add("worker SIGSTOP 8 s, SIGCONT", 1, WORKER_MISSED_SLOTS, ended)
    assert ended.adopted >= 1
    assert ended.verdict == (True, 0, 0), ended.faults


@pytest.mark.parametrize("point", ["detect:before:20", "detect:after:3", "queue:before:3", "queue:after:3"])
async def test_a_leader_killed_at_a_boundary_costs_nothing(folder: Path, point: str, table: FaultTable) -> None:
    ended = await run_with_faults(folder, {"leader": [point]}, missed_slots=LEADER_MISSED_SLOTS, slot_ms=LEADER_SLOT_MS)
    stage, when, _ = point.split(":")
    table.add(f"leader SIGKILL {when} {stage}", ended.killed("leader"), LEADER_MISSED_SLOTS, ended)
    assert ended.killed("leader") == 1, ended.progress
    assert ended.logs["leader"].count(ELECTED) == 2
    assert ended.verdict == (True, 0, 0), ended.faults


def active_leader(run: Run) -> str:
    """Return which of two leaders leads, before there was any fault."""
    (name,) = (name for name in ("leader", "leader-2") if ELECTED in run.log(name))
    return name


async def the_active_leader_is_killed(run: Run) -> None:
    await at_work(run)
    run.process(active_leader(run)).kill()


async def the_active_leader_sleeps_and_wakes_deposed(run: Run) -> None:
    await at_work(run)
    leader = run.process(active_leader(run))
    leader.send_signal(signal.SIGSTOP)
    await asyncio.sleep(LEADER_SECONDS + 2)
    leader.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("deed", [the_active_leader_is_killed, the_active_leader_sleeps_and_wakes_deposed])
async def test_the_other_of_two_leaders_takes_over(folder: Path, deed: Deed, table: FaultTable) -> None:
    ended = await run_with_faults(
        folder, {"leader-2": []}, deed=deed, missed_slots=LEADER_MISSED_SLOTS, slot_ms=LEADER_SLOT_MS
    )
    table.add(f"two leaders: {spoken(deed)}", 1, LEADER_MISSED_SLOTS, ended)
    # Either the standby, or the dead one started again: both ask for the lock.
    assert sum(ended.logs[name].count(ELECTED) for name in ("leader", "leader-2")) == 2
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_an_emptied_redis_costs_nothing(folder: Path, table: FaultTable) -> None:
    waiting: list[int] = []

    async def it_is_emptied_three_times(run: Run) -> None:
        await at_work(run)
        async with Redis.from_url(run.environment("REDIS_URL")) as redis:
            for _ in range(3):
                waiting.append(await redis.dbsize())
                await redis.flushall()
                await asyncio.sleep(1.5)

    ended = await run_with_faults(folder, {}, deed=it_is_emptied_three_times, missed_slots=FLUSH_MISSED_SLOTS)
    table.add("Redis FLUSHALL", len(waiting), FLUSH_MISSED_SLOTS, ended)
    assert all(waiting), "there was nothing to lose"
    assert ended.verdict == (True, 0, 0), ended.faults


async def redis_is_unreachable_for_10_s(run: Run) -> None:
    await at_work(run)
    server = run.valkey()
    server.send_signal(signal.SIGSTOP)
    await asyncio.sleep(AWAY_SECONDS)
    assert server.status() == psutil.STATUS_STOPPED
    server.send_signal(signal.SIGCONT)


async def redis_is_killed_and_comes_back(run: Run) -> None:
    await at_work(run)
    server = run.valkey()
    command = server.cmdline()
    server.kill()
    await asyncio.sleep(DOWN_SECONDS)
    assert "Redis could not" in run.log("worker-1") + run.log("worker-2") + run.log("leader")
    run.start(command)


@pytest.mark.parametrize(
    ("deed", "missed_slots"),
    [(redis_is_unreachable_for_10_s, AWAY_MISSED_SLOTS), (redis_is_killed_and_comes_back, DOWN_MISSED_SLOTS)],
)
async def test_a_redis_that_is_away_costs_nothing(
    folder: Path, deed: Deed, missed_slots: int, table: FaultTable
) -> None:
    ended = await run_with_faults(
        folder, {}, deed=deed, missed_slots=missed_slots, slot_ms=LEADER_SLOT_MS, setup={"tail_slots": missed_slots}
    )
    table.add(spoken(deed), 1, missed_slots, ended)
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_instances_that_are_told_to_end_cost_less_than_a_crash(folder: Path, table: FaultTable) -> None:
    """A rolling restart: SIGTERM to each worker and to the active leader, one after the other."""
    told: list[str] = []
    handed_over: list[float] = []

    async def each_is_told(run: Run) -> None:
        await at_work(run)
        leader = active_leader(run)
        other = "leader-2" if leader == "leader" else "leader"
        for name in ("worker-1", "worker-2", leader):
            run.process(name).terminate()
            told.append(name)
            started = time.monotonic()
            if name == leader:
                await run.until_logged(other, ELECTED)
                handed_over.append(time.monotonic() - started)
            await asyncio.sleep(3.0)  # it drains, and is started again

    ended = await run_with_faults(folder, {"leader-2": []}, deed=each_is_told, missed_slots=TOLD_MISSED_SLOTS)
    table.add("SIGTERM to both workers and the active leader", len(told), TOLD_MISSED_SLOTS, ended)
    for name in told:
        assert any(line.startswith(f"{name} (pid") and "ended with 0" in line for line in ended.progress), (
            ended.progress
        )
    assert handed_over[0] < HAND_OVER_SECONDS
    assert ended.verdict == (True, 0, 0), ended.faults
