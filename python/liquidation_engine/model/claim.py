"""What a worker learns when it takes a position up, and the ways in which an intent can be refused."""

from dataclasses import dataclass
from datetime import datetime

from liquidation_engine.model.intent import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The guard row after this worker raised its fence."""

    position: str
    fence: int
    last_settled_slot: int
    attempts: int
    failures: int  # endings in a row that called for back-off
    backoff_until: datetime | None
    resting: bool  # by the database's clock, which all instances share
    backoff_reason: str | None
    live: Intent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A position that is left alone for now."""

    position: str
    failures: int
    reason: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class FenceLost:
    """Another worker took the position up in the meantime."""

    found: int
    expected: int


@dataclass(frozen=True, slots=True)
class LiveIntentExists:
    """The position already has a live intent."""


@dataclass(frozen=True, slots=True)
class KillSwitchOn:
    """The kill switch forbids new intents."""

    reason: str | None


IntentRefusal = FenceLost | LiveIntentExists | KillSwitchOn
