"""The pool acknowledges after the outcome, keeps what it works on, and takes over what was left lying."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from liquidation_engine.errors import ServerError
from liquidation_engine.execute.pool import Pool, PoolLimits
from liquidation_engine.execute.worker import Deferred
from liquidation_engine.model import Candidate, GaveUp, Healthy, Intent, Landed
from liquidation_engine.testing import (
    ManualClock,
    MemoryDatabase,
    MemoryEntry,
    MemoryStream,
    RecordedStages,
    candidate,
    intent,
    landed_record,
)

pytestmark = pytest.mark.virtual_time

LANDED = Landed(landed_record())
ELSEWHERE = Deferred("another worker holds the position", settled=False)
Answer = Callable[[Candidate], Awaitable[Any]]


class ScriptedWorker:
    """A worker whose answers the test writes."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.handled: list[str] = []
        self.could_stay: list[bool] = []
        self.adopted: list[int] = []
        self.stuck: set[int] = set()  # intents whose adoption waits for ever
        self.broken: set[int] = set()  # intents that cannot be finished

    async def handle(self, candidate: Candidate, *, may_stay: Callable[[], bool]) -> Any:
        """Answer as scripted."""
        self.handled.append(candidate.position)
        self.could_stay.append(may_stay())
        return await self.answer(candidate)

    async def adopt(self, intent: Intent) -> None:
        """Note the adoption."""
        self.adopted.append(intent.id)
        if intent.id in self.broken:
            raise ValueError("a bug")
        if intent.id in self.stuck:
            await asyncio.Event().wait()


class Bench:
    """A pool over a stream in memory."""

    def __init__(self, answer: Answer | Any, **limits: Any) -> None:
        self.stream = MemoryStream()
        self.clock = ManualClock()
        self.database = MemoryDatabase(clock=self.clock)
        self.worker = ScriptedWorker(answer if callable(answer) else _always(answer))
        self.ended: list[Any] = []
        self.runs: list[str] = []
        self.stop = asyncio.Event()
        self.may_begin = True
        self.pool: Any = Pool(
            self.stream,
            self.worker,  # type: ignore[arg-type]
            self.database,
            RecordedStages(),
            limits=PoolLimits(**limits),
            may_begin=lambda: self.may_begin,
            ended=lambda _, outcome, __: self.ended.append(outcome),
            runs=self,
            takes=lambda one: one.market != "Elsewhere",
        )

    def ran(self) -> None:
        """Note a run that was completed."""
        self.runs.append("ran")

    def failed(self) -> None:
        """Note a run that failed."""
        self.runs.append("failed")

    @asynccontextmanager
    async def running(self):  # type: ignore[no-untyped-def]
        """Run the pool, and stop it at the end."""
        task = asyncio.create_task(self.pool.run(self.stop))
        yield task
        self.stop.set()
        await task


def _always(outcome: object) -> Answer:
    async def answer(_: Candidate) -> object:
        return outcome

    return answer


async def seconds(number: float) -> None:
    """Let the loop's time pass."""
    await asyncio.sleep(number)


async def test_while_nothing_may_be_signed_no_candidate_is_begun_and_none_is_lost() -> None:
    bench = Bench(LANDED)
    bench.may_begin = False
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(20)
        assert (bench.worker.handled, bench.stream.acknowledged) == ([], [])
        bench.may_begin = True
        await seconds(1)
        assert bench.worker.handled == ["position-1"]


async def test_a_candidate_in_hand_waits_until_it_may_be_signed() -> None:
    async def answer(_: Candidate) -> Any:
        if len(bench.worker.handled) > 1:
            return LANDED
        bench.may_begin = False
        return Deferred("the kill switch is on", settled=False)

    bench = Bench(answer)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(20)
        assert (len(bench.worker.handled), bench.stream.acknowledged) == (1, [])
        bench.may_begin = True
        await seconds(1)
        assert len(bench.stream.acknowledged) == 1


async def test_an_entry_is_acknowledged_only_after_its_outcome() -> None:
    decided = asyncio.Event()

    async def answer(_: Candidate) -> Landed:
        await decided.wait()
        return LANDED

    bench = Bench(answer)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(30)
        assert bench.stream.acknowledged == []
        decided.set()
        await seconds(1)
        assert bench.stream.acknowledged == ["1000-0"]
    assert bench.stream.results == [("position-1", "landed", "signature-1", {})]
    assert bench.stream.journal == ["result", "acknowledge"]
    assert bench.ended == [LANDED]


