"""Closing an intent: once, whole, and only with books that balance."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from database_builders import (
    SEEN_AT,
    SOL,
    U64_MAX,
    USDC,
    books,
    fund_entry,
    insert,
    landed,
    landed_failed,
    live_intent,
    moved,
)
from liquidation_engine.database import Database, Funds, Guards, History, Intents, check_balanced
from liquidation_engine.errors import LedgerError
from liquidation_engine.model import NATIVE, Expired, Intent, LedgerEntry, Settlement
from liquidation_engine.model.settlement import BadDebtEntry, Unfinal

POSITION = "position-1"


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(postgres_url)
    yield opened
    await opened.close()


async def count(database: Database, table: str) -> int:
    async with database.pool.acquire() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


async def test_landed_intent_leaves_its_row_its_ledger_and_its_slot(database: Database) -> None:
    intent = await live_intent(database)
    await Intents(database).mark_accepted(intent.id, SEEN_AT)
    assert await Intents(database).close(intent, landed(intent, slot=80), books(), 2)

    [row] = await History(database).recent_liquidations(10)
    expected = {
        "intent_id": intent.id, "position_pubkey": POSITION, "repaid": 1_000, "seized": 1_040, "protocol_fee": 10, "reward": 40_000,
        "profit": 39_000, "fee_lamports": 5_180, "retry_count": 2, "tx_signature": "signature-1", "error_message": None,
        "created_at": SEEN_AT, "timestamp": SEEN_AT, "confirmed_at": SEEN_AT, "health_factor_before": 0.97,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert await count(database, "ledger_entries") == 6
    assert await count(database, "failed_liquidations") == 0
    claim = await Guards(database).claim(POSITION, "instance-2")
    assert (claim.live, claim.last_settled_slot, claim.attempts) == (None, 80, 0)


async def test_landed_intent_whose_acceptance_nobody_noted_was_accepted_by_its_confirmation(database: Database) -> None:
    intent = await live_intent(database)
    await Intents(database).close(intent, landed(intent), books(confirmed_at=SEEN_AT), 0)
    [row] = await History(database).recent_liquidations(10)
    assert (row["timestamp"], row["confirmed_at"]) == (SEEN_AT, SEEN_AT)


async def test_of_two_concurrent_closers_one_writes_and_the_other_changes_nothing(database: Database) -> None:
    for number in range(5):
        position = f"position-{number}"
        intent = await live_intent(database, position=position, signature=f"signature-{number}")
        closers = (Intents(database).close(intent, landed(intent), books(), 0) for _ in range(4))
        assert sorted(await asyncio.gather(*closers)) == [False, False, False, True]
    assert await count(database, "liquidations") == 5
    assert await count(database, "ledger_entries") == 5 * 6


async def test_claims_inserts_and_closes_that_race_neither_deadlock_nor_overlap(database: Database) -> None:
    async def worker(number: int) -> int:
        landings = 0
        for turn in range(8):
            claim = await Guards(database).claim(POSITION, f"instance-{number}")
            intent: object = claim.live
            if intent is None:
                attempt = await Intents(database).attempts_for(POSITION, f"digest-{number}")
                intent = await insert(
                    database, claim.fence, signature=f"s-{number}-{turn}", attempt=attempt, state_digest=f"digest-{number}"
                )  # fmt: skip
            if isinstance(intent, Intent):
                landings += await Intents(database).close(intent, landed(intent), books(), 0)
        return landings

    landings = sum(await asyncio.gather(*(worker(number) for number in range(6))))
    assert landings > 0
    assert await count(database, "liquidations") == landings == await count(database, "intents")
    assert await Intents(database).live(older_than_seconds=0, limit=10) == []


async def test_landed_failed_books_its_fee_and_says_why(database: Database) -> None:
    intent = await live_intent(database)
    fee_only = Settlement(
        slot=81,
        ledger=moved("wallet", "network", NATIVE, 5_180, into="network_fees"),
        fee_lamports=5_180,
        profit_micro_usd=-800,
    )
    assert await Intents(database).close(intent, landed_failed(intent, slot=81), fee_only, 1)

    [row] = await History(database).recent_liquidations(10)
    assert (row["error_message"], row["repaid"], row["profit"]) == ("program error 6001", 0, -800)
    [failed] = await History(database).failed_liquidations(10)
    assert (failed["outcome"], failed["error_message"], failed["retry_count"]) == (
        "landed_failed",
        "program error 6001",
        1,
    )
    assert failed["details"] == {"signature": "signature-1", "fee_lamports": 5_180, "attempt": 0}
    claim = await Guards(database).claim(POSITION, "instance-1")
    assert (claim.last_settled_slot, claim.attempts) == (81, 1)


async def test_expired_intent_leaves_a_reason_and_no_ledger(database: Database) -> None:
    intent = await live_intent(database)
    assert await Intents(database).close(intent, Expired("signature-1"), Settlement(slot=0), 3)

    [row] = await History(database).recent_liquidations(10)
    assert (row["error_message"], row["retry_count"], row["timestamp"]) == ("blockhash expired", 3, None)
    [failed] = await History(database).failed_liquidations(10)
    assert (failed["outcome"], failed["error_message"]) == ("expired", "blockhash expired")
    assert await count(database, "ledger_entries") == 0
    claim = await Guards(database).claim(POSITION, "instance-1")
    assert (claim.last_settled_slot, claim.attempts, claim.live) == (0, 1, None)
    assert isinstance(await insert(database, claim.fence, signature="signature-2", attempt=1), Intent)


async def test_settled_slot_never_goes_back(database: Database) -> None:
    for number, slot in enumerate((90, 85)):
        intent = await live_intent(database, signature=f"signature-{number}", attempt=number)
        await Intents(database).close(intent, landed(intent, slot=slot), books(slot=slot), 0)
    assert (await Guards(database).claim(POSITION, "instance-1")).last_settled_slot == 90


async def test_landing_ends_a_row_of_failures(database: Database) -> None:
    intent = await live_intent(database)
    await Guards(database).back_off(POSITION, failures_add=4, rest=timedelta(hours=1), reason="slippage")
    await Intents(database).close(intent, landed(intent), books(), 0)
    claim = await Guards(database).claim(POSITION, "instance-1")
    assert (claim.failures, claim.backoff_until, claim.backoff_reason) == (0, None, None)


async def test_unbalanced_ledger_is_refused_and_nothing_is_written(database: Database) -> None:
    intent = await live_intent(database)
    out, into = moved("wallet", "vault", USDC, 1_000)
    with pytest.raises(LedgerError, match=r"sum to 0 .*'mint-usdc': -1\b"):
        await Intents(database).close(
            intent, landed(intent), books(ledger=(out, dataclasses.replace(into, amount=999))), 0
        )
    assert await Intents(database).live(older_than_seconds=0, limit=10) == [intent]
    assert await count(database, "liquidations") == await count(database, "ledger_entries") == 0


async def test_account_booked_twice_is_refused_and_nothing_is_written(database: Database) -> None:
    intent = await live_intent(database)
    with pytest.raises(LedgerError, match="booked twice"):
        await Intents(database).close(
            intent, landed(intent), books(ledger=(*moved("a", "b", USDC, 5), *moved("a", "c", USDC, 5))), 0
        )
    assert await Intents(database).live(older_than_seconds=0, limit=10) == [intent]
    assert await count(database, "liquidations") == await count(database, "ledger_entries") == 0


async def test_fund_moves_with_the_intent_that_moves_it(database: Database) -> None:
    funds = Funds(database)
    await funds.open(SOL, "fund-sol", "vault-sol", 500, 10)
    await funds.open(USDC, "fund-usdc", "vault-usdc", 300, 10)
    intent = await live_intent(database)
    entries = (fund_entry("cover_bad_debt", 120, USDC), fund_entry("fee", 10))
    await Intents(database).close(intent, landed(intent), books(fund=entries), 0)
    assert {fund["mint"]: fund["balance"] for fund in await funds.all()} == {SOL: 510, USDC: 180}
    history = await History(database).insurance_history(10)
    assert {(row["mint"], row["transaction_type"], row["amount"], row["balance_after"]) for row in history} == {
        (SOL, "fee", 10, 510),
        (USDC, "cover_bad_debt", 120, 180),
    }


async def test_every_mint_of_bad_debt_is_written_down_with_its_cover(database: Database) -> None:
    intent = await live_intent(database)
    lost = (
        BadDebtEntry(mint=SOL, written_off=70, covered=0),
        BadDebtEntry(mint=USDC, written_off=U64_MAX, covered=120),
    )
    await Intents(database).close(
        intent, landed(intent), books(bad_debts=lost, bad_debt=U64_MAX, bad_debt_covered=120), 0
    )
    async with database.pool.acquire() as connection:
        found = await connection.fetch("SELECT intent_id, mint, written_off, covered FROM bad_debts ORDER BY mint")
    assert [tuple(row) for row in found] == [(intent.id, SOL, 70, 0), (intent.id, USDC, U64_MAX, 120)]
    [row] = await History(database).recent_liquidations(10)
    assert (row["bad_debt"], row["bad_debt_covered"]) == (U64_MAX, 120)


async def test_concurrent_closers_keep_the_sum_of_one_fund(database: Database) -> None:
    await Funds(database).open(SOL, "fund-sol", "vault-sol", 0, 10)
    intents = [await live_intent(database, position=f"p-{n}", signature=f"s-{n}") for n in range(12)]
    settlement = books(fund=(fund_entry("fee", 7),))
    await asyncio.gather(*(Intents(database).close(intent, landed(intent), settlement, 0) for intent in intents))
    [fund] = await Funds(database).all()
    assert fund["balance"] == 12 * 7
    after = sorted(row["balance_after"] for row in await History(database).insurance_history(100))
    assert after == [7 * n for n in range(1, 13)]


async def test_largest_amounts_are_booked_exactly(database: Database) -> None:
    intent = await live_intent(database)
    ledger = moved("wallet", "vault", USDC, U64_MAX, into="reserve_vault")
    await Intents(database).close(intent, landed(intent), books(ledger=ledger, repaid=U64_MAX, seized=U64_MAX), 0)
    [row] = await History(database).recent_liquidations(1)
    assert (row["repaid"], row["seized"]) == (U64_MAX, U64_MAX)
    async with database.pool.acquire() as connection:
        amounts = await connection.fetch("SELECT amount FROM ledger_entries ORDER BY amount")
    assert [int(found["amount"]) for found in amounts] == [-U64_MAX, U64_MAX]


async def test_landed_is_looked_at_again_until_it_is_final(database: Database) -> None:
    intents = Intents(database)
    kept = await live_intent(database)
    await intents.close(kept, landed(kept, slot=80), books(), 0)
    gone = await live_intent(database, position="position-2", signature="signature-2")
    await intents.close(gone, Expired("signature-2"), Settlement(slot=0), 0)
    unfinal = Unfinal(
        id=kept.id, position=POSITION, signature="signature-1", landed_slot=80, expires_above=kept.signed.expires_above
    )
    assert await intents.landed_not_finalized(10) == [unfinal]
    await intents.mark_finalized(kept.id, 80)
    assert await intents.landed_not_finalized(10) == []


def test_balance_is_checked_for_each_mint_alone() -> None:
    check_balanced(())
    check_balanced((*moved("a", "b", USDC, 5), *moved("a", "b", SOL, 7)))
    with pytest.raises(LedgerError):
        check_balanced(
            (
                LedgerEntry(account="wallet", address="a", mint=USDC, amount=5),
                LedgerEntry(account="wallet", address="a", mint=SOL, amount=-5),
            )
        )
