"""Redis forgets the last second, tells things twice and out of order, or lets two lead at once: each judged by the auditor."""

import asyncio
import contextlib
import random
import shutil
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from faults.fault_run import ELECTED, Run, at_work, run_with_faults
from faults.fault_table import FaultTable
from liquidation_engine.redis_keys import CANDIDATES, LEADER_LOCK
from redis_kinds import PASSWORD, Farm, sentinel

pytestmark = [pytest.mark.slow, pytest.mark.demo, pytest.mark.faults]

# The server is away for a second or two; then entries whose delivery was forgotten come again, or were forgotten themselves and are
# published by the next scan but one: 2 + 8 + 4 + 1 s, of 140 ms slots.
RESTORED_MISSED_SLOTS, SLOT_MS = 110, 140
# Sentinel takes 0.4 s to see it and a second or two to agree with itself; then as above.
FAILOVER_MISSED_SLOTS = 130
# Nothing is lost, and what comes twice costs its share of the workers' time. Slots of 100 ms.
TWICE_MISSED_SLOTS = 110
# Both leaders publish all the while: as without a fault, 50 slots of 400 ms are 20 s, here 9 s. Slots of 100 ms.
TWO_LEADERS_MISSED_SLOTS, TTL_SECONDS = 90, 10.0


async def test_a_redis_restored_from_a_copy_one_second_old_costs_nothing(folder: Path, table: FaultTable) -> None:
    forgotten: list[int] = []

    async def it_is_restored(run: Run) -> None:
        await at_work(run)
        server = run.valkey()
        command = server.cmdline()
        async with Redis.from_url(run.environment("REDIS_URL")) as redis:
            await redis.bgrewriteaof()
            home, copy = folder / "servers" / "valkey", folder / "valkey-copy"
            while (await redis.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            shutil.copytree(home, copy)
            before = (await redis.xinfo_stream(CANDIDATES))["last-generated-id"]
            await asyncio.sleep(1.0)
            forgotten.append((await redis.xinfo_stream(CANDIDATES))["last-generated-id"] != before)
        server.kill()
        shutil.rmtree(home)
        shutil.copytree(copy, home)
        run.start(command)

    ended = await run_with_faults(folder, {}, deed=it_is_restored, missed_slots=RESTORED_MISSED_SLOTS, slot_ms=SLOT_MS)
    table.add("Redis restored from a copy one second old", 1, RESTORED_MISSED_SLOTS, ended)
    assert forgotten == [True]
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_a_failover_by_sentinel_to_a_replica_detached_a_second_before_costs_nothing(
    folder: Path, table: FaultTable
) -> None:
    """The replica lost its master's password, and with it everything of the last second before the master died."""
    behind: list[int] = []
    farm = Farm(folder)
    try:
        servers = await sentinel(farm)

        async def the_master_dies(run: Run) -> None:
            await at_work(run)
            async with (
                Redis(port=servers.master_port, password=PASSWORD) as master,
                Redis(port=servers.replica_port, password=PASSWORD) as replica,
            ):
                await replica.config_set("masterauth", "wrong")
                await master.execute_command("CLIENT KILL TYPE replica")
                await asyncio.sleep(1.0)
                sent, received = [(await one.info("replication"))["master_repl_offset"] for one in (master, replica)]
                behind.append(sent - received)
            servers.master.kill()

        ended = await run_with_faults(
            folder,
            {},
            deed=the_master_dies,
            missed_slots=FAILOVER_MISSED_SLOTS,
            slot_ms=SLOT_MS,
            environment={"REDIS_URL": servers.url},
        )
    finally:
        await farm.stop()
    table.add("Sentinel fails over to a replica one second behind", 1, FAILOVER_MISSED_SLOTS, ended)
    assert behind[0] > 0, "the replica had everything"
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_entries_that_come_twice_and_out_of_order_cost_nothing(folder: Path, table: FaultTable) -> None:
    copies: list[int] = []

    async def entries_come_again_in_another_order(run: Run) -> None:
        await at_work(run)
        shuffled = random.Random(7)
        async with Redis.from_url(run.environment("REDIS_URL")) as redis:
            for _ in range(20):
                entries = await redis.xrevrange(CANDIDATES, count=60)
                shuffled.shuffle(entries)
                for _, fields in entries:
                    await redis.xadd(CANDIDATES, fields)
                copies.append(len(entries))
                await asyncio.sleep(0.3)

    ended = await run_with_faults(folder, {}, deed=entries_come_again_in_another_order, missed_slots=TWICE_MISSED_SLOTS)
    table.add("stream entries twice and shuffled", sum(copies), TWICE_MISSED_SLOTS, ended)
    assert sum(copies) > 50
    assert ended.verdict == (True, 0, 0), ended.faults


async def test_two_leaders_for_a_whole_lock_life_cost_nothing(folder: Path, table: FaultTable) -> None:
    """The lock is taken from under whoever has it, again and again: each believes to lead until it renews, 3 s later."""
    taken: list[int] = []

    async def both_lead(run: Run) -> None:
        await at_work(run)
        end = asyncio.get_running_loop().time() + TTL_SECONDS
        async with Redis.from_url(run.environment("REDIS_URL")) as redis:
            while asyncio.get_running_loop().time() < end:
                with contextlib.suppress(RedisError):
                    taken.append(await redis.delete(LEADER_LOCK))
                await asyncio.sleep(0.5)

    ended = await run_with_faults(folder, {"leader-2": []}, deed=both_lead, missed_slots=TWO_LEADERS_MISSED_SLOTS)
    table.add("two leaders for one lock life", sum(taken), TWO_LEADERS_MISSED_SLOTS, ended)
    elected = [ended.logs[name].count(ELECTED) for name in ("leader", "leader-2")]
    assert min(elected) >= 1
    assert sum(elected) >= 4, elected
    assert ended.verdict == (True, 0, 0), ended.faults
