"""The worker's order of steps, and what follows each outcome."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from execute_world import World
from liquidation_engine.errors import MinContextSlotNotReached, RpcTimeout, ServerError, SigningPaused, SigningRefused
from liquidation_engine.execute.worker import MOST_LANDINGS, Deferred
from liquidation_engine.model import (
    AlreadyLiquidated,
    Expired,
    GaveUp,
    Healthy,
    Landed,
    LandedFailed,
    Rejected,
    Simulated,
    Unprofitable,
)
from liquidation_engine.testing import (
    FakeLending,
    Lands,
    candidate,
    intent,
    quote,
    reading,
    view,
)

pytestmark = pytest.mark.virtual_time

PAYS = reading()
PAYS_NOT = reading(quotes=(quote(seized_micro_usd=1_000_000),))
AT_REST = timedelta(seconds=1)


def state(number: int) -> object:
    """Return a profitable reading of another state of the position."""
    return reading(view=view(state_digest=f"digest-{number}"))


def fails(code: int) -> Simulated:
    """Return a simulation in which the lending program refused with `code`."""
    return Simulated(
        error={"InstructionError": [2, {"Custom": code}]}, logs=("Program program failed: custom",), units=9_000
    )


async def test_the_steps_come_in_the_order_that_makes_money_move_at_most_once() -> None:
    world = World([PAYS])
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Landed)
    first = world.journal[: world.journal.index("close") + 1]
    assert first == [
        "lease", "claim", "read", "simulate", "sign", "intent", "send", "mark_accepted", "wait", "record", "close",
    ]  # fmt: skip
    assert world.journal[-1] == "release"


async def test_every_stage_is_timed_under_its_name() -> None:
    world = World([PAYS])
    await world.worker.handle(candidate())
    expected = ["lease", "read", "plan", "simulate", "sign", "intent", "send", "confirm", "settle", "read", "plan"]
    assert world.stages.begun == expected


async def test_it_goes_on_after_a_landing_until_the_position_is_healthy() -> None:
    world = World([state(1), state(2), state(3)])
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Landed)
    assert world.endings == ["Landed"] * 3
    assert [i.fence for i in world.database.intents] == [1, 2, 3]  # each under a claim of its own
    assert world.database.failures == []


async def test_each_need_after_a_landing_is_first_seen_then() -> None:
    world = World([state(1), state(2)])
    world.clock.advance(3)
    await world.worker.handle(candidate())
    seen = [i.first_seen_at for i in world.database.intents]
    assert seen == [world.clock.now() - timedelta(seconds=3), world.clock.now()]


async def test_no_candidate_keeps_a_worker_for_ever() -> None:
    world = World([state(number) for number in range(100)])
    assert isinstance(await world.worker.handle(candidate()), Landed)
    assert len(world.endings) == MOST_LANDINGS + 1


async def test_what_follows_a_landing_and_is_no_end_is_the_outcome() -> None:
    world = World([PAYS, PAYS_NOT])
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Unprofitable)
    assert world.endings == ["Landed"]


async def test_a_landing_clears_the_failures_in_a_row() -> None:
    world = World([PAYS])
    await world.database.back_off("position-1", failures_add=3, rest=timedelta(0), reason="slippage")
    await world.worker.handle(candidate())
    assert world.database.guard("position-1").failures == 0
    assert world.database.guard("position-1").backoff_until is None


async def test_reads_are_at_or_after_both_the_candidate_and_the_last_settled_slot() -> None:
    world = World([PAYS])  # lands in slot 105
    await world.worker.handle(candidate(slot=100))
    assert world.lending.read_at == [100, 105]


async def test_a_lagging_node_is_asked_again() -> None:
    behind = MinContextSlotNotReached("getMultipleAccounts", -32016, "behind")
    world = World([behind, behind, PAYS])
    assert isinstance(await world.worker.handle(candidate()), Landed)


async def test_it_leaves_a_position_to_the_queue_where_others_wait() -> None:
    world = World([state(1), state(2)])
    assert isinstance(await world.worker.handle(candidate(), may_stay=lambda: False), Landed)
    assert world.endings == ["Landed"]


async def test_a_node_that_stays_behind_is_given_up_on() -> None:
    behind = MinContextSlotNotReached("getMultipleAccounts", -32016, "behind")
    outcome = await World([behind] * 30).worker.handle(candidate(slot=321))
    assert isinstance(outcome, Rejected)
    assert "slot 321" in outcome.reason


# A live intent is adopted.


async def adopted(world: World) -> Landed | LandedFailed | Expired | None:
    """Let another instance's intent be met."""
    await world.database.claim("position-1", "instance-0")
    world.database.intents.append(intent("theirs"))
    return await world.worker.adopt(world.database.intents[0])


