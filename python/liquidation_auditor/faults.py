"""What the judge found wrong, in one shape."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding; `position` is the address it concerns (a position, else a transaction or mint), `slots` where it was seen."""

    kind: str
    position: str | None
    slots: list[int]
    why: str
