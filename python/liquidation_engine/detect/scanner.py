"""Sweeps everybody once per period, whatever else happens: what a lost notification or stream entry hid is found here.

It ignores the book's "new crossing" bit. It leaves out positions with a live intent or in back-off (Postgres knows), and does not publish
the same need again within `republish_seconds`, so that a backlog is not fed with copies of itself. Positions are swept in shards, so that a
market in which everybody is due holds the leader's loop up for no longer than a share of the period.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import structlog

from liquidation_engine.detect.candidates import Book, FirstSeen, Producer, make_candidate, most_profitable_first
from liquidation_engine.detect.rounds import shard_of
from liquidation_engine.model import Candidate

log = structlog.get_logger(__name__)


OVERDUE_MS = 30_000  # 75 slots


class Guarded(Protocol):
    """Who needs no candidate now."""

    async def in_back_off_or_live(self, positions: Sequence[str]) -> set[str]: ...


class Scanner:
    """One sweep at a time; `scan` is called by the leader for each shard every `SCAN_INTERVAL_SECONDS`."""

    def __init__(
        self,
        book: Book,
        producer: Producer,
        guards: Guarded,
        first_seen: FirstSeen,
        *,
        publishing: Callable[[], bool],
        shards: int = 1,
        watched_seconds: float = 0.0,
        republish_seconds: float = 10.0,
    ) -> None:
        """Take for how long a need that the watcher published is left to it: the life of its dedupe marker."""
        self._book, self._producer, self._guards = book, producer, guards
        self._first_seen, self._publishing = first_seen, publishing
        self._shards = shards
        self._watched_ms = int(watched_seconds * 1000)
        self._republish_ms = int(republish_seconds * 1000)
        self._published: dict[str, int] = {}  # candidate id -> when last published by a scan
        self._waiting: set[str] = set()  # positions that found no room, or whose marker swallowed them
        self._overdue: Counter[int] = Counter()  # by shard

    @property
    def overdue(self) -> int:
        """How many are liquidatable for long with no live intent and no stated reason."""
        return self._overdue.total()

    def forget(self) -> None:
        """Publish anew whatever stands, at the next scan: what was published may be lost, or was another leader's."""
        self._published.clear()

    async def scan(self, now_ms: int, shards: Collection[int] | None = None) -> int:
        """Publish whatever is liquidatable and not taken care of, and return how many needs were new.

        Of all shards, or of those given; what could not be told before is tried again with any of them, so that the stream's room
        goes to those that are worth most, whatever their shard.
        """
        wanted = range(self._shards) if shards is None else shards
        standing = self._standing(wanted)
        guarded = await self._guards.in_back_off_or_live(list(standing)) if standing else set()
        due = self._due(standing, guarded, wanted, now_ms)
        if not self._publishing():
            return 0
        new = await self._producer.publish_each(due) if due else []
        self._published = {key: at for key, at in self._published.items() if now_ms - at < 2 * self._republish_ms}
        self._published.update((candidate.id, now_ms) for candidate, was_new in zip(due, new, strict=True) if was_new)
        self._waiting = {candidate.position for candidate, was_new in zip(due, new, strict=True) if not was_new}
        published = sum(new)
        if not standing:
            log.debug("No liquidatable positions found")
        elif published:
            log.info("Scan", liquidatable=len(standing), guarded=len(guarded), published=published)
        return published

    def _standing(self, wanted: Collection[int]) -> dict[str, int]:
        """Return the shard of each liquidatable position that is looked at now."""
        shards = {address: shard_of(address, self._shards) for address in self._book.liquidatable()}
        return {address: shard for address, shard in shards.items() if shard in wanted or address in self._waiting}

    def _due(
        self, standing: dict[str, int], guarded: set[str], wanted: Collection[int], now_ms: int
    ) -> list[Candidate]:
        """Return the needs to publish, most profitable first, and count those that are overdue."""
        due: list[Candidate] = []
        overdue: Counter[int] = Counter()
        for address in most_profitable_first(self._book, standing.keys() - guarded):
            since = self._first_seen.note(address, now_ms, again=False)
            overdue[standing[address]] += now_ms - since > OVERDUE_MS
            if 0 < now_ms - since < self._watched_ms:
                continue  # the watcher has published it moments ago, and its marker would swallow ours
            candidate = make_candidate(self._book, address, "scan", since)
            if candidate is not None and now_ms - self._published.get(candidate.id, 0) >= self._republish_ms:
                due.append(candidate)
        self._overdue.update({shard: overdue[shard] - self._overdue[shard] for shard in wanted})
        return due