async def test_what_is_given_up_becomes_a_dead_letter() -> None:
    bench = Bench(GaveUp("5 failures in a row"))
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(1)
    assert bench.stream.dead == [("position-1", "5 failures in a row")]
    assert bench.stream.journal == ["result", "dead_letter"]


async def test_a_settled_deferral_is_acknowledged_without_a_result() -> None:
    bench = Bench(Deferred("in back-off", settled=True))
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(1)
    assert bench.stream.journal == ["acknowledge"]


async def test_an_entry_waits_for_a_position_that_is_held_elsewhere() -> None:
    answers = [ELSEWHERE, ELSEWHERE, LANDED]

    async def answer(_: Candidate) -> object:
        return answers.pop(0)

    bench = Bench(answer)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(1)
    assert bench.worker.handled == ["position-1"] * 3
    assert bench.stream.acknowledged == ["1000-0"]


async def test_out_of_patience_an_entry_stays_pending() -> None:
    bench = Bench(ELSEWHERE, patience_seconds=-1.0)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(1)
    assert list(bench.stream.pending) == ["1000-0"]
    assert bench.stream.journal == []


async def test_waiting_for_a_position_takes_up_no_place() -> None:
    async def answer(one: Candidate) -> object:
        return ELSEWHERE if one.position == "held" else LANDED

    bench = Bench(answer, concurrency=1)
    async with bench.running():
        await bench.stream.publish([candidate(position="held"), candidate()])
        await seconds(1)
        assert bench.stream.acknowledged == ["1001-0"]


async def test_no_more_are_handled_at_once_than_allowed() -> None:
    at_work, most = 0, 0

    async def answer(_: Candidate) -> Landed:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.1)
        at_work -= 1
        return LANDED

    bench = Bench(answer, concurrency=3)
    async with bench.running():
        await bench.stream.publish([candidate(position=f"position-{n}") for n in range(20)])
        await seconds(5)
    assert most == 3
    assert len(bench.stream.acknowledged) == 20


async def test_a_worker_may_stay_with_a_position_only_while_a_place_is_free() -> None:
    async def answer(_: Candidate) -> Landed:
        return LANDED

    for places, may in ((1, False), (2, True)):
        bench = Bench(answer, concurrency=places)
        async with bench.running():
            await bench.stream.publish([candidate()])
            await seconds(5)
        assert bench.worker.could_stay == [may]


async def test_what_is_in_work_is_renewed_until_it_is_done() -> None:
    async def answer(_: Candidate) -> Landed:
        await asyncio.sleep(5)
        return LANDED

    bench = Bench(answer, renew_seconds=1.0)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(10)
    renewed = [ids for ids in bench.stream.renewed if ids]
    assert 4 <= len(renewed) <= 6
    assert bench.stream.renewed[-1] == ()


async def test_an_entry_left_lying_is_taken_over() -> None:
    bench = Bench(LANDED)
    bench.stream.left_lying = [MemoryEntry(stream_id="7-0", candidate=candidate())]
    async with bench.running():
        await seconds(5)
    assert bench.stream.acknowledged == ["7-0"]


async def test_an_entry_delivered_again_while_in_work_is_handled_once() -> None:
    async def answer(_: Candidate) -> Landed:
        await asyncio.sleep(9)
        return LANDED

    bench = Bench(answer)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(1)
        bench.stream.left_lying = [MemoryEntry(stream_id="1000-0", candidate=candidate())]
        await seconds(20)
    assert bench.worker.handled == ["position-1"]


async def test_live_intents_that_nobody_finishes_are_adopted() -> None:
    bench = Bench(LANDED)
    bench.database.intents += [intent("young", id=1, created_at=bench.clock.now())]
    async with bench.running():
        await seconds(10)
        assert bench.worker.adopted == []
        bench.clock.advance(60)
        await seconds(10)
        assert set(bench.worker.adopted) == {1}


async def test_an_intent_that_stays_undecided_holds_up_no_other() -> None:
    bench = Bench(LANDED)
    bench.worker.stuck = {1}
    bench.database.intents += [intent("first", id=1), intent("second", id=2)]
    bench.clock.advance(60)
    async with bench.running():
        await seconds(12)
        assert {1, 2} <= set(bench.worker.adopted)


async def test_an_intent_that_cannot_be_finished_is_set_aside_for_a_while() -> None:
    bench = Bench(LANDED)
    bench.worker.broken = {1}
    bench.database.intents += [intent("first", id=1), intent("second", id=2)]
    bench.clock.advance(60)
    async with bench.running():
        await seconds(9)
    assert bench.worker.adopted.count(1) == 1
    assert bench.worker.adopted.count(2) > 2


