"""Turns a change of the book into candidates on the stream, at once."""

from collections.abc import Callable, Sequence

import structlog

from liquidation_engine.detect.candidates import Book, FirstSeen, Producer, make_candidate, most_profitable_first
from liquidation_engine.model import Candidate, CandidateReason

log = structlog.get_logger(__name__)


class Watcher:
    """Publishes what crossed. What it fails to publish, the scanner finds."""

    def __init__(
        self, book: Book, producer: Producer, first_seen: FirstSeen, *, publishing: Callable[[], bool]
    ) -> None:
        self._book, self._producer, self._first_seen = book, producer, first_seen
        self._publishing = publishing

    async def on_change(
        self, crossed: Sequence[str], recovered: Sequence[str], reason: CandidateReason, seen_ms: int
    ) -> int:
        """Publish a candidate for each position that crossed, and return how many needs were new."""
        self._first_seen.forget(recovered)
        if not crossed:
            return 0
        made: list[Candidate] = []
        for address in most_profitable_first(self._book, crossed):
            since = self._first_seen.note(address, seen_ms, again=True)
            candidate = make_candidate(self._book, address, reason, since)
            if candidate is not None:
                made.append(candidate)
        if not self._publishing():
            return 0
        published = await self._producer.publish(made)
        log.debug("Candidates published", crossed=len(crossed), published=published, reason=reason)
        return published
