"""What one instance tells of itself: stage times, endings, liveness. Fits what detection and execution ask for."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from liquidation_engine.config import Settings
from liquidation_engine.execute.worker import Deferred
from liquidation_engine.model import Candidate, Landed, Outcome, outcome_name
from liquidation_engine.telemetry import Metrics, StageTimer

DAY_SECONDS = 86_400.0


class Observation:
    """One instance's figures; everything in it is for people, nothing decides."""

    def __init__(self, metrics: Metrics, stages: StageTimer) -> None:
        self.metrics = metrics
        self._stages = stages
        self._ready = asyncio.Event()
        self._landed: deque[float] = deque()
        self.last_successful_run: datetime | None = None
        self.consecutive_failures = 0
