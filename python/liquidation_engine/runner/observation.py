"""What one instance tells of itself: stage times, endings, liveness. Fits what detection and execution ask for."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import orjson

from liquidation_engine.config import Settings
from liquidation_engine.execute.worker import Deferred
from liquidation_engine.model import Candidate, Outcome, outcome_name

DAY_SECONDS = 86_400.0


class Observation:
    """One instance's figures; everything in it is for people, nothing decides."""

    def __init__(self, stage_log: Path | None) -> None:
        self.ready = asyncio.Event()
        self.last_successful_run: datetime | None = None
        self.consecutive_failures = 0
        self._log: TextIO | None = stage_log.open("a", encoding="utf-8") if stage_log else None
        self._endings: Counter[str] = Counter()
        self._landed: deque[float] = deque()
        self._positions = 0

    @classmethod
    def of(cls, settings: Settings) -> "Observation":
        """Return the observation that the settings ask for."""
        return cls(settings.stage_log)

    @contextmanager
    def stage(self, name: str, position: str) -> Iterator[None]:
        """Time one stage of one candidate."""
        started = time.perf_counter_ns()
        try:
            yield
        finally:
            self.observe(name, position, (time.perf_counter_ns() - started) / 1e6)

    def observe(self, name: str, position: str, milliseconds: float) -> None:
        """Note how long a stage took."""
        if self._log is not None:
            row = {"stage": name, "ms": milliseconds, "position": position}
            self._log.write(orjson.dumps(row).decode() + "\n")
            self._log.flush()

    def ended(self, candidate: Candidate, outcome: Outcome | Deferred) -> None:
        """Count how a candidate ended."""
        self._endings["deferred" if isinstance(outcome, Deferred) else outcome_name(outcome)] += 1

    def ran(self, *, checks: int) -> None:
        """Note a completed run."""
        self.last_successful_run = datetime.now(UTC)
        self.consecutive_failures = 0

    def failed(self) -> None:
        """Note a run that failed."""
        self.consecutive_failures += 1

    def positions_monitored(self, count: int) -> None:
        """Note how many positions the book holds."""
        self._positions = count

    def mark_ready(self) -> None:
        """Say that every role of the instance works."""
        self.ready.set()

    def stats(self) -> dict[str, object]:
        """Return the figures that the heartbeat carries."""
        return {"ready": self.ready.is_set(), "positions": self._positions, "endings": dict(self._endings)}


@dataclass(frozen=True, slots=True)
class StageSummary:
    """Percentiles of one stage, in milliseconds."""

    p50: float
    p99: float
    count: int


def summarise(paths: Sequence[Path]) -> dict[str, StageSummary]:
    """Return the percentiles of every stage over the stage logs of several processes."""
    rows: dict[str, list[float]] = {}
    for path in paths:
        for line in path.read_bytes().splitlines():
            row = orjson.loads(line)
            rows.setdefault(row["stage"], []).append(row["ms"])
    return {name: _summary(sorted(values)) for name, values in rows.items()}


def _summary(values: list[float]) -> StageSummary:
    return StageSummary(values[len(values) // 2], values[min(len(values) * 99 // 100, len(values) - 1)], len(values))
