"""The insurance funds' balances, moved only together with the transaction that explains the movement."""

from typing import Any

from liquidation_engine.database.pool import Database
from liquidation_engine.database.rows import as_dict


class Funds:
    """One fund per mint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, mint: str, address: str, vault: str, balance: int, slot: int) -> None:
        """Begin a fund's books with what the chain says at `slot`; a fund that is open already is left as it is."""
        await self._database.run("open_fund", mint, address, vault, balance, slot)

    async def contribution(self, signature: str, slot: int, mint: str, amount: int) -> bool:
        """Book a contribution seen on chain; return False if it was booked before, or came before the fund was opened."""
        return await self._database.row("contribute", signature, slot, mint, amount) is not None

    async def all(self) -> list[dict[str, Any]]:
        """Return every fund with its totals."""
        return [as_dict(row) for row in await self._database.rows("funds")]
