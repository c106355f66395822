"""What landed is looked at again at finalized: it stays, or it is taken back once and the position is tried again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from database_builders import (
    SOL,
    USDC,
    books,
    fund_entry,
    insert,
    landed,
    landed_failed,
    live_intent,
    moved,
)
from liquidation_engine.database import Database, Funds, Guards, History, Intents
from liquidation_engine.errors import RpcTimeout
from liquidation_engine.execute.finality import Finality, Seen
from liquidation_engine.execute.ports import Executed, NotExecuted
from liquidation_engine.model import NATIVE, Intent, Settlement
from liquidation_engine.model.settlement import BadDebtEntry

POSITION = "position-1"


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(postgres_url)
    yield opened
    await opened.close()


class ForkingChain:
    """Knows the transactions in `known`; its finalized block height and how far its history reaches are set by the test."""

    def __init__(self, *, height: int = 0, oldest_slot: int = 0) -> None:
        self.known: dict[str, Seen] = {}
        self.height, self.oldest_slot = height, oldest_slot
        self.silent_about: set[str] = set()
        self.pages: list[int] = []
        self.sent: list[bytes] = []

    async def send(self, transaction: bytes) -> str:
        self.sent.append(transaction)
        return ""

    async def seen(self, signatures: Sequence[str]) -> list[Seen | None]:
        self.pages.append(len(signatures))
        return [self.known.get(signature) for signature in signatures]

    async def fate(self, signature: str, *, expires_above: int) -> Executed | NotExecuted:
        if signature in self.silent_about:
            raise RpcTimeout("no answer to getBlockHeight")
        if (where := self.known.get(signature)) is not None:
            return Executed(where.slot, None)
        return NotExecuted.CANNOT_LAND if self.height > expires_above else NotExecuted.MAY_LAND

    async def remembers(self, slot: int) -> bool:
        return slot >= self.oldest_slot


async def nothing(intent_id: int) -> bool:
    """Leave the books as they are."""
    return True


async def landed_intent(database: Database, number: int = 1, *, slot: int = 80, **changes: Any) -> Intent:
    """Return an intent that was settled as landed, with its books."""
    intent = await live_intent(database, position=f"position-{number}", signature=f"signature-{number}")
    assert await Intents(database).close(intent, landed(intent, slot=slot), books(slot=slot, **changes), 0)
    return intent


async def value(database: Database, sql: str, *arguments: object) -> Any:
    async with database.pool.acquire() as connection:
        return await connection.fetchval(sql, *arguments)


async def state(database: Database, intent: Intent) -> tuple[Any, ...]:
    """Return how an intent stands: state, outcome, slot, whether it is final, whether it was reversed."""
    sql = """SELECT state, outcome, landed_slot, finalized_at IS NOT NULL, reversed_at IS NOT NULL FROM intents WHERE id = $1"""
    async with database.pool.acquire() as connection:
        return tuple(await connection.fetchrow(sql, intent.id))


async def sums(database: Database) -> list[tuple[str, str, int, int]]:
    """Return each account's entries of all signatures: how many, and their sum."""
    sql = "SELECT address, mint, count(*), sum(amount) FROM ledger_entries GROUP BY 1, 2 ORDER BY 1, 2"
    async with database.pool.acquire() as connection:
        return [(row[0], row[1], row[2], int(row[3])) for row in await connection.fetch(sql)]


HALF = moved("wallet-token", "vault", USDC, 4_000)
VANISHED = ("expired", "vanished", 80, False, True)
LANDED = ("landed", "landed", 80, False, False)
FINAL = ("landed", "landed", 80, True, False)


