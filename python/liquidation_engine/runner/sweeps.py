"""The leader's scans as runs: each shard in its turn by what the book knows, and what all verdicts hang on read anew beside it."""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from liquidation_engine.detect.rounds import Rounds
from liquidation_engine.detect.scanner import Scanner
from liquidation_engine.errors import LiquidationEngineError

SHARDS = 8


class Runs(Protocol):
    """Counts rounds, and whom they looked at."""

    def checked(self, positions: int) -> None: ...
    def ran(self) -> None: ...
    def failed(self) -> None: ...


class Sweeps:
    """A run is one round over all shards; it fails with a scan, or where prices could not be read anew."""

    def __init__(
        self,
        scanner: Scanner,
        reread: Callable[[], Awaitable[None]],
        runs: Runs,
        *,
        period_seconds: float,
        positions: Callable[[], int],
        ready: Callable[[], bool],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what reads again the accounts that everybody's verdict hangs on, and how many positions there are."""
        self._scanner, self._reread, self._runs = scanner, reread, runs
        self._positions, self._ready, self._monotonic = positions, ready, monotonic
        self._rounds = Rounds(SHARDS, period_seconds)
        self._known = True  # whether the last reading succeeded

    @property
    def turn_seconds(self) -> float:
        """How often to take a turn."""
        return self._rounds.turn_seconds

    async def turn(self) -> None:
        """Scan the shards that are due. No node is asked, so none can hold this up; what fails stays due."""
        if not self._ready():
            return
        due = self._rounds.due(self._monotonic())
        try:
            await self._scanner.scan(_now_ms(), due.shards)
        except LiquidationEngineError:
            if due.ends_round:
                self._runs.failed()
            raise
        self._rounds.done(due.shards)
        if due.ends_round and self._known:
            self._runs.checked(self._positions())
            self._runs.ran()
        elif due.ends_round:
            self._runs.failed()

    async def read_anew(self) -> None:
        """Read prices and reserves, in case that a notification was lost."""
        if not self._ready():
            return
        try:
            await self._reread()
        except LiquidationEngineError:
            self._known = False
            raise
        self._known = True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
