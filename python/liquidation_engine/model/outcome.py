"""Every way in which a candidate can end. The union is closed: callers match all of it."""

from dataclasses import dataclass, field

from liquidation_engine.model.record import TransactionRecord


@dataclass(frozen=True, slots=True)
class Landed:
    """The chain executed it."""

    record: TransactionRecord


@dataclass(frozen=True, slots=True)
class LandedFailed:
    """The chain executed it, it failed, and the fee is gone."""

    record: TransactionRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Healthy:
    """A fresh read shows nothing to liquidate."""

    slot: int


@dataclass(frozen=True, slots=True)
class AlreadyLiquidated:
    """The program's version check refused it: somebody was first."""

    slot: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The simulation or the signer refused it."""

    reason: str
    slot: int


@dataclass(frozen=True, slots=True)
class Expired:
    """It was sent, never landed, and can land no more."""

    signature: str


@dataclass(frozen=True, slots=True)
class Unprofitable:
    """Every pair of legs costs more than it gives under the policy in force."""

    slot: int
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The failure budget is used up; the entry goes to the dead letters."""

    reason: str


Outcome = Landed | LandedFailed | Healthy | AlreadyLiquidated | Rejected | Expired | Unprofitable | GaveUp

_NAMES: dict[type, str] = {
    Landed: "landed",
    LandedFailed: "landed_failed",
    Healthy: "healthy",
    AlreadyLiquidated: "already_liquidated",
    Rejected: "rejected",
    Expired: "expired",
    Unprofitable: "unprofitable",
    GaveUp: "gave_up",
}


def outcome_name(outcome: Outcome) -> str:
    """Return the outcome's name in SQL, Redis and metrics."""
    return _NAMES[type(outcome)]
