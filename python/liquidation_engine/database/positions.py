"""The positions as the API shows them. A view: nothing is decided on it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liquidation_engine.database.pool import Database

_BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """One position as of a slot."""

    position_pubkey: str
    owner_pubkey: str
    protocol: str
    market: str
    health_factor: float | None  # None without debt
    liquidatable: bool
    collateral_micro_usd: int
    debt_micro_usd: int
    legs: Sequence[Mapping[str, object]]
    as_of_slot: int


class PositionsTable:
    """Writes `positions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(self, rows: Sequence[PositionRow]) -> None:
        """Write the rows, in batches; what is known from a newer slot stays."""
        newest: dict[str, PositionRow] = {}
        for row in rows:
            known = newest.get(row.position_pubkey)
            if known is None or known.as_of_slot <= row.as_of_slot:
                newest[row.position_pubkey] = row
        ordered = [
            newest[pubkey] for pubkey in sorted(newest)
        ]  # the same order for all writers: no waiting in a circle
        for start in range(0, len(ordered), _BATCH):
            columns = zip(*map(_columns, ordered[start : start + _BATCH]), strict=True)
            await self._database.run("upsert_positions", *map(list, columns))

    async def remove(self, positions: Sequence[str], as_of_slot: int) -> None:
        """Forget positions whose accounts were found closed at that slot."""
        await self._database.run("remove_positions", sorted(positions), as_of_slot)


def _columns(row: PositionRow) -> tuple[object, ...]:
    return (
        row.position_pubkey,
        row.owner_pubkey,
        row.protocol,
        row.market,
        row.health_factor,
        row.liquidatable,
        row.collateral_micro_usd,
        row.debt_micro_usd,
        json.dumps([dict(leg) for leg in row.legs]),
        row.as_of_slot,
    )
