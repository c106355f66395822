"""What the API shows, and where it comes from."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from liquidation_engine.database import Database, History, Instances, ObservedLiquidations
from liquidation_engine.errors import LiquidationEngineError
from liquidation_engine.model.instance import DEAD_SECONDS, SUCCESS_SECONDS

CHECK_TIMEOUT_SECONDS = 3.0

Row = Mapping[str, object]
Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the engine does; it fails as soon as one check does."""

    failures: Mapping[str, str]  # check -> what is wrong
    checks: tuple[str, ...]
    tracked_assets: int = 0
    total_positions: int = 0
    seen_total: int = 0  # liquidations by anyone that were observed
    poll_limit: int = 0
    rpc: Mapping[str, object] = field(default_factory=dict)


class Views(Protocol):
    """What the API asks for. Rows are mappings with int amounts and aware times."""

    async def health(self) -> Health: ...
    async def positions(self, limit: int, offset: int, max_health: float | None) -> list[dict[str, object]]: ...
    async def position(self, pubkey: str) -> dict[str, object] | None: ...
    async def recent_liquidations(self, limit: int) -> list[dict[str, object]]: ...
    async def pending(self, limit: int) -> tuple[int, list[dict[str, object]]]: ...
    async def failed(self, limit: int) -> list[dict[str, object]]: ...
    async def insurance_balance(self) -> dict[str, object]: ...
    async def insurance_history(self, limit: int) -> list[dict[str, object]]: ...
    async def stats(self) -> dict[str, object]: ...
    async def instances(self) -> list[dict[str, object]]: ...


class DatabaseViews:
    """Views over the books in Postgres. `checks` adds to the health what the database cannot know (slot, oracles, Redis)."""

    def __init__(
        self,
        database: Database,
        *,
        checks: Mapping[str, Check] | None = None,
        tracked_assets: int = 0,
        poll_limit: int = 5,
        rpc: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """Take the database, further checks by name, and what /health shows of the configuration and the nodes."""
        self._history = History(database)
        self._instances = Instances(database)
        self._observed = ObservedLiquidations(database)
        self._checks: dict[str, Check] = {"database": self._database, "scan": self._scan, **(checks or {})}
        self._tracked_assets = tracked_assets
        self._poll_limit = poll_limit
        self._rpc = rpc

    async def health(self) -> Health:
        """Run all checks at once; one that hangs or raises has failed."""
        found = await asyncio.gather(*(_verdict(check) for check in self._checks.values()))
        failures = {name: wrong for name, wrong in zip(self._checks, found, strict=True) if wrong is not None}
        return Health(
            failures=failures,
            checks=tuple(self._checks),
            tracked_assets=self._tracked_assets,
            total_positions=0 if "database" in failures else await self._history.position_count(),
            seen_total=0 if "database" in failures else await self._observed.count(),
            poll_limit=self._poll_limit,
            rpc=self._rpc(),
        )

    async def positions(self, limit: int, offset: int, max_health: float | None) -> list[dict[str, object]]:
        """Return positions, the least healthy first."""
        return await self._history.positions(limit, offset, max_health)

    async def position(self, pubkey: str) -> dict[str, object] | None:
        """Return one position, None if it is not known."""
        return await self._history.position(pubkey)

    async def recent_liquidations(self, limit: int) -> list[dict[str, object]]:
        """Return the latest liquidations sent, the newest first."""
        return await self._history.recent_liquidations(limit)

    async def pending(self, limit: int) -> tuple[int, list[dict[str, object]]]:
        """Return how many are at risk or being liquidated, and the least healthy of them."""
        return await self._history.pending(limit)

    async def failed(self, limit: int) -> list[dict[str, object]]:
        """Return the latest endings that were no success, the newest first."""
        return await self._history.failed_liquidations(limit)

    async def insurance_balance(self) -> dict[str, object]:
        """Return the SOL fund on top and every fund in `funds`."""
        return await self._history.insurance_balance()

    async def insurance_history(self, limit: int) -> list[dict[str, object]]:
        """Return the latest movements of all funds, the newest first."""
        return await self._history.insurance_history(limit)

    async def stats(self) -> dict[str, object]:
        """Return totals over the last 24 hours."""
        return await self._history.stats()

    async def instances(self) -> list[dict[str, object]]:
        """Return every instance and the age of its last sign of life."""
        return await self._instances.all()

    async def _database(self) -> str | None:
        await self._history.position_count()
        return None

    async def _scan(self) -> str | None:
        """Find a living leader whose last scan succeeded lately."""
        leaders = [row for row in await self._instances.all() if "leader" in _roles(row) and alive(row)]
        if not leaders:
            return "no instance with the leader role gave a sign of life within 90 s"
        ages = [age for row in leaders if isinstance(age := row.get("seconds_since_success"), int | float)]
        if not ages:
            return "no scan has been completed yet"
        return (
            None
            if min(ages) <= SUCCESS_SECONDS
            else f"the last scan is {min(ages):.0f} s old, expected at most {SUCCESS_SECONDS:.0f}"
        )


async def _verdict(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_SECONDS:.0f} s"
    except (LiquidationEngineError, OSError) as error:
        return str(error) or type(error).__name__


def alive(row: Row) -> bool:
    """Say whether an instance gave a sign of life lately."""
    age = row.get("seconds_since_heartbeat")
    return isinstance(age, int | float) and age < DEAD_SECONDS and row.get("stopped_at") is None


def _roles(row: Row) -> tuple[str, ...]:
    roles = row.get("roles")
    return tuple(roles) if isinstance(roles, list | tuple) else ()


def is_worker(row: Row) -> bool:
    """Say whether an instance takes up candidates."""
    return "worker" in _roles(row)
