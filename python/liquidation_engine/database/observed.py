"""Liquidations by anyone, each stored once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from liquidation_engine.database.pool import Database
from liquidation_engine.database.rows import as_dict
from liquidation_engine.model import ObservedLiquidation


class ObservedLiquidations:
    """The table `observed_liquidations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, batch: Sequence[ObservedLiquidation]) -> int:
        """Write down what is not there yet, and return how many those are."""
        if not batch:
            return 0
        return await self._database.run(
            "insert_observed",
            [one.id for one in batch],
            [datetime.fromtimestamp(one.timestamp, UTC) for one in batch],
            [one.user for one in batch],
            [one.liquidator for one in batch],
            [one.signature for one in batch],
            [one.slot for one in batch],
            [one.protocol for one in batch],
            [one.market for one in batch],
            [one.position for one in batch],
            [one.debt_mint for one in batch],
            [one.collateral_mint for one in batch],
            [one.repaid for one in batch],
            [one.seized for one in batch],
            [one.fee for one in batch],
            [one.bonus_bps for one in batch],
        )

    async def newest(self, market: str) -> tuple[int, str] | None:
        """Return slot and signature of the newest one of a market, None where there is none."""
        row = await self._database.row("newest_observed", market)
        return (row["slot"], row["signature"]) if row else None

    async def count(self) -> int:
        """Return how many are stored."""
        return int(await self._database.value("observed_count"))

    async def latest(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest ones, the newest first."""
        return [as_dict(row) for row in await self._database.rows("latest_observed", limit)]