@pytest.mark.parametrize("trouble", [ServerError("Postgres is away"), ValueError("a bug")])
async def test_a_candidate_that_goes_wrong_stays_pending_and_the_others_go_on(trouble: Exception) -> None:
    async def answer(one: Candidate) -> object:
        if one.position == "bad":
            raise trouble
        return Healthy(1)

    bench = Bench(answer)
    async with bench.running():
        await bench.stream.publish([candidate(position="bad"), candidate()])
        await seconds(1)
    assert list(bench.stream.pending) == ["1000-0"]
    assert bench.stream.acknowledged == ["1001-0"]


async def test_a_stream_that_is_away_is_asked_again() -> None:
    bench = Bench(LANDED)
    read, away = bench.stream.read, 3

    async def sometimes(count: int | None = None) -> object:
        nonlocal away
        if away:
            away -= 1
            raise ServerError("Redis could not answer")
        return await read(count)

    bench.stream.read = sometimes  # type: ignore[method-assign, assignment]
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(10)
    assert bench.stream.acknowledged == ["1000-0"]


async def test_a_stop_lets_what_is_in_work_finish() -> None:
    async def answer(_: Candidate) -> Landed:
        await asyncio.sleep(1.5)
        return LANDED

    bench = Bench(answer, drain_seconds=2.0)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(0.5)
    assert bench.stream.acknowledged == ["1000-0"]


async def test_what_does_not_finish_in_time_is_cancelled_and_handed_back() -> None:
    cancelled = []

    async def answer(one: Candidate) -> Landed:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(one.position)
            raise
        return LANDED

    bench = Bench(answer, drain_seconds=2.0)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(0.5)
    assert cancelled == ["position-1"]
    assert (bench.stream.handed_back, bench.stream.acknowledged) == (["1000-0"], [])
    assert bench.stream.journal == []


async def test_what_is_done_is_not_handed_back() -> None:
    bench = Bench(LANDED)
    async with bench.running():
        await bench.stream.publish([candidate()])
        await seconds(0.5)
    assert bench.stream.handed_back == []


@pytest.mark.parametrize("seconds_away", [0.0, 60.0])
async def test_a_stop_ends_though_redis_takes_nothing_back(seconds_away: float) -> None:
    async def answer(_: Candidate) -> Landed:
        await asyncio.sleep(60)
        return LANDED

    async def hand_back(stream_ids: object) -> None:
        await asyncio.sleep(seconds_away)
        raise ServerError("Redis is away")

    bench = Bench(answer, drain_seconds=2.0)
    bench.stream.hand_back = hand_back  # type: ignore[method-assign, assignment]
    async with bench.running(), asyncio.timeout(10):
        await bench.stream.publish([candidate()])
        await seconds(0.5)
    assert list(bench.stream.pending) == ["1000-0"]


async def test_nothing_new_is_read_after_the_stop() -> None:
    bench = Bench(LANDED)
    async with bench.running():
        await seconds(1)
    await bench.stream.publish([candidate()])
    await seconds(5)
    assert bench.worker.handled == []


async def test_a_loop_that_dies_of_a_bug_ends_the_pool_with_it() -> None:
    bench = Bench(LANDED)

    async def broken(stream_ids: object) -> None:
        raise ValueError("a bug")

    bench.stream.renew = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(ValueError, match="a bug"):
        async with asyncio.timeout(60):
            await bench.pool.run(bench.stop)


async def test_a_reclaim_pass_that_finds_nothing_is_a_run() -> None:
    bench = Bench(LANDED)
    async with bench.running():
        await seconds(10)
    assert bench.runs.count("ran") >= 4
    assert "failed" not in bench.runs


async def test_a_pass_that_fails_is_a_failed_run_and_housekeeping_is_none() -> None:
    bench = Bench(LANDED)

    async def away(*_: object) -> None:
        raise ServerError("Redis is away")

    bench.stream.reclaim = away
    bench.stream.renew = away
    async with bench.running():
        await seconds(10)
    assert set(bench.runs) == {"failed"}
    assert len(bench.runs) <= 5  # each waits a second besides its pause; renewals would have made it more


async def test_what_is_somebody_elses_is_handed_back_and_neither_handled_nor_acknowledged() -> None:
    bench = Bench(LANDED)
    async with bench.running():
        await bench.stream.publish([replace(candidate(), market="Elsewhere"), candidate()])
        await seconds(1)
        assert bench.stream.handed_back[0] == "1000-0"
        assert bench.stream.acknowledged == ["1001-0"]
        assert len(bench.ended) == 1
