"""What one instance tells of itself: stage times, endings, liveness. Fits what detection and execution ask for."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from liquidation_engine.config import Settings
from liquidation_engine.execute.worker import Deferred
from liquidation_engine.model import (
    NOTHING_DONE,
    Activity,
    Candidate,
    InstanceState,
    Outcome,
    instance_state,
    outcome_name,
)
from liquidation_engine.telemetry.metrics import Metrics, Registry
from liquidation_engine.telemetry.stages import FaultPoints, Stage, StageLog, StageTimer, When


class Observation:
    """One instance's figures; everything in it is for people, nothing decides."""

    def __init__(
        self,
        metrics: Metrics,
        stages: StageTimer,
        faults: FaultPoints | None = None,
        *,
        roles: frozenset[str] = frozenset(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.metrics = metrics
        self._faults = faults or FaultPoints()
        self._roles = roles
        self._monotonic = monotonic
        self.consecutive_failures = 0
        self.changed = asyncio.Event()  # something that the heartbeat should tell at once
        self.api_url: str | None = None
        self._stages = stages
        self._endings: Counter[str] = Counter()
        self.positions = 0
        self._ready: set[str] = set()
        self._succeeded_at: float | None = None
        self._activity = NOTHING_DONE  # since the last heartbeat
        self._counted_from: datetime | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Observation":
        """Return the observation that the settings ask for."""
        metrics = Metrics(Registry(), prefix=settings.metrics_prefix)
        faults = FaultPoints.from_environment(os.environ, enabled=settings.fault_points)
        return cls(
            metrics,
            StageTimer(StageLog(settings.stage_log), histogram=metrics.observe_stage, faults=faults),
            faults,
            roles=frozenset(settings.active_roles),
        )

    def stage(self, name: str, position: str) -> AbstractContextManager[None]:
        """Time one stage of one candidate."""
        return self._stages.stage(name, position)

    def reach(self, name: str, when: When) -> None:
        """Pass a fault point of a stage that is measured elsewhere."""
        self._faults.reach(Stage(name), when)

    def observe(self, name: str, position: str, milliseconds: float) -> None:
        """Note how long a stage took."""
        self._stages.observe(name, position, milliseconds)

    def close(self) -> None:
        """Write what is held back."""
        self._stages.close()

    def ended(self, candidate: Candidate, outcome: Outcome | Deferred, seconds: float) -> None:
        """Count how a candidate ended, and how long its worker was at it."""
        self._endings["deferred" if isinstance(outcome, Deferred) else outcome_name(outcome)] += 1
        self._activity += Activity(checks=1, candidates=1, processing_micros=round(seconds * 1e6))
        self.metrics.processing_seconds.observe(seconds)

    def checked(self, positions: int) -> None:
        """Count positions that detection evaluated."""
        self._activity += Activity(checks=positions)

    def ran(self) -> None:
        """Note a completed run."""
        if self._succeeded_at is None or self.consecutive_failures:
            self.changed.set()
        self._succeeded_at = self._monotonic()
        self.consecutive_failures = 0

    def failed(self) -> None:
        """Note a run that failed."""
        self.consecutive_failures += 1

    @property
    def seconds_since_success(self) -> float | None:
        """How long ago the last run succeeded, None before the first."""
        return None if self._succeeded_at is None else self._monotonic() - self._succeeded_at

    @property
    def state(self) -> InstanceState:
        """How this instance does, by the rule that others judge it by."""
        return instance_state(
            stopped=False,
            works=bool(self._roles & {"leader", "worker"}),
            seconds_since_heartbeat=0.0,
            seconds_since_success=self.seconds_since_success,
            consecutive_failures=self.consecutive_failures,
        )

    def take_activity(self) -> Activity:
        """Return what was done since the last call; whoever cannot write it down gives it back with `give_back`."""
        taken, self._activity = self._activity, NOTHING_DONE
        return taken

    def give_back(self, activity: Activity) -> None:
        """Take back what was not written down."""
        self._activity += activity

    def counted_from(self, since: datetime | None) -> None:
        """Take since when the figures count; a reset that is news zeroes the failures."""
        if since != self._counted_from and since is not None:
            self.consecutive_failures = 0
        self._counted_from = since

    def positions_monitored(self, count: int) -> None:
        """Note how many positions the book holds."""
        self.positions = count
        self.metrics.positions_monitored.set(count)

    def mark_ready(self, role: str) -> None:
        """Say that one of the instance's roles works."""
        self._ready.add(role)
        self.changed.set()

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """The roles that do not work yet."""
        return tuple(sorted(self._roles - self._ready))

    def stats(self) -> dict[str, object]:
        """Return the figures that the heartbeat carries."""
        return {
            "ready": not self.waiting_for,
            "positions": self.positions,
            "endings": dict(self._endings),
            "api": self.api_url,
        }
