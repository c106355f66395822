"""Time as it is passed in: aware UTC for people, monotonic nanoseconds for durations."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the engine asks of a clock."""

    def now(self) -> datetime:
        """Return the time of day, aware, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go backwards."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time of day, aware, UTC."""
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go backwards."""
        return time.monotonic_ns()
