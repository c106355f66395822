"""Faults on the engine's own side that every demo injects, so that what only the scanner recovers is really exercised."""

import structlog

from liquidation_engine.stream import CandidateConsumer
from liquidation_engine.stream.consumer import Entry

log = structlog.get_logger(__name__)


class LossyConsumer(CandidateConsumer):
    """Loses every n-th entry it is given out of the stream, as a trimmed or damaged stream would.

    What a scan published gets through: it is the recovery.
    """

    every = 1
    _given = 0

    async def read(self, count: int | None = None) -> list[Entry]:
        """Return all entries but the unlucky ones, which are gone from the stream for everybody."""
        kept = []
        for entry in await super().read(count):
            if entry.candidate.reason == "scan" or not self._unlucky():
                kept.append(entry)
                continue
            await self.remove(entry.stream_id)
            log.warning("Fault: stream entry lost", position=entry.candidate.position)
        return kept

    def _unlucky(self) -> bool:
        self._given += 1
        return self._given % self.every == 0
