"""What an instance tells of itself, and the rule by which it counts as healthy."""

from dataclasses import dataclass
from enum import StrEnum

MOST_FAILURES = 3  # in a row: from here on it is not healthy
SUCCESS_SECONDS = 300.0  # within which its last run must have succeeded
DEAD_SECONDS = 90.0  # since the last heartbeat


@dataclass(frozen=True, slots=True)
class Activity:
    """What an instance did in a while: positions evaluated, candidates brought to an end, and the time these took."""

    checks: int = 0
    candidates: int = 0
    processing_micros: int = 0

    def __add__(self, other: "Activity") -> "Activity":
        """Return both together."""
        return Activity(
            self.checks + other.checks,
            self.candidates + other.candidates,
            self.processing_micros + other.processing_micros,
        )


NOTHING_DONE = Activity()


class InstanceState(StrEnum):
    """How an instance does."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"  # alive, and failing or without a success for too long, or ever
    DEAD = "dead"  # no sign of life
    STOPPED = "stopped"  # ended on request


def instance_state(
    *,
    stopped: bool,
    works: bool,
    seconds_since_heartbeat: float,
    seconds_since_success: float | None,
    consecutive_failures: int,
) -> InstanceState:
    """Return how an instance does; `works` tells whether it has runs at all, which one that only serves the API has not.

    A run is one completed read or reclaim pass of a worker, empty or not, or one completed scan of a leader.
    """
    if stopped:
        return InstanceState.STOPPED
    if seconds_since_heartbeat >= DEAD_SECONDS:
        return InstanceState.DEAD
    if not works:
        return InstanceState.HEALTHY
    succeeded = seconds_since_success is not None and seconds_since_success <= SUCCESS_SECONDS
    return InstanceState.HEALTHY if succeeded and consecutive_failures < MOST_FAILURES else InstanceState.UNHEALTHY
