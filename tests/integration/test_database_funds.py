"""The insurance funds' books follow the chain, in whatever order its movements are booked."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from database_builders import SOL, USDC, books, fund_entry, landed, live_intent
from liquidation_engine.database import Database, Funds, History, Intents
from liquidation_engine.model import FundEntry

OPENED = 10


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(postgres_url)
    yield opened
    await opened.close()


async def settle(database: Database, number: int, *entries: FundEntry, slot: int = 80) -> bool:
    """Land and close an intent that moves funds."""
    intent = await live_intent(database, position=f"p-{number}", signature=f"s-{number}")
    return await Intents(database).close(intent, landed(intent, slot=slot), books(slot=slot, fund=entries), 0)


async def fund(database: Database, mint: str = SOL) -> dict[str, Any]:
    """Return one fund's row; whatever happened, its movements explain its balance."""
    [found] = [one for one in await Funds(database).all() if one["mint"] == mint]
    async with database.pool.acquire() as connection:
        moved = await connection.fetchval(
            """SELECT coalesce(sum(amount * CASE WHEN transaction_type IN ('contribution', 'fee') THEN 1 ELSE -1 END), 0)
            FROM insurance_fund_transactions WHERE mint = $1""",
            mint,
        )
    assert found["opening_balance"] + moved == found["balance"]
    return found


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_settlements_in_any_order_end_at_the_balance_of_the_chain(
    database: Database, order: tuple[int, ...]
) -> None:
    await Funds(database).open(SOL, "fund-sol", "vault-sol", 0, OPENED)
    moves = [fund_entry("fee", 500), fund_entry("cover_bad_debt", 480), fund_entry("fee", 7)]
    for number in order:
        assert await settle(database, number, moves[number], slot=80 + number)
    assert (await fund(database))["balance"] == 27


async def test_fund_below_zero_in_the_books_is_flagged_and_the_intent_is_closed(database: Database) -> None:
    await Funds(database).open(SOL, "fund-sol", "vault-sol", 100, OPENED)
    with capture_logs() as told:
        assert await settle(database, 1, fund_entry("cover_bad_debt", 350))
    [flag] = [line for line in told if "below zero" in line["event"]]
    assert (flag["log_level"], flag["mint"], flag["balance"]) == ("error", SOL, -250)
    assert (await fund(database))["balance"] == -250
    assert await Intents(database).live(older_than_seconds=0, limit=10) == []
    # What the books did not know: a stranger's fee came first. Booked once, the books are the chain's again.
    funds = Funds(database)
    assert await funds.drift({SOL: 50}, 80) == {SOL: 300}
    assert await funds.observed("theirs", 79, SOL, "fee", 300) is True
    assert await funds.observed("theirs", 79, SOL, "fee", 300) is False
    assert await funds.drift({SOL: 50}, 80) == {}
    found = await fund(database)
    assert (found["balance"], found["total_fees"]) == (50, 300)


async def test_fund_that_nobody_opened_is_opened_by_the_movement(database: Database) -> None:
    entry = FundEntry(
        mint=USDC, amount=30, transaction_type="cover_bad_debt", market="market-1", position="p-1", address="fund-usdc",
        vault="vault-usdc", held_before=100,
    )  # fmt: skip
    assert await settle(database, 1, entry)
    found = await fund(database, USDC)
    assert (found["balance"], found["opening_balance"], found["opened_slot"]) == (70, 100, 79)
    assert (found["address"], found["vault"]) == ("fund-usdc", "vault-usdc")


async def test_movement_inside_the_balance_that_was_read_is_not_counted_twice(database: Database) -> None:
    await Funds(database).open(SOL, "fund-sol", "vault-sol", 107, 85)  # the 7 of slot 80 are in it
    assert await settle(database, 1, fund_entry("fee", 7), slot=80)
    found = await fund(database)
    assert (found["balance"], found["opening_balance"], found["opened_slot"]) == (107, 100, 79)
    [moved] = await History(database).insurance_history(10)
    assert (moved["amount"], moved["balance_after"], moved["reversal"]) == (7, 107, False)
    assert await settle(database, 2, fund_entry("fee", 5), slot=86)
    assert (await fund(database))["balance"] == 112


async def test_movement_observed_before_its_intent_is_settled_is_booked_once(database: Database) -> None:
    await Funds(database).open(SOL, "fund-sol", "vault-sol", 0, OPENED)
    assert await Funds(database).observed("s-1", 80, SOL, "fee", 7)
    assert await settle(database, 1, fund_entry("fee", 7))
    assert (await fund(database))["balance"] == 7


async def test_fee_and_cover_of_one_transaction_stand_apart(database: Database) -> None:
    await Funds(database).open(SOL, "fund-sol", "vault-sol", 100, OPENED)
    assert await settle(database, 1, fund_entry("fee", 10), fund_entry("cover_bad_debt", 30))
    found = await fund(database)
    assert (found["balance"], found["total_fees"], found["total_bad_debt_covered"]) == (80, 10, 30)


async def test_concurrent_settlements_of_an_unopened_fund_lose_nothing(database: Database) -> None:
    def entry(number: int) -> FundEntry:
        return FundEntry(
            mint=SOL, amount=5, transaction_type="fee", market="m", position="p", vault="v", held_before=number * 5
        )

    await asyncio.gather(*(settle(database, number, entry(number), slot=80 + number) for number in range(8)))
    assert (await fund(database))["balance"] == 8 * 5


async def test_drift_looks_at_the_slot_of_the_chains_balance(database: Database) -> None:
    funds = Funds(database)
    await funds.open(SOL, "fund-sol", "vault-sol", 100, OPENED)
    await settle(database, 1, fund_entry("fee", 7), slot=80)
    assert await funds.drift({SOL: 100, USDC: 0}, 79) == {}
    assert await funds.drift({SOL: 107, USDC: 3}, 80) == {USDC: 3}
    assert await funds.drift({SOL: 1}, OPENED - 1) == {}
    assert len(await History(database).insurance_history(10)) == 1