async def test_adoption_sends_the_same_bytes_and_never_signs() -> None:
    world = World([PAYS])
    assert isinstance(await adopted(world), Landed)
    assert world.chain.sent == [b"theirs"]
    assert world.journal.only("sign", "intent", "read") == []


async def test_a_candidate_whose_position_has_a_live_intent_finishes_that_first() -> None:
    world = World([])
    world.database.intents.append(intent("theirs"))
    assert isinstance(await world.worker.handle(candidate()), Landed)
    assert world.chain.sent == [b"theirs"]
    assert world.journal.only("sign") == []


async def test_a_live_intent_is_finished_even_while_the_position_rests() -> None:
    world = World([])
    world.database.intents.append(intent("theirs"))
    await world.database.back_off("position-1", failures_add=1, rest=AT_REST, reason="slippage")
    assert isinstance(await world.worker.handle(candidate()), Landed)


async def test_nothing_is_adopted_while_another_worker_holds_the_position() -> None:
    world = World([])
    world.leases.elsewhere.add("position-1")
    assert await adopted(world) is None
    assert world.chain.sent == []


async def test_an_intent_that_somebody_closed_meanwhile_is_not_adopted() -> None:
    world = World([])
    world.database.intents.append(intent("theirs"))
    stale = intent("older", id=99)
    assert await world.worker.adopt(stale) is None
    assert world.chain.sent == []


# Who may not create an intent.


async def test_a_held_position_is_left_on_the_stream() -> None:
    world = World([PAYS])
    world.leases.elsewhere.add("position-1")
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Deferred)
    assert not outcome.settled
    assert world.journal == []


async def test_a_resting_position_is_left_alone() -> None:
    world = World([PAYS])
    await world.database.back_off("position-1", failures_add=1, rest=AT_REST, reason="slippage")
    outcome = await world.worker.handle(candidate())
    assert outcome == Deferred("in back-off: slippage", settled=True)
    assert "read" not in world.journal


async def test_a_rest_that_is_over_holds_nobody_up() -> None:
    world = World([PAYS])
    await world.database.back_off("position-1", failures_add=1, rest=AT_REST, reason="slippage")
    world.clock.advance(1)
    assert isinstance(await world.worker.handle(candidate()), Landed)


class Intruder(FakeLending):
    """A market in which something happens between reading and signing."""

    act: object = None

    async def sign(self, plan, *, units, attempt):  # type: ignore[no-untyped-def]
        """Act, then sign."""
        await self.act()  # type: ignore[operator]
        return await super().sign(plan, units=units, attempt=attempt)


async def test_without_its_fence_a_worker_sends_nothing() -> None:
    world = World(lending=Intruder([PAYS]))
    world.lending.act = lambda: world.database.claim("position-1", "instance-2")
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Deferred)
    assert not outcome.settled
    assert world.chain.sent == []


async def test_beside_a_live_intent_a_worker_sends_nothing() -> None:
    world = World(lending=Intruder([PAYS]))

    async def act() -> None:
        world.database.intents.append(intent("theirs"))

    world.lending.act = act
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Deferred)
    assert not outcome.settled
    assert world.chain.sent == []


async def test_a_stopped_engine_creates_no_intent_and_holds_nothing_against_the_position() -> None:
    world = World([PAYS])
    world.database.stopped = "maintenance"
    outcome = await world.worker.handle(candidate())
    assert outcome == Deferred("stopped: maintenance", settled=False)
    assert world.database.guard("position-1").failures == 0
    assert world.chain.sent == []
    assert world.database.intents == []


async def test_a_refused_signature_is_no_intent() -> None:
    lending = FakeLending([PAYS], refuses_to_sign=SigningRefused("foreign program"))
    world = World(lending=lending)
    outcome = await world.worker.handle(candidate())
    assert outcome == Rejected("signing refused: foreign program", 101)
    assert world.database.intents == []


async def test_a_paused_signature_is_no_failure_of_the_position() -> None:
    world = World(lending=FakeLending([PAYS], refuses_to_sign=SigningPaused("unknown")))
    outcome = await world.worker.handle(candidate())
    assert outcome == Deferred("unknown", settled=False)
    assert world.database.guard("position-1").failures == 0
    assert world.database.intents == []


