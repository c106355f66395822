"""What the judge found wrong, in one shape."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding; `position` is what it concerns: a position, else a signature or mint."""

    kind: str
    position: str | None
    slots: list[int]
    why: str
