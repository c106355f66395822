"""Notices that the database is another one than before, and keeps the rest that has to follow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from liquidation_engine.database.pool import Database
from liquidation_engine.errors import ServerError


@dataclass(frozen=True, slots=True)
class TimelineState:
    """Whether the books were last written in this very database, and the rest that is not over yet."""

    is_ours: bool
    rests_above: int | None

    @property
    def resting(self) -> bool:
        """Whether Postgres refuses new intents."""
        return not self.is_ours or self.rests_above is not None


class Timeline:
    """The row of `database_timeline`; `insert_intent` reads it under a lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self) -> TimelineState:
        """Return how it stands; the first look of all makes the row."""
        with _told():
            for _ in range(2):  # of two first looks at once, one finds the other's row only with its next statement
                row = await self._database.row("look_at_timeline")
                if row is not None:
                    return TimelineState(row["is_ours"], row["rests_above"])
        raise ServerError("the database's timeline has no row: nothing may be signed; run liquidation-engine migrate")

    async def begin_rest(self, above: int) -> int:
        """Take the database as ours, and forbid intents until the finalized height is above `above`, or what was set before.

        Returns the height that counts: the highest that any instance named.
        """
        with _told():
            return int(await self._database.value("begin_rest", above))

    async def end_rest(self, finalized_height: int) -> bool:
        """End the rest if the height is above what it waits for; return whether it did."""
        with _told():
            return bool(await self._database.run("end_rest", finalized_height))


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a server in recovery answers into our error: it has no timeline of its own yet, and takes no writes."""
    try:
        yield
    except (asyncpg.ReadOnlySQLTransactionError, asyncpg.ObjectNotInPrerequisiteStateError) as error:
        raise ServerError(f"the database is a replica, or not recovered yet: {error}: check DATABASE_URL") from error