async def test_a_dry_run_stops_before_the_signature() -> None:
    world = World([PAYS], dry_run=True)
    outcome = await world.worker.handle(candidate())
    assert outcome == Deferred("dry run", settled=True)
    assert world.journal.only("simulate", "sign", "intent", "send") == ["simulate"]
    assert world.database.guard("position-1").failures == 0


# Retries.


@pytest.mark.parametrize("fate", [Lands.FAILED, Lands.NEVER])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_a_failed_or_expired_attempt_is_tried_again_under_a_new_claim_up_to_the_limit(
    fate: Lands, limit: int
) -> None:
    world = World([PAYS] * 9, fates=[fate] * 9, retry_attempts=limit)
    outcome = await world.worker.handle(candidate())
    assert type(outcome) is (LandedFailed if fate is Lands.FAILED else Expired)
    assert [(i.attempt, i.fence) for i in world.database.intents] == [(n, n + 1) for n in range(limit)]
    assert world.lending.bids == list(range(limit))  # each attempt bids higher
    assert world.journal.only("claim", "intent") == ["claim", "intent"] * limit


async def test_an_attempt_comes_only_after_the_one_before_it_is_closed() -> None:
    world = World([PAYS, PAYS], fates=[Lands.NEVER])
    await world.worker.handle(candidate())
    assert world.journal.only("intent", "close") == ["intent", "close", "intent", "close"]
    assert world.endings == ["Expired", "Landed"]


async def test_a_landing_gives_the_next_state_its_own_attempts() -> None:
    world = World(
        [state(1), state(1), state(2), state(2), state(2)],
        fates=[Lands.FAILED, Lands.WELL, Lands.FAILED, Lands.FAILED, Lands.WELL],
    )
    assert isinstance(await world.worker.handle(candidate()), Landed)
    assert world.endings == ["LandedFailed", "Landed", "LandedFailed", "LandedFailed", "Landed"]


async def test_rounds_that_all_failed_are_followed_by_another_round_after_a_rest() -> None:
    world = World([PAYS] * 6, fates=[Lands.FAILED] * 5)
    assert isinstance(await world.worker.handle(candidate()), LandedFailed)
    guard = world.database.guard("position-1")
    assert (guard.failures, guard.backoff_reason) == (1, "slippage")
    assert guard.backoff_until == world.clock.now() + AT_REST
    world.clock.advance(1)
    assert isinstance(await world.worker.handle(candidate()), Landed)
    assert [i.attempt for i in world.database.intents] == [0, 1, 2, 3, 4, 5]  # each intent of a state is unique
    assert world.lending.bids == [0, 1, 2, 0, 1, 2]  # and each round bids from the start
    assert world.database.guard("position-1").failures == 0


@pytest.mark.parametrize(("fate", "reason"), [(Lands.FAILED, "slippage"), (Lands.NEVER, "blockhash expired")])
async def test_an_ending_on_chain_rests_and_needs_no_failure_row_of_the_workers(fate: Lands, reason: str) -> None:
    world = World([PAYS], fates=[fate], retry_attempts=1)
    await world.worker.handle(candidate())
    assert world.database.failures == []
    guard = world.database.guard("position-1")
    assert (guard.failures, guard.backoff_reason) == (1, reason)
    assert guard.backoff_until == world.clock.now() + AT_REST


# What follows each outcome: its row, and its rest.


@pytest.mark.parametrize(
    ("world", "outcome", "name", "message"),
    [
        (lambda: World([]), Healthy, "healthy", "healthy again"),
        (lambda: World([reading(view=None, quotes=())]), Healthy, "healthy", "healthy again"),
        (
            lambda: World(lending=FakeLending([PAYS], simulations=[fails(6011)])),
            Healthy,
            "healthy",
            "healthy again",
        ),
        (
            lambda: World(lending=FakeLending([PAYS], simulations=[fails(6013)])),
            AlreadyLiquidated,
            "already_liquidated",
            "already liquidated",
        ),
    ],
)
async def test_what_is_over_is_written_down_and_needs_no_rest(world, outcome, name, message) -> None:  # type: ignore[no-untyped-def]
    world = world()
    assert isinstance(await world.worker.handle(candidate()), outcome)
    (row,) = world.database.failures
    assert (row.outcome, row.error_message, row.candidate_id, row.slot) == (name, message, "candidate-1", 101)
    assert world.database.guard("position-1").backoff_until is None


