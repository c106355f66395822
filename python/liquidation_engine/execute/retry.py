"""When a position may be tried again after an outcome. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from liquidation_engine.model import (
    AlreadyLiquidated,
    Expired,
    GaveUp,
    Healthy,
    Landed,
    LandedFailed,
    Outcome,
    Rejected,
    Unprofitable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """How long a position rests after an ending that calls for it: `base·2^(failures - 1)`, at most `cap`."""

    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    unprofitable_cap_seconds: float = 5.0  # the next price may make it worth its costs

    def rest(self, outcome: Outcome, failures: int) -> timedelta | None:
        """Return the rest after the `failures`-th such ending in a row, counted from 1; None where none is called for."""
        seconds = min(self.base_seconds * 2 ** min(failures - 1, 30), self.cap_seconds)
        match outcome:
            case Landed() | AlreadyLiquidated() | Healthy():
                return None
            case Unprofitable():
                return timedelta(seconds=min(seconds, self.unprofitable_cap_seconds))
            case LandedFailed() | Expired() | Rejected() | GaveUp():
                return timedelta(seconds=seconds)
            case _:
                assert_never(outcome)


def attempt_delay_seconds(attempt: int, jitter: float) -> float:
    """Return the wait before attempt `attempt` (from 1) after a definite failure: 100 ms·2^(attempt - 1), ±20 % by `jitter` in [0, 1]."""
    return float(0.1 * 2 ** min(attempt - 1, 10) * (0.8 + 0.4 * jitter))
