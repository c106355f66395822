"""Which instances run, and how they are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from liquidation_engine.database.pool import Database
from liquidation_engine.database.rows import as_dict, to_json


class Instances:
    """One row per instance, renewed by its heartbeat."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heartbeat(
        self,
        instance_id: str,
        *,
        roles: Sequence[str],
        pid: int,
        host: str,
        version: str,
        stats: Mapping[str, object],
        last_successful_run: datetime | None,
        consecutive_failures: int,
    ) -> None:
        """Say that the instance lives, and how it does."""
        await self._database.run(
            "heartbeat", instance_id, list(roles), pid, host, version, to_json(stats), last_successful_run, consecutive_failures
        )  # fmt: skip

    async def all(self) -> list[dict[str, Any]]:
        """Return every instance with the seconds since its last heartbeat, by the database's clock."""
        return [as_dict(row, json_columns=("stats",)) for row in await self._database.rows("instances")]
