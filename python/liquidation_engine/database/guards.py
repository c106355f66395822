"""The guard row of each position: who may create its next intent, and until when it is left alone."""

from collections.abc import Sequence
from datetime import timedelta

from liquidation_engine.database import rows
from liquidation_engine.database.pool import Database
from liquidation_engine.errors import ServerError
from liquidation_engine.model import Claim, Skipped


class Guards:
    """Claims and back-offs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, position: str, instance_id: str) -> Claim:
        """Raise the position's fence and return it with what is live: from here on every older claim is void."""
        row = await self._database.row("claim_position", position, instance_id)
        if row is None:
            raise ServerError(f"claiming {position} returned nothing")
        return Claim(
            position=position,
            fence=row["guard_fence"],
            last_settled_slot=row["last_settled_slot"],
            attempts=row["attempts"],
            failures=row["failures"],
            backoff_until=row["backoff_until"],
            resting=row["resting"],
            backoff_reason=row["backoff_reason"],
            live=rows.intent(row) if row["id"] is not None else None,
        )

    async def back_off(self, position: str, *, failures_add: int, rest: timedelta, reason: str) -> None:
        """Leave the position alone for so long from now on, and say why."""
        await self._database.run("back_off", position, failures_add, rest, reason)

    async def clear_back_off(self, position: str) -> bool:
        """Let the position be taken up at once, its failures forgotten; return False where nobody ever tried it."""
        return bool(await self._database.run("clear_back_off", position))

    async def skipped(self, limit: int) -> list[Skipped]:
        """Return who is left alone now, most failures in a row first."""
        return [Skipped(**row) for row in await self._database.rows("skipped", limit)]

    async def in_back_off_or_live(self, positions: Sequence[str]) -> set[str]:
        """Return those of `positions` that are left alone or being liquidated."""
        return {row["position"] for row in await self._database.rows("in_back_off_or_live", list(positions))}
