"""Who counts as healthy, and what all instances together are."""

from datetime import UTC, datetime
from typing import Any

import pytest

from liquidation_engine.api import aggregate
from liquidation_engine.model import InstanceState, instance_state

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def row(name: str, *roles: str, **facts: Any) -> dict[str, Any]:
    return {
        "instance_id": name,
        "roles": list(roles),
        "stopped_at": None,
        "seconds_since_heartbeat": 1.0,
        "seconds_since_success": 2.0,
        "last_successful_run": NOW,
        "consecutive_failures": 0,
        "liquidations_24h": 0,
        "checks_24h": 0,
        "candidates_24h": 0,
        "average_processing_ms": 0.0,
        "version": "1",
        **facts,
    }


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, InstanceState.HEALTHY),
        ({"consecutive_failures": 2}, InstanceState.HEALTHY),
        ({"consecutive_failures": 3}, InstanceState.UNHEALTHY),
        ({"seconds_since_success": 300.0}, InstanceState.HEALTHY),
        ({"seconds_since_success": 300.1}, InstanceState.UNHEALTHY),
        ({"seconds_since_success": None}, InstanceState.UNHEALTHY),  # never run
        ({"seconds_since_success": None, "works": False}, InstanceState.HEALTHY),  # it only serves the API
        ({"seconds_since_heartbeat": 89.9}, InstanceState.HEALTHY),
        ({"seconds_since_heartbeat": 90.0}, InstanceState.DEAD),
        ({"seconds_since_heartbeat": 90.0, "works": False}, InstanceState.DEAD),
        ({"stopped": True, "seconds_since_heartbeat": 900.0}, InstanceState.STOPPED),
    ],
)
def test_an_instance_is_healthy_by_the_rule(facts: dict[str, Any], state: InstanceState) -> None:
    good = {
        "stopped": False,
        "works": True,
        "seconds_since_heartbeat": 0.0,
        "seconds_since_success": 1.0,
        "consecutive_failures": 0,
    }
    assert instance_state(**{**good, **facts}) is state


LEADER, WORKER = row("leader", "leader"), row("worker", "worker")
DEAD = {"seconds_since_heartbeat": 91.0}


@pytest.mark.parametrize(
    ("rows", "status", "works"),
    [
        ([LEADER, WORKER], "healthy", True),
        ([row("all", "api", "leader", "worker")], "healthy", True),
        ([LEADER, WORKER, row("worker-2", "worker", **DEAD)], "degraded", True),
        ([LEADER, WORKER, row("worker-2", "worker", seconds_since_success=None)], "degraded", True),
        ([LEADER, WORKER, row("worker-2", "worker", stopped_at=NOW, **DEAD)], "healthy", True),
        ([LEADER, WORKER, row("api", "api", seconds_since_success=None)], "healthy", True),
        ([LEADER, row("worker", "worker", consecutive_failures=3)], "unhealthy", False),
        ([row("leader", "leader", **DEAD), WORKER], "unhealthy", False),
        ([WORKER], "unhealthy", False),
        ([LEADER], "unhealthy", False),
        ([], "unhealthy", False),
    ],
)
def test_the_whole_is_unhealthy_when_nobody_healthy_detects_or_works(
    rows: list[dict[str, Any]], status: str, works: bool
) -> None:
    answer, does_work = aggregate(rows, "api")
    assert (answer["status"], does_work) == (status, works)


def test_the_answer_has_the_fields_that_operators_know() -> None:
    rows = [
        row("leader", "leader", checks_24h=8_000, seconds_since_success=130.0),
        row("w1", "worker", checks_24h=3, candidates_24h=3, average_processing_ms=100.0, liquidations_24h=2,
            consecutive_failures=1, seconds_since_success=150.0),
        row("w2", "worker", checks_24h=1, candidates_24h=1, average_processing_ms=20.0, liquidations_24h=1,
            seconds_since_success=None, last_successful_run=None),
    ]  # fmt: skip
    answer, _ = aggregate(rows, "leader")
    instances = answer.pop("allInstances")
    assert answer == {
        "status": "degraded",
        "instanceId": "leader",
        "lastSuccessfulRun": "2026-01-02T03:04:05Z",
        "minutesSinceLastSuccess": 2,
        "consecutiveFailures": 1,
        "totalLiquidations24h": 3,
        "totalChecks24h": 8_004,
        "avgProcessingTimeMs": 80.0,  # over candidates, not over instances
    }
    assert isinstance(instances, list)
    assert {
        "instanceId": "w1",
        "isHealthy": True,
        "lastSuccessfulRun": "2026-01-02T03:04:05Z",
        "consecutiveFailures": 1,
        "avgProcessingTimeMs": 100.0,
    }.items() <= instances[1].items()
    assert (instances[2]["isHealthy"], instances[2]["lastSuccessfulRun"]) == (False, None)
