"""Faults reach the instances they are meant for, one for each start; what has been told to end stays ended."""

import asyncio
from pathlib import Path

import pytest

from liquidation_engine.errors import ConfigError
from liquidation_engine.runner import processes
from liquidation_engine.runner.faults import PLAN_VARIABLE, FaultPlan
from liquidation_engine.runner.processes import Child, Children


def test_each_start_takes_the_next_fault_and_later_ones_none() -> None:
    plan = FaultPlan.from_environment({PLAN_VARIABLE: '{"worker-1": ["intent:after:5", "ack:before"]}'})
    starts = [plan.next_start("worker-1") for _ in range(3)]
    assert [start.get("LIQUIDATION_FAULT_AT") for start in starts] == ["intent:after:5", "ack:before", None]
    assert [start["FAULT_POINTS"] for start in starts] == ["true", "true", "false"]
    assert plan.next_start("worker-2") == {"FAULT_POINTS": "false"}


def test_without_a_plan_nothing_fails() -> None:
    assert FaultPlan.from_environment({}).next_start("worker-1") == {"FAULT_POINTS": "false"}


def test_an_instance_that_is_named_is_started_besides() -> None:
    assert FaultPlan({"leader-2": []}).instances == ("leader-2",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worker-1", "is no JSON"),
        ('["worker-1"]', "expected"),
        ('{"worker-1": "intent:after"}', "expected"),
        ('{"worker-1": ["intent:during"]}', "expected stage:before or stage:after"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_bad_input(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        FaultPlan.from_environment({PLAN_VARIABLE: text})


async def test_a_child_told_to_end_while_it_waits_for_its_restart_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.05)
    died = asyncio.Event()

    def on_exit(child: Child, code: int) -> None:
        child.ending = True  # as `end` says, which finds nothing left to end
        died.set()

    children = Children(log_folder=tmp_path, on_exit=on_exit)
    child = await children.start("worker-1", ["--help"], {}, restart=True)
    first = child.process.pid
    await died.wait()
    await asyncio.gather(*children._watchers)
    assert (child.process.pid, len(child.exits)) == (first, 1)
