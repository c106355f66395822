"""Which instances run, how they are, and what they did in the last 24 hours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from liquidation_engine.database.pool import Database
from liquidation_engine.database.rows import as_dict, to_json
from liquidation_engine.errors import ServerError
from liquidation_engine.model import NOTHING_DONE, Activity

FORGOTTEN_SECONDS = 3_600.0  # an instance without a sign of life is shown as dead for this long


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What does not change about an instance while its process lives."""

    instance_id: str
    roles: Sequence[str]
    pid: int
    host: str
    version: str
    region: str | None = None
    tiers: Sequence[str] = ()


class Instances:
    """One row per instance, renewed by its heartbeat."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heartbeat(
        self,
        who: Identity,
        *,
        stats: Mapping[str, object],
        seconds_since_success: float | None,
        consecutive_failures: int,
        activity: Activity = NOTHING_DONE,
    ) -> datetime | None:
        """Say that the instance lives, how it does, and what it did since the last heartbeat.

        Returns since when its figures count: a later time than the last answer's tells that an operator has reset them.
        """
        row = await self._database.row(
            "heartbeat", who.instance_id, list(who.roles), who.pid, who.host, who.version, to_json(stats),
            seconds_since_success, consecutive_failures, who.region, list(who.tiers),
            activity.checks, activity.candidates, activity.processing_micros,
        )  # fmt: skip
        if row is None:
            raise ServerError(f"the heartbeat of {who.instance_id} returned nothing")
        counted_from: datetime | None = row["counted_from"]
        return counted_from

    async def stopped(self, instance_id: str) -> None:
        """Say that the instance has ended on request: it is missed by nobody."""
        await self._database.run("instance_stopped", instance_id)

    async def all(self) -> list[dict[str, Any]]:
        """Return every instance, its windows, and its ages by the database's clock."""
        return [as_dict(row, json_columns=("stats",)) for row in await self._database.rows("instances")]

    async def reset_metrics(self) -> int:
        """Zero failures and windows of all instances; return how many there are."""
        return await self._database.run("reset_instances")

    async def forget_dead(self, after_seconds: float = FORGOTTEN_SECONDS) -> int:
        """Remove instances that gave no sign of life for so long, and what is older than the windows."""
        return await self._database.run("forget_instances", after_seconds)
