"""Sweeps everybody once per period, whatever else happens: what a lost notification or stream entry hid is found here.

It ignores the book's "new crossing" bit. It leaves out positions with a live intent or in back-off (Postgres knows), and does not publish
the same need again within `republish_seconds`, so that a backlog is not fed with copies of itself.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from liquidation_engine.detect.candidates import Book, FirstSeen, Producer, make_candidate

log = structlog.get_logger(__name__)


OVERDUE_MS = 30_000  # 75 slots


class Guarded(Protocol):
    """Who needs no candidate now."""

    async def in_back_off_or_live(self, positions: Sequence[str]) -> set[str]: ...


class Scanner:
    """One sweep at a time; `scan` is called by the leader every `SCAN_INTERVAL_SECONDS`."""

    def __init__(
        self,
        book: Book,
        producer: Producer,
        guards: Guarded,
        first_seen: FirstSeen,
        *,
        publishing: Callable[[], bool],
        watched_seconds: float = 0.0,
        republish_seconds: float = 10.0,
    ) -> None:
        """Take for how long a need that the watcher published is left to it: the life of its dedupe marker."""
        self._book, self._producer, self._guards = book, producer, guards
        self._first_seen, self._publishing = first_seen, publishing
        self._watched_ms = int(watched_seconds * 1000)
        self._republish_ms = int(republish_seconds * 1000)
        self.overdue = 0  # liquidatable for long with no live intent and no stated reason
        self._published: dict[str, int] = {}  # candidate id -> when last published by a scan

    def forget(self) -> None:
        """Publish anew whatever stands, at the next scan: what was published may be lost, or was another leader's."""
        self._published.clear()

    async def scan(self, now_ms: int) -> int:
        """Publish whatever is liquidatable and not taken care of, and return how many needs were new."""
        standing = self._book.liquidatable()
        guarded = await self._guards.in_back_off_or_live(standing) if standing else set()
        due = []
        self.overdue = 0
        for address in standing:
            if address in guarded:
                continue
            since = self._first_seen.note(address, now_ms, again=False)
            self.overdue += now_ms - since > OVERDUE_MS
            if 0 < now_ms - since < self._watched_ms:
                continue  # the watcher has published it moments ago, and its marker would swallow ours
            candidate = make_candidate(self._book, address, "scan", since)
            if candidate is not None and now_ms - self._published.get(candidate.id, 0) >= self._republish_ms:
                due.append(candidate)
        if not self._publishing():
            return 0
        new = await self._producer.publish_each(due) if due else []
        self._published = {key: at for key, at in self._published.items() if now_ms - at < 2 * self._republish_ms}
        # One that a marker swallowed, or that found no room, was not told to anybody: the next scan tries again.
        self._published.update((candidate.id, now_ms) for candidate, was_new in zip(due, new, strict=True) if was_new)
        published = sum(new)
        if not standing:
            log.debug("No liquidatable positions found")
        elif published:
            log.info("Scan", liquidatable=len(standing), guarded=len(guarded), published=published)
        return published
