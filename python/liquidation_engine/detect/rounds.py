"""When which part of all positions is scanned: each once per period, one after the other, and none left out because it failed. Pure."""

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Due:
    """The shards to scan now, and whether a whole round has passed with this turn."""

    shards: frozenset[int]
    ends_round: bool


class Rounds:
    """Deals the shards out over the period.

    Whoever asks late is given all that have become due meanwhile, at most everybody; what was not `done` stays due.
    """

    def __init__(self, shards: int, period_seconds: float) -> None:
        self._shards, self._turn_seconds = shards, period_seconds / shards
        self._turn: int | None = None
        self._pending: set[int] = set()

    @property
    def turn_seconds(self) -> float:
        """How often to ask."""
        return self._turn_seconds

    def due(self, monotonic: float) -> Due:
        """Return what is due; everybody when asked for the first time."""
        turn = int(monotonic / self._turn_seconds)
        before = turn - self._shards if self._turn is None else self._turn
        self._pending |= {number % self._shards for number in range(max(before, turn - self._shards) + 1, turn + 1)}
        self._turn = turn
        return Due(frozenset(self._pending), turn // self._shards > before // self._shards)

    def done(self, shards: frozenset[int]) -> None:
        """Take note of shards that were scanned."""
        self._pending -= shards


def shard_of(address: str, shards: int) -> int:
    """Return the shard that a position belongs to, the same everywhere and always."""
    return crc32(address.encode()) % shards
