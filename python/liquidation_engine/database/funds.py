"""The insurance funds' balances, moved only together with the transaction that explains the movement.

The chain has already moved when we book: nothing here refuses. Settlements commit in another order than the chain executed them, so a
running balance may be below zero for a while; the final one is the chain's.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from liquidation_engine.database.pool import Database, Row, Transaction
from liquidation_engine.database.rows import as_dict
from liquidation_engine.model import FundEntry
from liquidation_engine.model.settlement import FundEntryType

log = structlog.get_logger(__name__)

_SIGN: Mapping[str, int] = {"contribution": 1, "fee": 1, "cover_bad_debt": -1, "withdrawal": -1}


class Funds:
    """One fund per mint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, mint: str, address: str, vault: str, balance: int, slot: int) -> None:
        """Begin a fund's books with what the chain says at `slot`; a fund that is open already is left as it is."""
        await self._database.run("open_fund", mint, address, vault, balance, slot)

    async def contribution(self, signature: str, slot: int, mint: str, amount: int) -> bool:
        """Book a contribution seen on chain; return False if it was booked before, or came before the fund was opened."""
        return await self.observed(signature, slot, mint, "contribution", amount)

    async def observed(
        self, signature: str, slot: int, mint: str, transaction_type: FundEntryType, amount: int
    ) -> bool:
        """Book what a transaction moved, ours or anyone's; return False if it was booked before, or came before the fund was opened.

        A liquidator's fee and a stranger's cover are movements like ours. What nobody can name a transaction for is not booked: `drift`
        reports it.
        """
        async with self._database.transaction() as transaction:
            opened = await transaction.row("fund_opened_slot", mint)
            if opened is None or slot <= opened["opened_slot"]:
                return False
            entry = FundEntry(mint=mint, amount=amount, transaction_type=transaction_type, market=None, position=None)
            return await _move(transaction, signature, slot, entry) is not None

    async def drift(self, balances: Mapping[str, int], slot: int) -> dict[str, int]:
        """Return mint -> what the chain's `balances` at `slot` hold beyond the books of that slot; mints that agree are left out.

        Changes nothing. An intent that has landed and is not settled yet shows here too, so a difference counts once no intent is live. A
        fund that is not open has books of 0; one whose books begin after `slot` is left out.
        """
        found = {row["mint"]: row["balance"] for row in await self._database.rows("fund_balances_at", slot)}
        differences = {
            mint: balance - int(booked)
            for mint, balance in balances.items()
            if (booked := found.get(mint, 0)) is not None
        }
        return {mint: difference for mint, difference in differences.items() if difference}

    async def all(self) -> list[dict[str, Any]]:
        """Return every fund with its totals."""
        return [as_dict(row) for row in await self._database.rows("funds")]


async def move_fund(transaction: Transaction, signature: str, slot: int, entry: FundEntry) -> None:
    """Book one movement of a settled intent, once, whatever the books hold; a fund nobody opened is opened by it."""
    moved = await _move(transaction, signature, slot, entry)
    if moved is None:
        await transaction.run("open_fund", entry.mint, entry.address, entry.vault, entry.held_before, slot - 1)
        moved = await _move(transaction, signature, slot, entry)
    if moved is None:
        log.info("Fund movement was booked before", signature=signature, mint=entry.mint)


async def reverse_fund(transaction: Transaction, signature: str) -> None:
    """Book the opposite of every movement of a signature."""
    for row in await transaction.rows("fund_moves_of", signature):
        kind = row["transaction_type"]
        change = _SIGN[kind] * int(row["amount"])
        reversed_ = await transaction.row("reverse_fund", signature, row["mint"], kind, change)
        if reversed_ is not None:
            _flag_below_zero(row["mint"], int(reversed_["balance_after"]), signature)


async def unbook_fund(transaction: Transaction, signature: str) -> None:
    """Take every movement of a signature out of the books: it is booked anew, as it was on the fork that stays."""
    for row in await transaction.rows("fund_moves_of", signature):
        kind = row["transaction_type"]
        await transaction.run("unbook_fund", signature, row["mint"], kind, _SIGN[kind] * int(row["amount"]))


async def _move(transaction: Transaction, signature: str, slot: int, entry: FundEntry) -> Row | None:
    change = _SIGN[entry.transaction_type] * entry.amount
    moved = await transaction.row(
        "move_fund", signature, slot, entry.mint, entry.transaction_type, entry.market, change, entry.position
    )
    if moved is not None:
        _flag_below_zero(entry.mint, int(moved["balance"]), signature)
    return moved


def _flag_below_zero(mint: str, balance: int, signature: str) -> None:
    if balance < 0:
        log.error(
            "Insurance fund is below zero in the books: movements on chain are not booked yet",
            mint=mint, balance=balance, signature=signature,
        )  # fmt: skip
