"""Eight workers and two leaders are killed and put to sleep at random, for as long as FAULT_MINUTES says (20).

    FAULT_MINUTES=1 python -m pytest -m faults tests/faults/test_random_kills.py

The market slides evenly, so that FAULT_CANDIDATES (500 a minute) positions become liquidatable over the time. FAULT_SEED draws who
is hit when; the seed is part of the table's row.
"""

import asyncio
import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from faults.fault_run import Run, run_with_faults
from faults.fault_table import FaultTable

MINUTES = float(os.environ.get("FAULT_MINUTES", "20"))
CANDIDATES = int(os.environ.get("FAULT_CANDIDATES", str(round(500 * MINUTES))))
SEED = int(os.environ.get("FAULT_SEED", "7"))
SHARE_LIQUIDATABLE = 0.3  # of a slide's positions
SLOT_MS, TAIL_SLOTS = 400, 75
ASLEEP_SECONDS = 8.0
JUDGE_SECONDS = (
    1_800.0  # 27,000 positions at 40 price steps and 25,000 transactions, in plain Python, beside other work
)
WORKERS = tuple(f"worker-{number}" for number in range(1, 9))
LEADERS = ("leader", "leader-2")

# The worst chain of accidents: the leader dies, 10 s until the other has its lock and 2 s to warm up; who then takes the entry dies too,
# 8 s; the next one sleeps, 8 s; a scan of 2 s, and 3 s to liquidate on a busy machine: 33 s. Slots of 400 ms.
MISSED_SLOTS = 83

pytestmark = [
    pytest.mark.slow,
    pytest.mark.demo,
    pytest.mark.faults,
    pytest.mark.timeout(int(MINUTES * 60 + JUDGE_SECONDS + 300)),
]


class Chaos:
    """Hits somebody every two to five seconds: a SIGKILL, or a sleep longer than every lease; leaders now and then."""

    def __init__(self, seed: int) -> None:
        self.kills, self.sleeps = 0, 0
        self._random = random.Random(seed)

    async def __call__(self, run: Run) -> None:
        await run.until_logged("leader", "Book is warm")
        sleepers: set[asyncio.Task[None]] = set()
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            await asyncio.sleep(self._random.uniform(2.0, 5.0))
            name = self._random.choice(LEADERS if self._random.random() < 0.1 else WORKERS)
            try:
                process = run.process(name)
                if process.status() == psutil.STATUS_STOPPED:
                    continue
                if self._random.random() < 0.6:
                    process.kill()
                    self.kills += 1
                else:
                    process.send_signal(signal.SIGSTOP)
                    self.sleeps += 1
                    sleepers.add(asyncio.create_task(_wake(process)))
            except (AssertionError, psutil.Error):
                continue  # it is being started again
        await asyncio.gather(*sleepers)


async def _wake(process: psutil.Process) -> None:
    await asyncio.sleep(ASLEEP_SECONDS)
    process.send_signal(signal.SIGCONT)


async def test_random_kills_and_sleeps_cost_nothing(folder: Path, table: FaultTable) -> None:
    chaos = Chaos(SEED)
    move_slots = round(MINUTES * 60_000 / SLOT_MS)
    ended = await run_with_faults(
        folder,
        {"leader-2": []},
        deed=chaos,
        missed_slots=MISSED_SLOTS,
        slot_ms=SLOT_MS,
        positions=round(CANDIDATES / SHARE_LIQUIDATABLE),
        workers=len(WORKERS),
        seed=SEED,
        options=["--scenario=slide"],
        setup={
            "move_slots": move_slots,
            "tail_slots": TAIL_SLOTS,
            "step_slots": max(4, move_slots // 40),
            "audit_seconds": JUDGE_SECONDS,
        },
        seconds=MINUTES * 60 + JUDGE_SECONDS + 240,
    )
    hits = chaos.kills + chaos.sleeps
    what = f"{MINUTES:g} min, 8 workers, 2 leaders: {chaos.kills} random SIGKILLs, {chaos.sleeps} sleeps (seed {SEED})"
    table.add(what, hits, MISSED_SLOTS, ended)
    assert hits >= 8 * MINUTES
    assert ended.verdict == (True, 0, 0), ended.faults
