"""What follows an outcome: when the position may be tried again, and what becomes of its stream entry. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
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


class Next(Enum):
    """When the position may be tried again."""

    AT_ONCE = "at once"
    AFTER_BACKOFF = "after back-off"
    AFTER_BACKOFF_AND_DEAD_LETTER = "after back-off, with a dead letter"


def after(outcome: Outcome) -> Next:
    """Return what follows `outcome`. Healthy needs no back-off: the next crossing is a new need."""
    match outcome:
        case Landed() | LandedFailed() | AlreadyLiquidated() | Expired() | Healthy():
            return Next.AT_ONCE
        case Unprofitable() | Rejected():
            return Next.AFTER_BACKOFF
        case GaveUp():
            return Next.AFTER_BACKOFF_AND_DEAD_LETTER
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """How long a position rests after endings that call for it: `base·2^(failures - 1)`, at most `cap`."""

    base_seconds: float = 1.0
    cap_seconds: float = 60.0

    def rest(self, failures: int) -> timedelta:
        """Return the rest after the `failures`-th such ending in a row, counted from 1."""
        return timedelta(seconds=min(self.base_seconds * 2 ** min(failures - 1, 30), self.cap_seconds))


def attempt_delay_seconds(attempt: int, jitter: float) -> float:
    """Return the wait before attempt `attempt` (from 1) after a definite failure: 100 ms·2^(attempt - 1), ±20 % by `jitter` in [0, 1]."""
    return float(0.1 * 2 ** min(attempt - 1, 10) * (0.8 + 0.4 * jitter))