async def test_vanished_transaction_is_taken_back_by_entries_that_compensate(database: Database) -> None:
    funds = Funds(database)
    await funds.open(SOL, "fund-sol", "vault-sol", 500, 10)
    await funds.open(USDC, "fund-usdc", "vault-usdc", 300, 10)
    intent = await landed_intent(
        database,
        fund=(fund_entry("fee", 10), fund_entry("cover_bad_debt", 120, USDC)),
        bad_debt=200, bad_debt_covered=120, bad_debts=(BadDebtEntry(mint=USDC, written_off=200, covered=120),),
    )  # fmt: skip
    await Finality(
        Intents(database), ForkingChain(height=intent.signed.expires_above + 1), settle_again=nothing
    ).check()

    assert await state(database, intent) == VANISHED
    entries = await sums(database)
    assert len(entries) == 6
    assert {(count, total) for _, _, count, total in entries} == {(2, 0)}
    assert {fund["mint"]: fund["balance"] for fund in await funds.all()} == {SOL: 500, USDC: 300}
    assert [fund["total_fees"] + fund["total_bad_debt_covered"] for fund in await funds.all()] == [0, 0]
    assert await value(database, "SELECT sum(written_off + covered) FROM bad_debts") == 0
    [row] = await History(database).recent_liquidations(10)
    amounts = ("repaid", "seized", "protocol_fee", "reward", "profit", "fee_lamports", "bad_debt", "bad_debt_covered")
    assert {name: row[name] for name in amounts} == dict.fromkeys(amounts, 0)
    assert row["error_message"].startswith("vanished")
    [failed] = await History(database).failed_liquidations(10)
    assert (failed["outcome"], failed["intent_id"]) == ("vanished", intent.id)


async def test_position_whose_liquidation_vanished_may_be_taken_up_at_once(database: Database) -> None:
    intent = await landed_intent(database)
    await Guards(database).back_off(POSITION, failures_add=1, rest=timedelta(hours=1), reason="healthy")
    await Finality(
        Intents(database), ForkingChain(height=intent.signed.expires_above + 1), settle_again=nothing
    ).check()
    assert await Guards(database).in_back_off_or_live([POSITION]) == set()
    claim = await Guards(database).claim(POSITION, "instance-1")
    assert isinstance(await insert(database, claim.fence, signature="signature-2", attempt=1), Intent)


async def test_failed_transaction_that_vanished_gets_its_fee_back(database: Database) -> None:
    intent = await live_intent(database)
    fee = Settlement(slot=80, ledger=moved("wallet", "network", NATIVE, 5_180, into="network_fees"), fee_lamports=5_180)
    await Intents(database).close(intent, landed_failed(intent), fee, 0)
    await Finality(
        Intents(database), ForkingChain(height=intent.signed.expires_above + 1), settle_again=nothing
    ).check()
    assert await state(database, intent) == VANISHED
    assert await sums(database) == [("network", NATIVE, 2, 0), ("wallet", NATIVE, 2, 0)]


@pytest.mark.parametrize(
    ("height", "oldest_slot", "known"),
    [
        (1_150, 0, None),  # its last block height: a block of that height may still hold it
        (9_999, 81, None),  # the node has forgotten that slot, so that it proves nothing
        (9_999, 0, Seen(80, finalized=False)),
    ],
)
async def test_transaction_is_not_taken_back_without_proof(
    database: Database, height: int, oldest_slot: int, known: Seen | None
) -> None:
    intent = await landed_intent(database)
    assert intent.signed.expires_above == 1_150
    chain = ForkingChain(height=height, oldest_slot=oldest_slot)
    if known is not None:
        chain.known["signature-1"] = known
    await Finality(Intents(database), chain, settle_again=nothing).check()
    assert await state(database, intent) == LANDED
    assert await value(database, "SELECT count(*) FROM ledger_entries WHERE reversal") == 0


async def test_what_cannot_be_decided_hides_nothing_behind_it(database: Database) -> None:
    silent, waiting, final, gone = [await landed_intent(database, number) for number in range(1, 5)]
    chain = ForkingChain(height=9_999)
    chain.silent_about.add(silent.signed.signature)
    chain.known[waiting.signed.signature] = Seen(80, finalized=False)
    chain.known[final.signed.signature] = Seen(80, finalized=True)
    await Finality(Intents(database), chain, settle_again=nothing, page=1).check()
    assert [await state(database, one) for one in (silent, waiting, final, gone)] == [LANDED, LANDED, FINAL, VANISHED]
    assert chain.pages == [1, 1, 1, 1]


