"""The kill switch: one row that every intent's insertion reads under a lock."""

from datetime import datetime
from typing import NamedTuple

from liquidation_engine.database.pool import Database
from liquidation_engine.errors import ServerError


class KillSwitchState(NamedTuple):
    """Whether new intents are forbidden, why, and since when."""

    stopped: bool
    reason: str | None
    changed_at: datetime


class KillSwitch:
    """Stop and resume for all instances."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self) -> KillSwitchState:
        """Return its state."""
        row = await self._database.row("kill_switch_state")
        if row is None:
            raise ServerError(
                "the kill switch has no row: nothing may be signed; run liquidation-engine migrate on a new database"
            )
        return KillSwitchState(*row)

    async def stop(self, reason: str, by: str) -> KillSwitchState:
        """Forbid new intents: once this returns, none is written any more."""
        return await self._set(True, reason, by)

    async def resume(self, by: str) -> KillSwitchState:
        """Allow new intents again."""
        return await self._set(False, None, by)

    async def _set(self, stopped: bool, reason: str | None, by: str) -> KillSwitchState:
        row = await self._database.row("set_kill_switch", stopped, reason, by)
        if row is None:
            raise ServerError(
                "the kill switch has no row: nothing may be signed; run liquidation-engine migrate on a new database"
            )
        return KillSwitchState(*row)