async def test_an_unprofitable_position_rests_and_its_row_says_why() -> None:
    world = World([PAYS_NOT])
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Unprofitable)
    (row,) = world.database.failures
    assert (row.outcome, row.error_message) == ("unprofitable", "unprofitable")
    assert row.details["best_profit_micro_usd"] == -780
    assert world.database.guard("position-1").backoff_until == world.clock.now() + AT_REST


@pytest.mark.parametrize(
    ("lending", "reason"),
    [
        (FakeLending([PAYS], simulations=[fails(6012)]), "slippage"),
        (FakeLending([reading(quotes=(), refusal="StalePrice")]), "stale oracle"),
        (FakeLending([RpcTimeout("no answer")]), "rpc unavailable: no answer"),
        (FakeLending([PAYS], simulations=[RpcTimeout("no answer")]), "rpc unavailable: no answer"),
        (FakeLending([PAYS], refuses_to_sign=RpcTimeout("no answer")), "rpc unavailable: no answer"),
    ],
)
async def test_a_rejected_position_rests_and_its_row_says_why(lending: FakeLending, reason: str) -> None:
    world = World(lending=lending)
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
    (row,) = world.database.failures
    assert (row.outcome, row.error_message) == ("rejected", reason)
    guard = world.database.guard("position-1")
    assert (guard.failures, guard.backoff_reason) == (1, reason)
    assert guard.backoff_until == world.clock.now() + AT_REST


async def test_each_rejection_in_a_row_doubles_the_rest_and_the_budgets_last_gives_up() -> None:
    world = World([reading(quotes=(), refusal="StalePrice")] * 5, retry_budget=4)
    rests, outcomes = [], []
    for _ in range(5):
        outcomes.append(type(await world.worker.handle(candidate())))
        until = world.database.guard("position-1").backoff_until
        assert until is not None
        rests.append((until - world.clock.now()).total_seconds())
        world.clock.advance(rests[-1])
    assert rests == [1, 2, 4, 8, 16]
    assert outcomes == [Rejected, Rejected, Rejected, GaveUp, GaveUp]  # the dead letter stops a message, not a position


async def test_unprofitable_endings_are_no_failures() -> None:
    world = World([PAYS_NOT] * 9)
    for _ in range(9):
        await world.worker.handle(candidate())
        world.clock.advance(60)
    assert world.database.guard("position-1").failures == 0


async def test_an_unprofitable_position_is_never_given_up() -> None:
    world = World([PAYS_NOT])
    await world.database.back_off("position-1", failures_add=99, rest=timedelta(0), reason="unprofitable")
    assert isinstance(await world.worker.handle(candidate()), Unprofitable)


async def test_what_nobody_planned_for_is_a_rejection_that_rests() -> None:
    world = World([ValueError("a bug")])
    assert await world.worker.handle(candidate()) == Rejected("unexpected ValueError: a bug", 100)
    assert world.database.guard("position-1").backoff_until == world.clock.now() + AT_REST
    assert world.leases.held == set()


async def test_a_server_that_is_away_decides_nothing() -> None:
    world = World([ServerError("Postgres is away")])
    with pytest.raises(ServerError):
        await world.worker.handle(candidate())
    assert world.database.failures == []
    assert world.leases.held == set()


async def test_a_live_intent_that_cannot_be_finished_is_left_live_for_who_adopts_it() -> None:
    world = World([PAYS])

    def broken(record: object, plan: object) -> None:
        raise ValueError("logs that nobody understands")

    world.lending.written_off = broken
    outcome = await world.worker.handle(candidate())
    assert isinstance(outcome, Deferred)
    assert outcome.settled
    assert world.database.live_of("position-1") is not None
    assert world.journal.count("sign") == 1


async def test_two_workers_on_one_position_create_one_intent() -> None:
    world = World([PAYS])
    both = await asyncio.gather(world.worker.handle(candidate()), world.worker.handle(replace(candidate(), id="other")))
    assert sorted(type(outcome).__name__ for outcome in both) == ["Deferred", "Landed"]
    assert len(world.database.intents) == 1


async def test_nothing_is_signed_while_an_earlier_landing_has_vanished() -> None:
    """A fork took it: its bytes may land again, beside whatever would be signed now."""
    world = World([PAYS, reading(view=None, quotes=()), PAYS])
    await world.worker.handle(candidate())
    forgotten = dict(world.chain.executed)
    world.chain.executed.clear()
    outcome = await world.worker.handle(candidate())
    assert outcome == Deferred("an earlier transaction has vanished and may land again", settled=False)
    assert len(world.chain.sent) == 1
    world.chain.executed |= forgotten
