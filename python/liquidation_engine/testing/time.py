"""Time that a test moves: a clock by hand, and an event loop on which every wait ends at once, in order."""

import asyncio
import selectors
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class ManualClock:
    """A clock that moves only by `advance`."""

    def __init__(self, start: datetime = START) -> None:
        self._start, self._now = start, start

    def now(self) -> datetime:
        """Return the time of day as it was set."""
        return self._now

    def monotonic_ns(self) -> int:
        """Return the nanoseconds advanced so far."""
        return int((self._now - self._start) / timedelta(microseconds=1)) * 1000

    def advance(self, seconds: float) -> None:
        """Move forward."""
        if seconds < 0:
            raise ValueError(f"advanced by {seconds} seconds, expected 0 or more")
        self._now += timedelta(seconds=seconds)


class _Skipping(selectors.DefaultSelector):
    """Polls, and where nothing is ready lets the loop's time jump to what it waits for."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else 5.0)
        if not ready and timeout is None:
            raise RuntimeError("the loop waits for nothing that could ever happen")
        if not ready and timeout is not None:
            self.skipped += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose sleeps and timeouts take no time; for code whose only waits are on this loop."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return real time plus all that was skipped."""
        return super().time() + self._skipping.skipped
