"""What is broken at one endpoint only: several of them serve the same chain, and each may refuse, lag, lie or fall silent by itself."""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

Socket = Literal["serves", "mute", "cut"]
SOCKETS: tuple[Socket, ...] = get_args(Socket)

MOST_LAG_SLOTS = 64
"""How far an endpoint may fall behind the chain: account states are kept for so long after they are final."""


@dataclass(slots=True, kw_only=True)
class EndpointFaults:
    """One endpoint's faults; all of them can be changed while it serves."""

    refuse_every: int = 0
    """Answer every n-th HTTP request with 429; 1 refuses all, 0 none."""
    latency_milliseconds: int = 0
    lag_slots: int = 0
    """Show the chain as it was so many slots ago."""
    unanswered_sends_every: int = 0
    """Take every n-th send, and never answer it."""
    denies_landed: bool = False
    """Report every transaction as unknown."""
    claims_landed: bool = False
    """Report transactions that never ran as landed; what they did it cannot show."""
    socket: Socket = "serves"
    """`mute`: websockets are accepted, and nothing is ever said; `cut`: they are closed, and so is each new one."""

    def __post_init__(self) -> None:
        for name in ("refuse_every", "latency_milliseconds", "lag_slots", "unanswered_sends_every"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise ValueError(f"{name} is {value!r}, expected a whole number from 0 on")
        for name in ("denies_landed", "claims_landed"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected true or false")
        if self.lag_slots > MOST_LAG_SLOTS:
            raise ValueError(f"lag_slots is {self.lag_slots}, expected at most {MOST_LAG_SLOTS}")
        if self.socket not in SOCKETS:
            raise ValueError(f"socket is {self.socket!r}, expected one of {', '.join(SOCKETS)}")

    def set(self, **changes: Any) -> None:
        """Change the faults that are named and leave the others; ValueError, changing nothing, for what cannot be."""
        if unknown := sorted(set(changes) - set(NAMES)):
            raise ValueError(f"unknown faults {unknown}, expected some of {list(NAMES)}")
        changed = EndpointFaults(**{name: getattr(self, name) for name in NAMES} | changes)
        for name in NAMES:
            setattr(self, name, getattr(changed, name))


NAMES: tuple[str, ...] = tuple(field.name for field in fields(EndpointFaults))


class Countdown:
    """Says yes to every n-th question; n may change between them."""

    def __init__(self) -> None:
        self._asked = 0

    def is_due(self, every: int) -> bool:
        """Return whether this is an n-th one; never for 0."""
        self._asked += 1
        return every > 0 and self._asked % every == 0
