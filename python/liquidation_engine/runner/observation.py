"""What one instance tells of itself: stage times, endings, liveness. Fits what detection and execution ask for."""

import asyncio
import os
from collections import Counter
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from liquidation_engine.config import Settings
from liquidation_engine.execute.worker import Deferred
from liquidation_engine.model import Candidate, Outcome, outcome_name
from liquidation_engine.telemetry.metrics import Metrics, Registry
from liquidation_engine.telemetry.stages import FaultPoints, Stage, StageLog, StageTimer, When


class Observation:
    """One instance's figures; everything in it is for people, nothing decides."""

    def __init__(self, metrics: Metrics, stages: StageTimer, faults: FaultPoints | None = None) -> None:
        self.metrics = metrics
        self._faults = faults or FaultPoints()
        self.last_successful_run: datetime | None = None
        self.consecutive_failures = 0
        self.changed = asyncio.Event()  # something that the heartbeat should tell at once
        self.api_url: str | None = None
        self._stages = stages
        self._endings: Counter[str] = Counter()
        self._positions = 0
        self._ready: set[str] = set()
        self._roles: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> "Observation":
        """Return the observation that the settings ask for."""
        metrics = Metrics(Registry(), prefix=settings.metrics_prefix)
        faults = FaultPoints.from_environment(os.environ, enabled=settings.fault_points)
        observation = cls(
            metrics,
            StageTimer(StageLog(settings.stage_log), histogram=metrics.observe_stage, faults=faults),
            faults,
        )
        observation._roles = frozenset(settings.active_roles)
        return observation

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

    def ended(self, candidate: Candidate, outcome: Outcome | Deferred) -> None:
        """Count how a candidate ended."""
        self._endings["deferred" if isinstance(outcome, Deferred) else outcome_name(outcome)] += 1

    def ran(self) -> None:
        """Note a completed run."""
        if self.last_successful_run is None or self.consecutive_failures:
            self.changed.set()
        self.last_successful_run = datetime.now(UTC)
        self.consecutive_failures = 0

    def failed(self) -> None:
        """Note a run that failed."""
        self.consecutive_failures += 1

    def positions_monitored(self, count: int) -> None:
        """Note how many positions the book holds."""
        self._positions = count
        self.metrics.positions_monitored.set(count)

    def mark_ready(self, role: str) -> None:
        """Say that one of the instance's roles works."""
        self._ready.add(role)
        self.changed.set()

    def stats(self) -> dict[str, object]:
        """Return the figures that the heartbeat carries."""
        return {
            "ready": self._roles <= self._ready,
            "positions": self._positions,
            "endings": dict(self._endings),
            "api": self.api_url,
        }
