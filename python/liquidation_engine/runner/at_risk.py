"""Keeps the at-risk index in step with the book while this instance leads, in small slices beside everything else."""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from liquidation_engine.detect.at_risk import add_triggers
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.runner.venues import ReadBook
from liquidation_engine.stream import AtRiskIndex

log = structlog.get_logger(__name__)

STEP_SECONDS = 1.0
SLICE = 100  # positions between two turns of everybody else, some 3 ms
REST_SHARE = 9  # of ten parts of time, at least this many for everything else


class AtRiskMirror:
    """One step reads the whole band and writes what changed."""

    def __init__(
        self, book: ReadBook, index: AtRiskIndex, *, assets: Iterable[str], below: float, active: Callable[[], bool]
    ) -> None:
        self._book, self._index = book, index
        self._assets, self._below, self._active = tuple(assets), below, active

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            started = time.monotonic()
            if self._active():
                try:
                    await self.step()
                except LiquidationEngineError as error:
                    log.warning("At-risk index not written", error=str(error))
            else:
                self._index.forget()  # another leader writes it meanwhile
            await asyncio.sleep(max(STEP_SECONDS, REST_SHARE * (time.monotonic() - started)))

    async def step(self) -> int:
        """Bring the index up to date and return how many entries changed."""
        triggers: dict[str, dict[str, float | None]] = {}
        for number, address in enumerate(self._book.near(self._below), 1):
            position, exposures = self._book.exposures(address)
            add_triggers(triggers, position, exposures)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return await self._index.write(triggers, self._assets)
