"""Instances in the books: one row each, windows of 24 hours that slide, clocks that do not matter."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from liquidation_engine.database import Database, Identity, Instances
from liquidation_engine.model import Activity

WORKER = Identity(
    instance_id="worker-1", roles=("worker",), pid=7, host="h", version="1", region="eu", tiers=("MarketA",)
)
U64_MAX = 2**64 - 1


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(postgres_url, max_size=2)
    yield database
    await database.close()


async def beat(database: Database, who: Identity = WORKER, **facts: Any) -> datetime | None:
    given = {"stats": {}, "seconds_since_success": 1.0, "consecutive_failures": 0, **facts}
    return await Instances(database).heartbeat(who, **given)


async def only(database: Database) -> dict[str, Any]:
    [row] = await Instances(database).all()
    return row


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def test_a_heartbeat_renews_one_row_and_keeps_the_last_success(database: Database) -> None:
    await beat(database, stats={"checks": U64_MAX}, seconds_since_success=100.0)
    await beat(database, stats={"checks": U64_MAX}, seconds_since_success=None, consecutive_failures=2)
    row = await only(database)
    assert (row["roles"], row["region"], row["tiers"]) == (["worker"], "eu", ["MarketA"])
    assert (row["stats"], row["consecutive_failures"]) == ({"checks": U64_MAX}, 2)
    assert 100 <= row["seconds_since_success"] < 160
    assert 0 <= row["seconds_since_heartbeat"] < 60


async def test_activity_adds_up_over_heartbeats_and_averages_over_candidates(database: Database) -> None:
    await beat(database, activity=Activity(checks=500, candidates=1, processing_micros=30_000))
    await beat(database, activity=Activity(checks=700, candidates=3, processing_micros=10_000))
    row = await only(database)
    assert (row["checks_24h"], row["candidates_24h"], row["average_processing_ms"]) == (1_200, 4, 10.0)


async def test_the_window_slides_and_what_is_older_than_24_hours_no_longer_counts(
    database: Database, postgres_url: str
) -> None:
    await execute(
        postgres_url,
        "INSERT INTO instance_activity VALUES ('worker-1', now() - interval '24 hours 1 minute', 1000, 10, 5),"
        " ('worker-1', now() - interval '23 hours 59 minutes', 20, 2, 4000)",
    )
    await beat(database, activity=Activity(checks=3))
    assert (await only(database))["checks_24h"] == 23
    await execute(postgres_url, "UPDATE instance_activity SET minute = minute - interval '2 minutes'")
    assert (await only(database))["checks_24h"] == 3
    assert (await only(database))["average_processing_ms"] == 0.0


async def test_a_restart_forgets_nothing_and_starts_a_new_life(database: Database) -> None:
    await beat(database, activity=Activity(checks=5))
    started = (await only(database))["started_at"]
    await beat(database)
    assert (await only(database))["started_at"] == started
    await beat(
        database,
        Identity(instance_id="worker-1", roles=("worker",), pid=8, host="h", version="2"),
        activity=Activity(2),
    )
    row = await only(database)
    assert (row["checks_24h"], row["version"]) == (7, "2")
    assert row["started_at"] > started


async def test_liquidations_are_counted_in_the_books_and_slide_too(database: Database, postgres_url: str) -> None:
    await beat(database)
    await execute(postgres_url, "INSERT INTO position_guards (position) VALUES ('P1')")
    for number, (state, age) in enumerate([("landed", 1), ("landed", 25), ("landed_failed", 1), ("expired", 1)]):
        await execute(
            postgres_url,
            "INSERT INTO intents (position, fence, candidate_id, kind, state, state_digest, attempt, signature, transaction,"
            " blockhash, expires_above, plan, compute_unit_limit, compute_unit_price_micro_lamports, fee_lamports, instance_id,"
            f" first_seen_at, closed_at) VALUES ('P1', 1, 'c', 'liquidate', '{state}', 'd', {number}, 's{number}', '', 'b', 1,"
            f" '{{}}', 1, 1, 1, 'worker-1', now(), now() - interval '{age} hours')",
        )
    assert (await only(database))["liquidations_24h"] == 1


async def test_a_reset_zeroes_windows_and_failures_and_tells_the_instance(
    database: Database, postgres_url: str
) -> None:
    assert await beat(database, activity=Activity(9, 1, 1), consecutive_failures=5) is None
    assert await Instances(database).reset_metrics() == 1
    row = await only(database)
    assert (row["checks_24h"], row["candidates_24h"], row["consecutive_failures"]) == (0, 0, 0)
    assert await beat(database) == row["counted_from"] is not None


async def test_one_that_ended_on_request_is_marked_until_it_lives_again(database: Database) -> None:
    await beat(database)
    await Instances(database).stopped("worker-1")
    assert (await only(database))["stopped_at"] is not None
    await beat(database)
    assert (await only(database))["stopped_at"] is None


async def test_the_dead_are_shown_for_an_hour_and_their_windows_for_a_day(
    database: Database, postgres_url: str
) -> None:
    instances = Instances(database)
    await beat(database, activity=Activity(checks=4))
    await execute(postgres_url, "UPDATE instances SET heartbeat_at = now() - interval '59 minutes'")
    assert await instances.forget_dead() == 0
    await execute(postgres_url, "UPDATE instances SET heartbeat_at = now() - interval '61 minutes'")
    assert await instances.forget_dead() == 1
    assert await instances.all() == []
    await beat(database)
    assert (await only(database))["checks_24h"] == 4
    await execute(postgres_url, "UPDATE instance_activity SET minute = now() - interval '26 hours'")
    await instances.forget_dead()
    await execute(postgres_url, "UPDATE instance_activity SET minute = now()")
    assert (await only(database))["checks_24h"] == 0