async def test_transaction_that_another_fork_executed_again_is_booked_as_it_was_there(database: Database) -> None:
    """It moved other amounts, and moves no others however often that is found out."""
    funds, intents = Funds(database), Intents(database)
    await funds.open(SOL, "fund-sol", "vault-sol", 0, 10)
    intent = await landed_intent(database, fund=(fund_entry("fee", 10),))
    before = await sums(database)

    async def settle_again(intent_id: int) -> bool:
        again = await intents.load(intent_id)
        for slot, fee in ((82, 3), (83, 7)):
            moved_now = books(slot=slot, fund=(fund_entry("fee", fee),), repaid=4_000, ledger=HALF)
            assert await intents.resettle(again, landed(again, slot=slot), moved_now, 0)
        return True

    chain = ForkingChain(height=9_999)
    chain.known["signature-1"] = Seen(83, finalized=True)
    await Finality(intents, chain, settle_again=settle_again).check()
    assert await state(database, intent) == ("landed", "landed", 83, True, False)
    slots = "SELECT array_agg(DISTINCT slot) FROM (SELECT slot FROM ledger_entries UNION ALL SELECT slot FROM insurance_fund_transactions) AS s"
    assert await value(database, slots) == [83]
    after = {(address, mint): total for address, mint, _, total in await sums(database) if total}
    assert after == {(entry.address, entry.mint): entry.amount for entry in HALF}
    assert before != await sums(database)
    [fund] = await funds.all()
    assert (fund["balance"], fund["total_fees"]) == (7, 7)
    [row] = await History(database).recent_liquidations(10)
    assert row["repaid"] == 4_000
    assert await intents.resettle(intent, landed(intent, slot=84), books(slot=84), 0) is False  # it is final


async def test_books_that_cannot_be_made_yet_leave_it_unfinal(database: Database) -> None:
    intent = await landed_intent(database)

    async def no_record(intent_id: int) -> bool:
        return False

    chain = ForkingChain(height=9_999)
    chain.known["signature-1"] = Seen(83, finalized=True)
    await Finality(Intents(database), chain, settle_again=no_record).check()
    assert await state(database, intent) == LANDED


async def test_of_concurrent_watchers_one_takes_back(database: Database) -> None:
    await Funds(database).open(SOL, "fund-sol", "vault-sol", 0, 10)
    intents = [await landed_intent(database, number, fund=(fund_entry("fee", 10),)) for number in range(1, 4)]
    chain = ForkingChain(height=9_999)
    await asyncio.gather(*(Finality(Intents(database), chain, settle_again=nothing).check() for _ in range(4)))
    assert [await state(database, intent) for intent in intents] == [VANISHED] * 3
    assert await value(database, "SELECT count(*) FROM ledger_entries WHERE reversal") == 3 * 6
    [fund] = await Funds(database).all()
    assert fund["balance"] == 0


async def test_final_transaction_is_never_taken_back(database: Database) -> None:
    intent = await landed_intent(database)
    await Intents(database).mark_finalized(intent.id, 80)
    assert await Intents(database).reverse(intent.id, POSITION) is False
    assert await state(database, intent) == FINAL


async def test_movement_inside_the_opening_balance_is_taken_back_too(database: Database) -> None:
    funds = Funds(database)
    await funds.open(SOL, "fund-sol", "vault-sol", 110, 85)  # read from the fork that had the 10 of slot 80
    await landed_intent(database, fund=(fund_entry("fee", 10),))
    await Finality(Intents(database), ForkingChain(height=9_999), settle_again=nothing).check()
    [fund] = await funds.all()
    assert (fund["balance"], fund["opening_balance"]) == (100, 100)
    assert await funds.drift({SOL: 100}, 90) == {}


@pytest.mark.parametrize(("height", "may_send", "times"), [(1_150, True, 1), (1_150, False, 0), (9_999, True, 0)])
async def test_what_is_unknown_and_may_land_again_is_sent_again_unchanged(
    database: Database, height: int, may_send: bool, times: int
) -> None:
    intent = await landed_intent(database)
    chain = ForkingChain(height=height)
    await Finality(Intents(database), chain, settle_again=nothing, may_send=lambda: may_send).check()
    assert chain.sent == [intent.signed.transaction] * times


async def test_unfinal_signatures_are_those_that_may_still_vanish(database: Database) -> None:
    intents = Intents(database)
    landed_one = await landed_intent(database)
    assert await intents.unfinal_signatures(POSITION) == [landed_one.signed.signature]
    assert await intents.unfinal_signatures("position-2") == []
    await intents.mark_finalized(landed_one.id, 80)
    assert await intents.unfinal_signatures(POSITION) == []
