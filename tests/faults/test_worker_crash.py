"""A worker that ends at a stage boundary costs nothing: no position is missed, none is sent twice, every landing is in the books."""

import asyncio
import signal
from pathlib import Path

import psutil
import pytest

from faults.fault_run import Run, run_with_faults
from faults.fault_table import FaultTable

STAGES = ("lease", "read", "plan", "simulate", "sign", "intent", "send", "confirm", "settle", "ack")
LEAVES_A_LIVE_INTENT = {"intent:after", "send:before", "send:after", "confirm:before", "confirm:after", "settle:before"}

# A dead worker's entry is taken over after 6 s and at most 2 s until somebody looks, its live intent after 5 and 2 s; a scan is 2 s,
# and a second each for reading, landing and what waits before it: 11 s, of 100 ms slots.
MISSED_SLOTS = 110
ASLEEP_SECONDS = 8.0  # a lease lives 5 s, and a live intent is adopted after 5 to 7 s

pytestmark = [pytest.mark.slow, pytest.mark.demo]


async def test_workers_killed_around_intent_send_and_settle_cost_nothing(folder: Path) -> None:
    """Two kills at once and a third after the restart."""
    faults = {"worker-1": ["intent:after:5", "settle:after:3"], "worker-2": ["send:after:8"]}
    ended = await run_with_faults(folder, faults, missed_slots=MISSED_SLOTS)
    assert (ended.killed("worker-1"), ended.killed("worker-2")) == (2, 1), ended.progress
    assert ended.adopted >= 2
    assert ended.verdict == (True, 0, 0), ended.faults


@pytest.mark.faults
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stage", STAGES)
async def test_a_worker_killed_at_a_boundary_costs_nothing(
    folder: Path, stage: str, when: str, table: FaultTable
) -> None:
    """It is killed there, and once more after its restart."""
    faults = [f"{stage}:{when}:5", f"{stage}:{when}:2"]
    ended = await run_with_faults(folder, {"worker-1": faults}, missed_slots=MISSED_SLOTS)
    injected = ended.killed("worker-1")
    table.add(f"worker SIGKILL {when} {stage}", injected, MISSED_SLOTS, ended)
    assert injected == len(faults), ended.progress
    if f"{stage}:{when}" in LEAVES_A_LIVE_INTENT:
        assert ended.adopted >= injected
    assert ended.verdict == (True, 0, 0), ended.faults


async def the_sleeper_is_woken(run: Run) -> None:
    """Wake worker-1 when it has slept longer than its leases, its stream entries and the patience of others."""
    await run.until_logged("worker-1", "monitoring program:")
    worker = run.process("worker-1")
    while worker.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.05)
    await asyncio.sleep(ASLEEP_SECONDS)
    worker.send_signal(signal.SIGCONT)


@pytest.mark.faults
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stage", STAGES)
async def test_a_worker_that_falls_asleep_at_a_boundary_costs_nothing(
    folder: Path, stage: str, when: str, table: FaultTable
) -> None:
    """What it held was taken over meanwhile; it wakes in the middle of it and goes on."""
    faults = {"worker-1": [f"{stage}:{when}:5:stop"]}
    ended = await run_with_faults(folder, faults, deed=the_sleeper_is_woken, missed_slots=MISSED_SLOTS)
    table.add(f"worker SIGSTOP {when} {stage}, SIGCONT after 8 s", 1, MISSED_SLOTS, ended)
    if f"{stage}:{when}" in LEAVES_A_LIVE_INTENT:
        assert ended.adopted >= 1
    assert ended.verdict == (True, 0, 0), ended.faults
