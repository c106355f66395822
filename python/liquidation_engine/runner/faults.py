"""Faults on the engine's own side that every demo injects, so that what only the scanner recovers is really exercised."""

from collections.abc import Sequence

import structlog

from liquidation_engine.detect.candidates import Producer
from liquidation_engine.model import Candidate

log = structlog.get_logger(__name__)


class LossyProducer:
    """Loses every n-th candidate on its way to the stream. What a scan publishes gets through: it is the recovery."""

    def __init__(self, producer: Producer, *, every: int) -> None:
        self._producer, self._every = producer, every
        self._seen = 0

    async def publish(self, candidates: Sequence[Candidate]) -> int:
        """Publish all but the unlucky ones."""
        kept = [candidate for candidate in candidates if candidate.reason == "scan" or not self._unlucky()]
        if len(kept) < len(candidates):
            log.warning("Fault: candidates lost", lost=len(candidates) - len(kept))
        return await self._producer.publish(kept)

    def _unlucky(self) -> bool:
        self._seen += 1
        return self._seen % self._every == 0
