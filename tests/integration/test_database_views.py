"""What the API reads: positions, funds, kill switch, instances, failures and totals."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from database_builders import SEEN_AT, SOL, U64_MAX, USDC, books, fund_entry, landed, landed_failed, live_intent
from liquidation_engine.database import (
    Database,
    Failures,
    Funds,
    History,
    Intents,
    KillSwitch,
    PositionRow,
    PositionsTable,
)
from liquidation_engine.model import Settlement


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(postgres_url)
    yield opened
    await opened.close()


def row(pubkey: str, *, slot: int = 10, health: float | None = 1.5, **changes: Any) -> PositionRow:
    fields: dict[str, Any] = {
        "position_pubkey": pubkey,
        "owner_pubkey": "owner-1",
        "protocol": "reference",
        "market": "market-1",
        "health_factor": health,
        "liquidatable": health is not None and health < 1,
        "collateral_micro_usd": U64_MAX * 3,
        "debt_micro_usd": 2**53 + 1,
        "legs": [{"reserve": "r", "side": "debt", "amount": U64_MAX}],
        "as_of_slot": slot,
    }
    return PositionRow(**{**fields, **changes})


async def test_positions_come_back_exact_and_least_healthy_first(database: Database) -> None:
    await PositionsTable(database).upsert([row("a", health=1.4), row("b", health=0.9), row("c", health=None)])
    history = History(database)
    found = await history.positions(10)
    assert [position["position_pubkey"] for position in found] == ["b", "a", "c"]
    assert (found[0]["collateral_micro_usd"], found[0]["debt_micro_usd"]) == (U64_MAX * 3, 2**53 + 1)
    assert found[0]["legs"] == [{"reserve": "r", "side": "debt", "amount": U64_MAX}]
    assert [position["position_pubkey"] for position in await history.positions(1, 1)] == ["a"]
    assert [position["position_pubkey"] for position in await history.positions(10, 0, 1.0)] == ["b"]
    assert await history.position_count() == 3
    assert await history.position("unknown") is None


async def test_row_from_an_older_slot_never_overwrites_a_newer_one(database: Database) -> None:
    table = PositionsTable(database)
    await table.upsert([row("a", slot=20, health=1.2), row("b", slot=5)])
    await table.upsert([row("a", slot=19, health=9.0), row("b", slot=6, health=1.1)])
    await table.upsert([row("c", slot=3, health=1.3), row("c", slot=2, health=9.0)])
    found = {
        position["position_pubkey"]: position["health_factor"] for position in await History(database).positions(10)
    }
    assert found == {"a": 1.2, "b": 1.1, "c": 1.3}


async def test_more_rows_than_one_batch_are_all_written(database: Database) -> None:
    await PositionsTable(database).upsert([row(f"p-{number}") for number in range(2_345)])
    await PositionsTable(database).upsert([])
    assert await History(database).position_count() == 2_345


async def test_closed_account_is_removed_unless_it_was_opened_again(database: Database) -> None:
    await PositionsTable(database).upsert([row("closed", slot=5), row("reopened", slot=9)])
    await PositionsTable(database).remove(["closed", "reopened"], 7)
    assert [position["position_pubkey"] for position in await History(database).positions(10)] == ["reopened"]


async def test_pending_counts_what_is_at_risk_or_being_liquidated(database: Database) -> None:
    await PositionsTable(database).upsert([row("safe"), row("risky", health=1.05), row("position-1", health=1.2)])
    intent = await live_intent(database)
    count, found = await History(database).pending(10)
    assert count == 2
    assert {position["position_pubkey"]: position["live_signature"] for position in found} == {
        "risky": None,
        "position-1": intent.signed.signature,
    }
    shown = await History(database).position("position-1")
    assert shown is not None
    assert (shown["live_intent_id"], shown["fence"]) == (intent.id, 1)


async def test_failures_keep_their_reason_and_details(database: Database) -> None:
    await Failures(database).record(
        "position-1", candidate_id="c", outcome="unprofitable", error_message="profit below the minimum", retry_count=0, slot=9,
        details={"profit_micro_usd": -(2**70), "ratio": float("inf")},
    )  # fmt: skip
    [failed] = await History(database).failed_liquidations(10)
    assert (failed["outcome"], failed["intent_id"], failed["slot"]) == ("unprofitable", None, 9)
    assert failed["details"] == {"profit_micro_usd": -(2**70), "ratio": None}


async def test_stats_of_an_idle_day_divide_by_nothing(database: Database) -> None:
    stats = await History(database).stats()
    assert (stats["total_attempts"], stats["success_ratio"], stats["profit_micro_usd"]) == (0, None, 0)


async def test_stats_count_successes_and_failures_of_the_window(database: Database) -> None:
    good = await live_intent(database)
    await Intents(database).close(good, landed(good), books(), 0)
    bad = await live_intent(database, signature="signature-2", attempt=1)
    await Intents(database).close(bad, landed_failed(bad), Settlement(slot=80, profit_micro_usd=-800), 0)
    window = (datetime.now(UTC) - SEEN_AT).total_seconds() + 60
    stats = await History(database).stats(window)
    assert (stats["total_attempts"], stats["successful"], stats["failed"], stats["success_ratio"]) == (2, 1, 1, 0.5)
    assert stats["profit_micro_usd"] == 39_000 - 800
    assert (await History(database).stats(1.0))["total_attempts"] == 0
    assert len(await History(database).liquidations_of("position-1")) == 2


async def test_fund_is_opened_once_with_the_balance_of_the_chain(database: Database) -> None:
    funds = Funds(database)
    await funds.open(SOL, "fund", "vault", U64_MAX, 10)
    await funds.open(SOL, "other", "other", 1, 20)
    [fund] = await funds.all()
    assert (fund["address"], fund["balance"], fund["opened_slot"]) == ("fund", U64_MAX, 10)


async def test_contribution_is_booked_once_and_only_if_it_is_not_in_the_opening_balance(database: Database) -> None:
    funds = Funds(database)
    await funds.open(SOL, "fund", "vault", 100, 10)
    assert await funds.contribution("signature-a", 11, SOL, 50) is True
    assert await funds.contribution("signature-a", 11, SOL, 50) is False
    assert await funds.contribution("signature-b", 10, SOL, 50) is False
    assert await funds.contribution("signature-c", 11, "mint-unknown", 50) is False
    [fund] = await funds.all()
    assert (fund["balance"], fund["total_contributions"]) == (150, 150)


async def test_concurrent_contributions_are_each_booked_once(database: Database) -> None:
    funds = Funds(database)
    await funds.open(SOL, "fund", "vault", 0, 10)
    results = await asyncio.gather(*(funds.contribution(f"signature-{n % 8}", 11, SOL, 50) for n in range(24)))
    assert sum(results) == 8
    [fund] = await funds.all()
    assert fund["balance"] == 8 * 50
    after = sorted(row["balance_after"] for row in await History(database).insurance_history(100))
    assert after == [50 * n for n in range(1, 9)]


async def test_insurance_balance_shows_the_sol_fund_on_top_and_every_fund_below(database: Database) -> None:
    history = History(database)
    empty = await history.insurance_balance()
    assert (empty["balance"], empty["utilization_ratio"], empty["funds"]) == (0, 0.0, [])

    await Funds(database).open(SOL, "fund-sol", "vault-sol", 1_000, 10)
    await Funds(database).open(USDC, "fund-usdc", "vault-usdc", 0, 10)
    intent = await live_intent(database)
    entries = (fund_entry("cover_bad_debt", 250), fund_entry("fee", 10, USDC))
    await Intents(database).close(intent, landed(intent), books(fund=entries), 0)

    shown = await history.insurance_balance()
    assert (shown["balance"], shown["utilization_ratio"], shown["total_bad_debt_covered"]) == (750, 0.25, 250)
    assert isinstance(shown["funds"], list)
    assert {fund["mint"]: (fund["balance"], fund["utilization_ratio"]) for fund in shown["funds"]} == {
        SOL: (750, 0.25),
        USDC: (10, 0.0),
    }


async def test_kill_switch_tells_state_reason_and_time(database: Database) -> None:
    switch = KillSwitch(database)
    assert (await switch.state())[:2] == (False, None)
    before = datetime.now(UTC) - timedelta(seconds=1)
    stopped = await switch.stop("drill", "operator")
    assert stopped == await switch.state()
    assert stopped[:2] == (True, "drill")
    assert before < stopped.changed_at
    assert (await switch.resume("operator"))[:2] == (False, None)
