"""Tells new liquidations from those seen before, within a bounded memory. Needs nothing but Python.

```python
tracker = LiquidationTracker(max=5000, pruning="fifo")
for event in tracker.diff(batch).new_events: ...
```
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from liquidation_engine.errors import ConfigError

Pruning = Literal["fifo", "lru", "ttl"]
PRUNINGS: Final[tuple[Pruning, ...]] = ("fifo", "lru", "ttl")
TTL_SECONDS: Final = 86_400.0

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Diff(Generic[Event]):
    """What a batch brought."""

    new_events: list[Event]  # in the batch's order, each id once
    snapshot_size: int  # events in the batch


@dataclass(frozen=True, slots=True)
class TrackerStats:
    """How much is remembered, and what has passed."""

    seen_total: int  # different ids remembered now
    new_total: int  # ever found new
    pruned_total: int
    max: int
    pruning: Pruning


class LiquidationTracker:
    """Remembers ids. An id that was pruned and comes again is new again.

    At most `max` ids are kept: of more, `fifo` and `ttl` forget those seen first, `lru` those not seen for longest. `ttl` also forgets
    every id `ttl_seconds` after it was first seen.
    """

    def __init__(
        self,
        max: int = 5000,
        pruning: Pruning = "fifo",
        *,
        ttl_seconds: float = TTL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if max < 1:
            raise ConfigError(f"max is {max}, expected at least 1")
        if pruning not in PRUNINGS:
            raise ConfigError(f"pruning is {pruning!r}, expected one of {', '.join(PRUNINGS)}")
        self._max, self._pruning, self._ttl_seconds, self._monotonic = max, pruning, ttl_seconds, monotonic
        self._seen: OrderedDict[str, float] = OrderedDict()  # id -> when first seen; the first goes first
        self._new_total = self._pruned_total = 0

    def diff(self, batch: Iterable[Event]) -> Diff[Event]:
        """Remember a batch and return what is new in it. Events are mappings with an `id`, or have one as attribute."""
        self._forget_expired()
        new, size = [], 0
        for event in batch:
            size += 1
            key = id_of(event)
            if key not in self._seen:
                self._seen[key] = self._monotonic()
                new.append(event)
            elif self._pruning == "lru":
                self._seen.move_to_end(key)
        while len(self._seen) > self._max:
            self._seen.popitem(last=False)
            self._pruned_total += 1
        self._new_total += len(new)
        return Diff(new, size)

    def knows(self, key: str) -> bool:
        """Return whether this id is remembered; asking is no seeing."""
        self._forget_expired()
        return key in self._seen

    def stats(self) -> TrackerStats:
        """Return how much is remembered."""
        return TrackerStats(len(self._seen), self._new_total, self._pruned_total, self._max, self._pruning)

    def _forget_expired(self) -> None:
        if self._pruning != "ttl":
            return
        oldest_kept = self._monotonic() - self._ttl_seconds
        while self._seen and next(iter(self._seen.values())) <= oldest_kept:
            self._seen.popitem(last=False)
            self._pruned_total += 1


def id_of(event: Any) -> str:
    """Return an event's id."""
    return str(event["id"] if isinstance(event, Mapping) else event.id)
