"""What the stream loses the scanner finds, whatever the book has told before."""

from pathlib import Path

import pytest

from faults.fault_run import run_with_faults
from faults.fault_table import FaultTable

pytestmark = [pytest.mark.slow, pytest.mark.demo, pytest.mark.faults]

# A lost entry is found by the next scan, 2 s, or the one after it; a second to liquidate. Slots of 100 ms, and as much again to spare.
MISSED_SLOTS = 90


async def test_entries_that_the_stream_loses_cost_nothing(folder: Path, table: FaultTable) -> None:
    """Every fourth entry that no scan published vanishes, and with it every fortieth notification."""
    ended = await run_with_faults(
        folder, {}, missed_slots=MISSED_SLOTS, setup={"environment": {"*": {"LOSE_EVERY_CANDIDATE": "4"}}}
    )
    lost = sum(log.count("Fault: stream entry lost") for log in ended.logs.values())
    table.add("stream loses every fourth entry", lost, MISSED_SLOTS, ended)
    assert lost >= 3
    assert ended.verdict == (True, 0, 0), ended.faults
