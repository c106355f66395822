"""Claiming a position, backing off, and writing intents down."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from database_builders import SEEN_AT, U64_MAX, insert, landed, live_intent, plan, signed
from liquidation_engine.database import Database, Guards, Intents, KillSwitch
from liquidation_engine.database.pool import Interrupted
from liquidation_engine.database.rows import plan_to_json
from liquidation_engine.errors import ServerError
from liquidation_engine.model import Expired, FenceLost, Intent, KillSwitchOn, LiveIntentExists, Settlement

POSITION = "position-1"


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(postgres_url, max_size=8)
    yield opened
    await opened.close()


async def test_fifty_concurrent_claimers_get_fifty_different_rising_fences(database: Database) -> None:
    guards = Guards(database)
    claims = await asyncio.gather(*(guards.claim(POSITION, f"instance-{n}") for n in range(50)))
    assert sorted(claim.fence for claim in claims) == list(range(1, 51))
    assert (await guards.claim(POSITION, "last")).fence == 51


async def test_claim_returns_the_live_intent_byte_for_byte(database: Database) -> None:
    intent = await live_intent(database)
    claim = await Guards(database).claim(POSITION, "instance-2")
    assert claim.live == intent
    assert (claim.fence, claim.attempts, claim.failures, claim.last_settled_slot) == (2, 0, 0, 0)


async def test_claim_that_waited_for_an_insert_sees_the_intent_it_waited_for(database: Database) -> None:
    guards = Guards(database)
    claim = await guards.claim(POSITION, "instance-1")
    async with database.transaction() as transaction:  # an insert under way: it holds the guard row
        await transaction.row("lock_guard", POSITION)
        waiting = asyncio.create_task(guards.claim(POSITION, "instance-2"))
        await _until_somebody_waits_for_a_lock(database)
        made = plan()
        await transaction.rows(
            "insert_intent", POSITION, claim.fence, "candidate-1", made.kind, made.state_digest, 0, "signature-1",
            b"bytes", "blockhash-1", 1_150, plan_to_json(made), 1, 1, 1, "instance-1", SEEN_AT,
        )  # fmt: skip
    later = await waiting
    assert later.live is not None
    assert later.live.signed.signature == "signature-1"


async def test_insert_under_an_old_fence_is_refused_and_names_both(database: Database) -> None:
    old = await Guards(database).claim(POSITION, "instance-1")
    new = await Guards(database).claim(POSITION, "instance-2")
    assert await insert(database, old.fence) == FenceLost(found=2, expected=1)
    assert isinstance(await insert(database, new.fence), Intent)


async def test_insert_that_waited_for_a_claim_is_refused_by_it(database: Database) -> None:
    claim = await Guards(database).claim(POSITION, "instance-1")
    async with database.transaction() as transaction:
        await transaction.row("claim_position", POSITION, "instance-2")
        waiting = asyncio.create_task(insert(database, claim.fence))
        await _until_somebody_waits_for_a_lock(database)
    assert await waiting == FenceLost(found=2, expected=1)


async def test_close_takes_the_same_lock_first_as_insert_so_that_neither_waits_in_a_circle(database: Database) -> None:
    intent = await live_intent(database)
    async with database.transaction() as transaction:  # an insert that has just locked the guard
        await transaction.row("lock_guard", POSITION)
        closing = asyncio.create_task(Intents(database).close(intent, landed(intent), Settlement(slot=80), 0))
        await _until_somebody_waits_for_a_lock(database)
        made = plan()
        [verdict] = await transaction.rows(
            "insert_intent", POSITION, intent.fence, "candidate-1", made.kind, made.state_digest, 1, "signature-2",
            b"bytes", "blockhash-1", 1_150, plan_to_json(made), 1, 1, 1, "instance-1", SEEN_AT,
        )  # fmt: skip
        assert verdict["verdict"] == "live_intent_exists"
    assert await closing is True


async def test_insert_for_a_position_that_nobody_claimed_is_refused(database: Database) -> None:
    assert await insert(database, 1) == FenceLost(found=0, expected=1)


async def test_second_intent_is_refused_while_the_first_is_live(database: Database) -> None:
    await live_intent(database)
    claim = await Guards(database).claim(POSITION, "instance-2")
    assert await insert(database, claim.fence, signature="signature-2", attempt=1) == LiveIntentExists()


async def test_raw_sql_cannot_make_a_second_live_intent_either(database: Database, postgres_url: str) -> None:
    await live_intent(database)
    connection = await asyncpg.connect(postgres_url)
    try:
        with pytest.raises(asyncpg.UniqueViolationError, match="one_live_intent_per_position"):
            await connection.execute(
                """INSERT INTO intents (position, fence, candidate_id, kind, state_digest, attempt, signature, transaction,
                    blockhash, expires_above, plan, compute_unit_limit, compute_unit_price_micro_lamports, fee_lamports,
                    instance_id, first_seen_at)
                SELECT position, fence, candidate_id, kind, state_digest, 1, 'other', transaction, blockhash, expires_above,
                    plan, compute_unit_limit, compute_unit_price_micro_lamports, fee_lamports, instance_id, first_seen_at
                FROM intents"""
            )
    finally:
        await connection.close()


async def test_of_many_racing_inserts_under_one_fence_exactly_one_is_written(database: Database) -> None:
    claim = await Guards(database).claim(POSITION, "instance-1")
    results = await asyncio.gather(
        *(insert(database, claim.fence, signature=f"signature-{n}", attempt=n) for n in range(20))
    )
    assert sum(isinstance(result, Intent) for result in results) == 1
    assert sum(isinstance(result, LiveIntentExists) for result in results) == 19


async def test_of_many_claim_and_insert_races_at_most_one_intent_is_live(database: Database) -> None:
    async def worker(number: int) -> object:
        claim = await Guards(database).claim(POSITION, f"instance-{number}")
        return await insert(database, claim.fence, signature=f"signature-{number}", attempt=number)

    results = await asyncio.gather(*(worker(number) for number in range(30)))
    written = [result for result in results if isinstance(result, Intent)]
    assert len(written) == 1
    assert await Intents(database).live(older_than_seconds=0, limit=10) == written


async def test_insert_is_refused_while_the_kill_switch_is_on(database: Database) -> None:
    claim = await Guards(database).claim(POSITION, "instance-1")
    await KillSwitch(database).stop("drill", "operator")
    assert await insert(database, claim.fence) == KillSwitchOn("drill")
    await KillSwitch(database).resume("operator")
    assert isinstance(await insert(database, claim.fence), Intent)


async def test_insert_that_waited_for_a_stop_is_refused_by_it(database: Database) -> None:
    claim = await Guards(database).claim(POSITION, "instance-1")
    async with database.transaction() as transaction:
        await transaction.row("set_kill_switch", True, "now", "operator")
        waiting = asyncio.create_task(insert(database, claim.fence))
        await _until_somebody_waits_for_a_lock(database)
    assert await waiting == KillSwitchOn("now")


async def test_amounts_of_sixty_four_bits_survive_exactly(database: Database) -> None:
    intent = await live_intent(database, repay_amount=U64_MAX, min_seize=2**53 + 1, repaid_micro_usd=-(2**70))
    claim = await Guards(database).claim(POSITION, "instance-2")
    assert claim.live is not None
    assert claim.live.plan == intent.plan
    assert (claim.live.plan.repay_amount, claim.live.plan.min_seize) == (U64_MAX, 2**53 + 1)


async def test_fee_of_sixty_four_bits_and_write_off_plans_survive(database: Database) -> None:
    claim = await Guards(database).claim(POSITION, "instance-1")
    made = plan(kind="write_off", collateral_reserve=None, collateral_mint=None, writes_off=("a", "b"), covers=True)
    await Intents(database).insert(
        position=POSITION, fence=claim.fence, candidate_id="c", plan=made, attempt=0, instance_id="i",
        signed=signed(fee_lamports=U64_MAX), first_seen_at=SEEN_AT,
    )  # fmt: skip
    [found] = await Intents(database).live(older_than_seconds=0, limit=1)
    assert (found.plan, found.signed.fee_lamports) == (made, U64_MAX)


async def test_attempts_are_counted_for_each_state_of_the_position(database: Database) -> None:
    intents = Intents(database)
    assert await intents.attempts_for(POSITION, "digest-1") == 0
    intent = await live_intent(database)
    await intents.close(intent, Expired("signature-1"), Settlement(slot=0), 0)
    assert await intents.attempts_for(POSITION, "digest-1") == 1
    assert await intents.attempts_for(POSITION, "digest-2") == 0


async def test_attempt_that_was_used_before_is_an_error_and_writes_nothing(database: Database) -> None:
    intent = await live_intent(database)
    await Intents(database).close(intent, landed(intent), Settlement(slot=80), 0)
    claim = await Guards(database).claim(POSITION, "instance-1")
    with pytest.raises(ServerError, match="repeats an earlier one"):
        await insert(database, claim.fence, signature="signature-2", attempt=0)
    assert await Intents(database).live(older_than_seconds=0, limit=10) == []


async def test_first_acceptance_stands(database: Database) -> None:
    intent = await live_intent(database)
    await Intents(database).mark_accepted(intent.id, SEEN_AT)
    await Intents(database).mark_accepted(intent.id, SEEN_AT + timedelta(seconds=9))
    [found] = await Intents(database).live(older_than_seconds=0, limit=1)
    assert found == dataclasses.replace(intent, accepted_at=SEEN_AT)


async def test_young_live_intents_are_left_to_their_worker(database: Database) -> None:
    await live_intent(database)
    assert await Intents(database).live(older_than_seconds=60, limit=10) == []


async def test_live_intents_are_paged_past_those_that_could_not_be_finished(database: Database) -> None:
    intents = Intents(database)
    made = [await live_intent(database, position=f"p-{n}", signature=f"s-{n}") for n in range(3)]
    stuck = {made[0].id, made[1].id}
    assert await intents.live(older_than_seconds=0, limit=1, excluding=stuck) == [made[2]]
    assert await intents.live(older_than_seconds=0, limit=1) == [made[0]]


async def test_back_off_adds_failures_keeps_the_later_end_and_can_be_cleared(database: Database) -> None:
    guards, now = Guards(database), datetime.now(UTC)
    await guards.back_off(POSITION, failures_add=1, rest=timedelta(minutes=5), reason="stale oracle")
    await guards.back_off(POSITION, failures_add=2, rest=timedelta(minutes=1), reason="slippage")
    claim = await guards.claim(POSITION, "instance-1")
    assert (claim.failures, claim.resting, claim.backoff_reason) == (3, True, "slippage")
    assert claim.backoff_until is not None
    assert timedelta(minutes=4) < claim.backoff_until - now < timedelta(minutes=6)
    await guards.clear_back_off(POSITION)
    cleared = await guards.claim(POSITION, "instance-1")
    assert (cleared.failures, cleared.backoff_until, cleared.backoff_reason) == (0, None, None)


async def test_scanner_leaves_out_what_is_live_or_in_back_off_and_nothing_else(database: Database) -> None:
    guards = Guards(database)
    await live_intent(database, position="live")
    await guards.back_off("waiting", failures_add=1, rest=timedelta(minutes=1), reason="x")
    await guards.back_off("over", failures_add=1, rest=-timedelta(seconds=1), reason="x")
    await guards.claim("claimed", "instance-1")
    names = ["live", "waiting", "over", "claimed", "unknown"]
    assert await guards.in_back_off_or_live(names) == {"live", "waiting"}
    assert await guards.in_back_off_or_live([]) == set()


async def _until_somebody_waits_for_a_lock(database: Database) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    connection = await asyncpg.connect(database.url)
    try:
        async with asyncio.timeout(5):
            while not await connection.fetchval(waiting):  # noqa: ASYNC110 - Postgres sets no event
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def test_who_falls_asleep_in_a_transaction_holds_a_row_for_three_seconds_at_most(database: Database) -> None:
    guards = Guards(database)
    await guards.claim(POSITION, "sleeper")
    waited = 0.0

    async def sleeper() -> None:
        nonlocal waited
        async with database.transaction() as transaction:
            await transaction.row("lock_guard", POSITION)
            began = asyncio.get_running_loop().time()
            await guards.claim(POSITION, "awake")  # waits for the row
            waited = asyncio.get_running_loop().time() - began
            await transaction.row("lock_guard", POSITION)  # the sleeper wakes

    with pytest.raises(Interrupted):
        await sleeper()
    assert 2.5 < waited < 4.5
    assert (await guards.claim(POSITION, "later")).fence == 3
