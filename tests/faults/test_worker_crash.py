"""A worker that ends at a stage boundary costs nothing: no position is missed, none is sent twice, every landing is in the books."""

from pathlib import Path

import pytest

from faults.fault_run import run_with_faults
from faults.fault_table import FaultTable

STAGES = ("lease", "read", "plan", "simulate", "sign", "intent", "send", "confirm", "settle", "ack")
LEAVES_A_LIVE_INTENT = {"intent:after", "send:before", "send:after", "confirm:before", "confirm:after", "settle:before"}

# A dead worker's entry is taken over after 6 s and at most 2 s until somebody looks, its live intent after 5 and 2 s; a scan is 2 s,
# and a second each for reading, landing and what waits before it: 11 s, of 100 ms slots.
MISSED_SLOTS = 110

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
