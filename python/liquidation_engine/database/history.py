"""What happened, for the API; and the endings that never became a transaction."""

from collections.abc import Mapping
from typing import Any

from liquidation_engine.database.pool import Database
from liquidation_engine.database.rows import as_dict, to_json

SOL_MINT = "So11111111111111111111111111111111111111112"
AT_RISK = 1.1


class Failures:
    """The rows of endings without a landed transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(
        self,
        position: str,
        *,
        candidate_id: str | None,
        outcome: str,
        error_message: str,
        retry_count: int,
        slot: int | None,
        details: Mapping[str, object],
    ) -> None:
        """Write down that a candidate ended without being sent."""
        await self._database.run(
            "insert_failure", position, candidate_id, None, outcome, error_message, retry_count, slot, to_json(details)
        )


class History:
    """Reads only. Amounts are int, times aware UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent_liquidations(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest rows of `liquidations`, failed ones too."""
        return [as_dict(row) for row in await self._database.rows("recent_liquidations", limit)]

    async def liquidations_of(self, position: str, limit: int = 100) -> list[dict[str, Any]]:
        """Return the latest liquidations of one position."""
        return [as_dict(row) for row in await self._database.rows("liquidations_of", position, limit)]

    async def failed_liquidations(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest endings that were no success."""
        found = await self._database.rows("failed_liquidations", limit)
        return [as_dict(row, json_columns=("details",)) for row in found]

    async def positions(self, limit: int, offset: int = 0, max_health: float | None = None) -> list[dict[str, Any]]:
        """Return positions, the least healthy first."""
        found = await self._database.rows("positions", limit, offset, max_health)
        return [as_dict(row, json_columns=("legs",)) for row in found]

    async def position(self, pubkey: str) -> dict[str, Any] | None:
        """Return one position with its guard and live intent, None if it is not known."""
        row = await self._database.row("position", pubkey)
        return as_dict(row, json_columns=("legs",)) if row else None

    async def position_count(self) -> int:
        """Return how many positions are known."""
        return int(await self._database.value("position_count"))

    async def pending(self, limit: int, below: float = AT_RISK) -> tuple[int, list[dict[str, Any]]]:
        """Return how many positions are at risk or being liquidated, and the least healthy of them."""
        found = await self._database.rows("pending", limit, below)
        count = int(await self._database.value("pending_count", below))
        return count, [as_dict(row, json_columns=("legs",)) for row in found]

    async def stats(self, window_seconds: float = 86_400.0) -> dict[str, Any]:
        """Return totals over the liquidations first seen in the window."""
        row = await self._database.row("liquidation_stats", window_seconds)
        return as_dict(row) if row else {}

    async def progress(self) -> dict[str, int]:
        """Return how many have landed, are in flight, are liquidatable now, and were refused."""
        row = await self._database.row("progress")
        return {name: int(value) for name, value in row.items()} if row else {}

    async def insurance_balance(self) -> dict[str, Any]:
        """Return the shape of GET /insurance/balance: the SOL fund on top, every fund in `funds`."""
        funds = [_with_utilization(as_dict(row)) for row in await self._database.rows("funds")]
        sol = next((fund for fund in funds if fund["mint"] == SOL_MINT), None)
        shown = ("balance", "utilization_ratio", "total_contributions", "total_bad_debt_covered", "last_updated")
        top = {name: sol[name] for name in shown} if sol else dict(zip(shown, (0, 0.0, 0, 0, None), strict=True))
        return {**top, "funds": funds}

    async def insurance_history(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest movements of all funds."""
        return [as_dict(row) for row in await self._database.rows("insurance_history", limit)]


def _with_utilization(fund: dict[str, Any]) -> dict[str, Any]:
    covered, contributed = fund["total_bad_debt_covered"], fund["total_contributions"]
    return {**fund, "utilization_ratio": covered / contributed if contributed else 0.0}
