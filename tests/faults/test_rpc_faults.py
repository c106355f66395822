"""Nodes that refuse, time out, lag, lie or fall silent, and a chain that forks: each judged by the auditor."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faults.fault_run import Ended, Run, at_work, run_with_faults
from faults.fault_table import FaultTable

pytestmark = [pytest.mark.slow, pytest.mark.demo, pytest.mark.faults]

TWO = ("a", "b")
# A call that times out costs 5 s before anything else is tried; a lost stream entry waits 8 s, a scan 2 s; of 100 ms slots.
MISSED_SLOTS = 110
# A transaction can land no more 150 blocks and a finalized lag of 8 slots after its signing; the last resend and the check add 2 s.
EXPIRY_SLOTS = 190


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is wrong at the endpoint `a` (and `b`) once both workers are at work, and what must be seen of it."""

    name: str
    a: Mapping[str, object]
    b: Mapping[str, object] = field(default_factory=dict)
    drop_every: int = 0
    tail_slots: int = 55
    missed_slots: int = MISSED_SLOTS
    logged: str | None = None
    """What at least one instance must have said of it."""


CASES = [
    Case(
        name="RPC takes every second send and times out, at both endpoints",
        a={"unanswered_sends_every": 2},
        b={"unanswered_sends_every": 2},
        logged="Send not accepted",
    ),
    Case(
        name="RPC answers every third request with 429, at both endpoints", a={"refuse_every": 3}, b={"refuse_every": 3}
    ),
    Case(name="RPC refuses everything at the first endpoint", a={"refuse_every": 1}),
    Case(name="RPC lags 50 slots at the first endpoint", a={"lag_slots": 50}),
    Case(
        name="RPC reports landed transactions as unknown at the first endpoint",
        a={"denies_landed": True},
        drop_every=7,
        tail_slots=200,
        missed_slots=EXPIRY_SLOTS,
    ),
    Case(
        name="RPC reports unknown transactions as landed at the first endpoint",
        a={"claims_landed": True},
        drop_every=7,
        tail_slots=200,
        missed_slots=EXPIRY_SLOTS,
    ),
    Case(name="websocket accepts and says nothing at the first endpoint", a={"socket": "mute"}),
    Case(name="websocket is cut at the first endpoint", a={"socket": "cut"}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_node_that_fails_costs_nothing(folder: Path, case: Case, table: FaultTable) -> None:
    async def it_fails(run: Run) -> None:
        await at_work(run)
        await run.localnet("endpoint", "a", case.a)
        await run.localnet("endpoint", "b", case.b)
        await run.localnet("faults", {"drop_every": case.drop_every})

    ended = await run_with_faults(
        folder,
        {},
        deed=it_fails,
        missed_slots=case.missed_slots,
        setup={"endpoints": TWO, "tail_slots": case.tail_slots},
    )
    table.add(case.name, 1, case.missed_slots, ended)
    if case.logged is not None:
        assert any(case.logged in log for log in ended.logs.values())
    assert ended.verdict == (True, 0, 0), ended.faults


FORK_SLOTS, FORK_TAIL_SLOTS = 190, 200


async def test_a_fork_after_confirmation_costs_nothing(folder: Path, table: FaultTable) -> None:
    """Blocks that were confirmed are undone three times: what vanished lands again from the same bytes, or is taken back."""
    forks: list[int] = []

    async def it_forks(run: Run) -> None:
        await at_work(run)
        for depth in (3, 5, 6):
            await run.localnet("fork", depth)
            forks.append(depth)
            await asyncio.sleep(1.5)

    ended: Ended = await run_with_faults(
        folder,
        {},
        deed=it_forks,
        missed_slots=FORK_SLOTS,
        setup={"endpoints": TWO, "tail_slots": FORK_TAIL_SLOTS, "until_final": True},
    )
    table.add("fork: 3, 5 and 6 confirmed blocks undone", len(forks), FORK_SLOTS, ended)
    assert len(forks) == 3
    assert ended.verdict == (True, 0, 0), ended.faults
