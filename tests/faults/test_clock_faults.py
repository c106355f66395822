"""One instance's clock is five minutes wrong (libfaketime): the slots, the database's clock and monotonic time decide, not its own."""

import glob
import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from faults.fault_run import run_with_faults
from faults.fault_table import FaultTable

pytestmark = [pytest.mark.slow, pytest.mark.demo]

PLACES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")
MISSED_SLOTS = 90  # as without a fault: 9 s, of 100 ms slots


def library() -> str | None:
    named = os.environ.get("LIBFAKETIME")
    return named or next((path for pattern in PLACES for path in glob.glob(pattern)), None)


def began(log: str) -> float:
    """Return what time an instance thought it was when it began."""
    return datetime.fromisoformat(json.loads(log.splitlines()[0])["timestamp"]).timestamp()


@pytest.mark.skipif(library() is None, reason="libfaketime is not installed (Debian: apt-get install faketime)")
@pytest.mark.parametrize(
    ("instance", "offset"),
    [
        ("worker-1", "+5m"),
        pytest.param("worker-1", "-5m", marks=pytest.mark.faults),
        pytest.param("leader", "+5m", marks=pytest.mark.faults),
        pytest.param("leader", "-5m", marks=pytest.mark.faults),
    ],
)
async def test_a_clock_that_is_five_minutes_wrong_costs_nothing(
    folder: Path, instance: str, offset: str, table: FaultTable
) -> None:
    wrong = {
        "LD_PRELOAD": library(),
        "FAKETIME": offset,
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    ended = await run_with_faults(folder, {}, missed_slots=MISSED_SLOTS, setup={"environment": {instance: wrong}})
    assert 290 < abs(began(ended.logs[instance]) - began(ended.logs["api"])) < 330, "the clock was right"
    table.add(f"clock of {instance} {offset}", 1, MISSED_SLOTS, ended)
    assert ended.verdict == (True, 0, 0), ended.faults
