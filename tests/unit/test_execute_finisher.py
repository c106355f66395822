"""A live intent is brought to its end: the same bytes, patience, and books written once."""

import asyncio

import pytest
from structlog.testing import capture_logs

from execute_world import World
from liquidation_engine.errors import RpcTimeout
from liquidation_engine.model import Expired, Landed, LandedFailed
from liquidation_engine.testing import Lands, intent, landed_record, plan

pytestmark = pytest.mark.virtual_time


async def finish(world: World, **changes: object) -> Landed | LandedFailed | Expired:
    """Finish one live intent of the world's."""
    world.database.intents.append(intent(**changes))
    return await world.finisher.finish(world.database.intents[-1])


async def test_a_landed_intent_is_closed_once_with_the_chains_figures() -> None:
    world = World()
    assert await finish(world) == Landed(landed_record())
    (closed,) = world.database.closed
    assert (closed.books.repaid, closed.books.seized, closed.books.protocol_fee) == (1_000_000, 6_993, 7)
    assert world.journal.count("close") == 1


async def test_bytes_that_got_lost_are_sent_again_unchanged() -> None:
    world = World(fates=[Lands.SECOND])
    assert isinstance(await finish(world), Landed)
    assert set(world.chain.sent) == {b"signature-1"}
    assert len(world.chain.sent) == 2


async def test_a_refused_send_may_have_landed_all_the_same() -> None:
    world = World(fates=[Lands.REFUSED])
    assert isinstance(await finish(world), Landed)
    assert "mark_accepted" not in world.journal


@pytest.mark.parametrize("looks", [1, 7])
async def test_a_timeout_is_neither_failure_nor_success(looks: int) -> None:
    world = World()
    world.chain.silent_looks = looks
    assert isinstance(await finish(world), Landed)
    assert world.journal.count("wait") == looks + 1
    assert world.endings == ["Landed"]


async def test_an_intent_expires_only_once_the_height_is_beyond_and_the_signature_unknown() -> None:
    world = World(fates=[Lands.NEVER])  # 40 blocks a look, from 1 000; the last valid one is 1 150
    assert await finish(world) == Expired("signature-1")
    assert world.chain.height == 1_160
    assert world.journal.only("fate", "close") == ["fate"] * 4 + ["close"]
    (closed,) = world.database.closed
    assert closed.books.ledger == ()
    assert closed.books.error_message == "blockhash expired"


async def test_no_bytes_go_out_after_the_expiry() -> None:
    world = World(fates=[Lands.NEVER])
    await finish(world)
    assert world.journal[-2:] == ["fate", "close"]
    assert world.chain.sent == [b"signature-1"] * 4


async def test_beyond_its_height_a_transaction_that_landed_has_landed() -> None:
    world = World()
    world.chain.height = 9_999
    world.chain.execute("signature-1")
    world.may_send = False
    assert isinstance(await finish(world), Landed)


async def test_a_failed_transaction_books_its_fee_and_says_why() -> None:
    world = World(fates=[Lands.FAILED])
    outcome = await finish(world)
    assert isinstance(outcome, LandedFailed)
    assert outcome.reason == "slippage"
    (closed,) = world.database.closed
    assert (closed.books.fee_lamports, closed.books.repaid, closed.books.error_message) == (5_090, 0, "slippage")
    assert sum(entry.amount for entry in closed.books.ledger) == 0


async def test_the_kill_switch_ends_sending_but_not_settling() -> None:
    world = World()
    world.may_send = False
    world.chain.execute("signature-1")
    assert isinstance(await finish(world), Landed)
    assert world.chain.sent == []
    assert world.endings == ["Landed"]


async def test_the_kill_switch_ends_sending_again() -> None:
    world = World(fates=[Lands.NEVER])
    send = world.chain.send

    async def stop_after(transaction: bytes) -> str:
        world.may_send = False
        return await send(transaction)

    world.chain.send = stop_after  # type: ignore[method-assign]
    assert isinstance(await finish(world), Expired)
    assert len(world.chain.sent) == 1


async def test_two_who_finish_one_intent_close_it_once() -> None:
    world = World(fates=[Lands.SECOND])
    world.database.intents.append(intent())
    both = await asyncio.gather(*(world.finisher.finish(world.database.intents[0]) for _ in range(2)))
    assert [type(outcome) for outcome in both] == [Landed, Landed]
    assert world.endings == ["Landed"]


async def test_a_landing_is_told_once_by_the_one_who_wrote_it_down() -> None:
    world = World()
    with capture_logs() as told:
        await finish(world)
        await world.finisher.finish(world.database.intents[0])
    assert [line["event"] for line in told] == ["Liquidation executed successfully"]
    assert told[0]["signature"] == "signature-1"


async def test_who_meets_an_intent_that_is_closed_learns_how_it_ended() -> None:
    world = World()
    await finish(world)
    assert isinstance(await world.finisher.finish(world.database.intents[0]), Landed)
    assert len(world.database.closed) == 1


async def test_the_first_acceptance_is_noted_with_the_time_it_took() -> None:
    world = World(fates=[Lands.SECOND])
    world.database.intents.append(intent())
    world.clock.advance(0.25)
    await world.finisher.finish(world.database.intents[0])
    assert world.stages.observed == [("seen_to_sent", 250.0)]
    assert world.journal.count("mark_accepted") == 1


async def test_an_acceptance_that_is_known_is_not_noted_again() -> None:
    world = World()
    await finish(world, accepted_at=world.clock.now())
    assert "mark_accepted" not in world.journal
    assert world.stages.observed == []


@pytest.mark.parametrize("trouble", ["unknown", "timeout"])
async def test_a_record_that_comes_later_than_the_status_is_waited_for(trouble: str) -> None:
    world = World()
    known, asked = world.chain.record, 0

    async def later(signature: str) -> object:
        nonlocal asked
        asked += 1
        if asked < 4 and trouble == "timeout":
            raise RpcTimeout("no answer to getTransaction")
        return None if asked < 4 else await known(signature)

    world.chain.record = later  # type: ignore[method-assign, assignment]
    assert isinstance(await finish(world), Landed)
    assert asked == 4


async def test_the_row_says_which_attempt_it_was() -> None:
    world = World()
    await finish(world, attempt=2, plan=plan(profit_micro_usd=5))
    assert world.database.closed[0].retry_count == 2


async def test_books_are_valued_at_the_plans_prices_however_late_they_are_written() -> None:
    world = World()
    dearer = {"debt_unit_atto_usd": 2 * 10**12, "collateral_unit_atto_usd": 400 * 10**12, "sol_price_micro_usd": 10**9}
    await finish(world, plan=plan(**dearer))
    (closed,) = world.database.closed
    assert (closed.books.repaid_micro_usd, closed.books.seized_micro_usd) == (2_000_000, 6_993 * 400)
    assert closed.books.profit_micro_usd == 6_993 * 400 - 2_000_000 - 5_090
