"""`/health/liquidator`: all instances as one, and whether they do their work.

The top level sums up every instance that has runs (leaders and workers); `allInstances` shows each, also those that only serve the API.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from liquidation_engine.model import InstanceState, instance_state

Row = Mapping[str, Any]

WORKING_ROLES = frozenset({"leader", "worker"})


def state_of(row: Row) -> InstanceState:
    """Return how the instance of a row does."""
    return instance_state(
        stopped=row.get("stopped_at") is not None,
        works=works(row),
        seconds_since_heartbeat=row["seconds_since_heartbeat"],
        seconds_since_success=row.get("seconds_since_success"),
        consecutive_failures=row.get("consecutive_failures", 0),
    )


def works(row: Row) -> bool:
    """Say whether an instance has runs: one that only serves the API has none."""
    return bool(WORKING_ROLES & set(row["roles"]))


def aggregate(rows: Iterable[Row], instance_id: str) -> tuple[dict[str, object], bool]:
    """Return the answer and whether the work is done at all; `instance_id` is the instance that answers."""
    shown = [(row, state_of(row)) for row in rows if row.get("stopped_at") is None]
    working = [(row, state) for row, state in shown if works(row)]
    status = status_of(working)
    newest = min(
        (row for row, _ in working if _since(row) is not None),
        key=lambda row: row["seconds_since_success"],
        default=None,
    )
    return {
        "status": status,
        "instanceId": instance_id,
        "lastSuccessfulRun": _time(newest["last_successful_run"]) if newest else None,
        "minutesSinceLastSuccess": int(newest["seconds_since_success"] // 60) if newest else None,
        "consecutiveFailures": max((row["consecutive_failures"] for row, _ in working), default=0),
        "totalLiquidations24h": sum(row["liquidations_24h"] for row, _ in working),
        "totalChecks24h": sum(row["checks_24h"] for row, _ in working),
        "avgProcessingTimeMs": _average([row for row, _ in working]),
        "allInstances": [_instance(row, state) for row, state in shown],
    }, status != "unhealthy"


def status_of(working: Sequence[tuple[Row, InstanceState]]) -> str:
    """Return `healthy` when all are, `unhealthy` when nobody healthy detects or nobody healthy works, else `degraded`."""
    healthy = [row for row, state in working if state is InstanceState.HEALTHY]
    if not all(any(role in row["roles"] for row in healthy) for role in WORKING_ROLES):
        return "unhealthy"
    return "healthy" if len(healthy) == len(working) else "degraded"


def _instance(row: Row, state: InstanceState) -> dict[str, object]:
    return {
        "instanceId": row["instance_id"],
        "isHealthy": state is InstanceState.HEALTHY,
        "lastSuccessfulRun": _time(row["last_successful_run"]),
        "consecutiveFailures": row["consecutive_failures"],
        "totalLiquidations24h": row["liquidations_24h"],
        "totalChecks24h": row["checks_24h"],
        "avgProcessingTimeMs": round(row["average_processing_ms"], 1),
        "state": state.value,
        "roles": list(row["roles"]),
        "region": row.get("region"),
        "tiers": list(row.get("tiers") or ()),
        "version": row.get("version"),
        "seconds_since_heartbeat": round(row["seconds_since_heartbeat"], 1),
    }


def _average(rows: Sequence[Row]) -> float:
    """Return the mean over all candidates, whoever had them."""
    candidates = sum(row["candidates_24h"] for row in rows)
    spent = sum(row["average_processing_ms"] * row["candidates_24h"] for row in rows)
    return round(spent / candidates, 1) if candidates else 0.0


def _since(row: Row) -> float | None:
    since: float | None = row.get("seconds_since_success")
    return since


def _time(value: datetime | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value else None
