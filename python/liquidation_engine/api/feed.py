"""Brings what the database and the queue know into the metrics, just before they are scraped."""

import math
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from liquidation_engine.api.liquidators import state_of
from liquidation_engine.api.views import alive, is_worker
from liquidation_engine.telemetry.metrics import Metrics, Queue

NEWEST_ROWS = 500  # looked at again each time: rows may be committed out of the order of their ids
MOST_ROWS = 10_000


class Books(Protocol):
    """The part of the views that is counted."""

    async def recent_liquidations(self, limit: int) -> list[dict[str, object]]: ...
    async def failed(self, limit: int) -> list[dict[str, object]]: ...
    async def insurance_balance(self) -> dict[str, object]: ...
    async def stats(self) -> dict[str, object]: ...
    async def instances(self) -> list[dict[str, object]]: ...


class MetricsFeed:
    """Counts every row of the books once, for the API's own process. Workers that expose metrics count for themselves."""

    def __init__(
        self,
        metrics: Metrics,
        books: Books,
        *,
        positions: Callable[[], Awaitable[int]],
        queue: Callable[[], Awaitable[Queue]] | None = None,
    ) -> None:
        """Take where the figures come from."""
        self._metrics = metrics
        self._books = books
        self._positions = positions
        self._queue = queue
        self._liquidations: set[object] = set()
        self._failures: set[object] = set()

    async def refresh(self) -> None:
        """Bring everything up to date."""
        self._metrics.positions_monitored.set(await self._positions())
        await self._count_liquidations()
        await self._count_failures()
        await self._read_funds()
        ratio = (await self._books.stats()).get("success_ratio")
        self._metrics.success_ratio.set(ratio if isinstance(ratio, float) else math.nan)
        rows = await self._books.instances()
        self._metrics.workers.set(sum(1 for row in rows if alive(row) and is_worker(row)))
        self._metrics.instance_states(state_of(row) for row in rows)
        if self._queue is not None:
            self._metrics.queue(await self._queue())

    async def _count_liquidations(self) -> None:
        rows, self._liquidations = await _unseen(self._books.recent_liquidations, self._liquidations)
        for row in rows:
            if row["error_message"] is None:
                self._metrics.landed(_latency_seconds(row))

    async def _count_failures(self) -> None:
        rows, self._failures = await _unseen(self._books.failed, self._failures)
        for row in rows:
            self._metrics.failed(str(row["error_message"]))

    async def _read_funds(self) -> None:
        funds = (await self._books.insurance_balance())["funds"]
        for fund in funds if isinstance(funds, list) else []:
            self._metrics.insurance_fund_balance.labels(fund["mint"]).set(fund["balance"])


async def _unseen(
    newest: Callable[[int], Awaitable[list[dict[str, object]]]], seen: set[object]
) -> tuple[list[dict[str, object]], set[object]]:
    """Return the rows that were not seen before, and the ids that count as seen from now on."""
    limit = NEWEST_ROWS
    while True:
        rows = await newest(limit)
        fresh = [row for row in rows if row["id"] not in seen]
        if len(fresh) < len(rows) or len(rows) < limit or limit >= MOST_ROWS:
            return fresh, {row["id"] for row in rows} | (seen if len(rows) < NEWEST_ROWS else set())
        limit = min(limit * 4, MOST_ROWS)


def _latency_seconds(row: dict[str, object]) -> float | None:
    """Return the time from first sight to acceptance by a node."""
    seen, accepted = row["created_at"], row["timestamp"]
    if not isinstance(seen, datetime) or not isinstance(accepted, datetime):
        return None
    return max(0.0, (accepted - seen).total_seconds())
