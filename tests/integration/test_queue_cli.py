"""`queue`, `dlq`, `skips`, `stop` and `resume` as an operator types them, against real servers: what they print, do, and exit with."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from redis import Redis

from liquidation_engine.cli.app import run_app
from liquidation_engine.database import Database, Guards, KillSwitch
from liquidation_engine.model import Candidate
from liquidation_engine.redis_keys import CANDIDATES, DEAD_LETTERS, KILL_SWITCH_CHANNEL, WORKERS_GROUP
from liquidation_engine.stream import CandidateConsumer, CandidateProducer, connect
from liquidation_engine.testing import candidate

T = TypeVar("T")
NOT_THERE = "1700000000123-0"


class Command:
    """The command in this process, in a folder without settings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.err = ""

    def __call__(self, *words: str) -> tuple[int, str]:
        """Return exit code and standard output."""
        self._monkeypatch.setattr(sys, "argv", ["liquidation-engine", *words])
        code = run_app()
        out, self.err = self._capsys.readouterr()
        return code, out

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Return what it prints as JSON."""
        found, out = self(*words, "--json")
        assert found == code, self.err
        value: dict[str, Any] = json.loads(out)
        return value


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, redis_url: str
) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", redis_url)
    return Command(monkeypatch, capsys)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> str:
    monkeypatch.setenv("DATABASE_URL", postgres_url)
    return postgres_url


def need(number: int) -> Candidate:
    return replace(candidate(), id=f"need-{number}", position=f"Position{number}")


def given_up(redis_url: str, *needs: Candidate) -> list[str]:
    """Let a worker give these up; return the letters' ids, the oldest first."""

    async def act() -> None:
        redis = await connect(redis_url)
        consumer = CandidateConsumer(redis, consumer="w", batch=9, block_milliseconds=10, reclaim_idle_milliseconds=99)
        await consumer.start()
        await CandidateProducer(redis, dedupe_seconds=0.001, maxlen=100).publish(needs)
        for entry in await consumer.read():
            await consumer.dead_letter(entry, "5 failures in a row, the last: timeout")
        await redis.aclose()

    run(act)
    return [letter_id.decode() for letter_id, _ in Redis.from_url(redis_url).xrange(DEAD_LETTERS)]


def run(act: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(act())


def on(database_url: str, act: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    async def connected() -> T:
        database = await Database.connect(database_url, max_size=1)
        try:
            return await act(database)
        finally:
            await database.close()

    return run(connected)


# ── queue ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_of_an_idle_queue_is_all_zeros_and_exits_with_0(command: Command) -> None:
    assert command.json("queue", "status") == {
        "length": 0, "lag": 0, "pending": 0, "oldest_pending_seconds": 0.0, "dead_letters": 0, "stalled": False
    }  # fmt: skip


def test_status_exits_with_1_and_the_next_step_when_work_stands_still(command: Command, redis_url: str) -> None:
    Redis.from_url(redis_url).xadd(CANDIDATES, {"v": "1"}, id="1700000000000-0")
    assert command.json("queue", "status", code=1)["stalled"] is True
    assert "queue pending" in command.err
    assert "ROLES=worker" in command.err
    assert command("queue", "status", "--stalled-after", "1e12")[0] == 0


def test_pending_names_position_holder_and_deliveries(command: Command, redis_url: str) -> None:
    async def deliver() -> None:
        redis = await connect(redis_url)
        await CandidateProducer(redis, dedupe_seconds=1, maxlen=100).publish([need(1), need(2)])
        consumer = CandidateConsumer(redis, consumer="w", batch=1, block_milliseconds=10, reclaim_idle_milliseconds=99)
        await consumer.start()
        await consumer.read()
        await redis.aclose()

    run(deliver)
    (row,) = command.json("queue", "pending")["pending"]
    assert (row["position"], row["consumer"], row["deliveries"]) == ("Position1", "w", 1)
    assert "Position1" in command("queue", "pending")[1]


def test_pending_of_a_queue_that_nobody_worked_on_is_empty(command: Command) -> None:
    assert command.json("queue", "pending") == {"pending": [], "count": 0}


# ── dead letters ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_list_shows_the_newest_first_with_position_and_reason(command: Command, redis_url: str) -> None:
    first, second = given_up(redis_url, need(1), need(2))
    found = command.json("dlq", "list")
    assert found["total"] == 2
    assert [letter["id"] for letter in found["dead_letters"]] == [second, first]
    assert found["dead_letters"][1]["position"] == "Position1"
    code, table = command("dlq", "list", "--limit", "1")
    assert code == 0
    assert "5 failures in a row, the last: timeout" in table
    assert first not in table


def test_show_tells_everything_that_was_on_the_stream(command: Command, redis_url: str) -> None:
    (letter,) = given_up(redis_url, need(1))
    found = command.json("dlq", "show", letter)
    assert found["candidate"]["id"] == "need-1"
    assert (found["consumer"], found["deliveries"]) == ("w", 1)
    assert "Position1" in command("dlq", "show", letter)[1]


@pytest.mark.parametrize("words", [("show",), ("drop",), ("retry",)])
@pytest.mark.usefixtures("database")
def test_a_letter_that_is_not_there_exits_with_1_and_the_next_step(command: Command, words: tuple[str, ...]) -> None:
    assert command("dlq", *words, NOT_THERE)[0] == 1
    assert f"no dead letter {NOT_THERE}" in command.err
    assert "dlq list" in command.err


@pytest.mark.parametrize("words", [("show", "abc"), ("drop",), ("drop", NOT_THERE, "--all"), ("retry", "1-2-3")])
def test_what_is_no_id_is_bad_input(command: Command, words: tuple[str, ...]) -> None:
    assert command("dlq", *words)[0] == 2
    assert "expected one such as" in command.err or "dlq list" in command.err


def test_retry_publishes_the_same_need_again_and_ends_its_back_off(
    command: Command, redis_url: str, database: str
) -> None:
    (letter,) = given_up(redis_url, need(1))
    rest = timedelta(hours=1)
    on(database, lambda db: Guards(db).back_off("Position1", failures_add=5, rest=rest, reason="timeout"))
    assert command.json("dlq", "retry", letter) == {"dead_letters": {letter: "published"}}
    redis = Redis.from_url(redis_url)
    (_, fields) = redis.xrange(CANDIDATES)[-1]
    assert (fields[b"id"], fields[b"position"], fields[b"reason"]) == (b"need-1", b"Position1", b"manual")
    assert redis.xlen(DEAD_LETTERS) == 0
    claim = on(database, lambda db: Guards(db).claim("Position1", "w"))
    assert (claim.failures, claim.backoff_until) == (0, None)


def test_retry_of_all_goes_in_the_order_they_were_given_up_in(command: Command, redis_url: str, database: str) -> None:
    given_up(redis_url, need(1), need(2), need(3))
    assert set(command.json("dlq", "retry", "--all", "--database-url", database)["dead_letters"].values()) == {
        "published"
    }
    again = Redis.from_url(redis_url).xrange(CANDIDATES)[-3:]
    assert [fields[b"id"] for _, fields in again] == [b"need-1", b"need-2", b"need-3"]


@pytest.mark.usefixtures("database")
def test_retry_of_a_malformed_letter_leaves_it_there_and_says_so(command: Command, redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    letter = redis.xadd(DEAD_LETTERS, {"hello": "world", "dead_reason": "malformed"}).decode()
    assert command.json("dlq", "retry", letter, code=1)["dead_letters"] == {letter: "malformed"}
    assert "drop it" in command.err
    assert redis.xlen(DEAD_LETTERS) == 1


@pytest.mark.usefixtures("database")
def test_retry_of_a_need_that_is_queued_already_adds_no_second_entry(command: Command, redis_url: str) -> None:
    (letter,) = given_up(redis_url, need(1))
    redis = Redis.from_url(redis_url)
    before = redis.xlen(CANDIDATES)
    redis.set("dedupe:{liq:candidates}:need-1", "1", px=60_000)
    assert command.json("dlq", "retry", letter)["dead_letters"] == {letter: "queued"}
    assert (redis.xlen(CANDIDATES), redis.xlen(DEAD_LETTERS)) == (before, 0)


def test_drop_removes_the_named_or_all_of_them(command: Command, redis_url: str) -> None:
    first, *_ = given_up(redis_url, need(1), need(2), need(3))
    assert command.json("dlq", "drop", first)["dead_letters"] == {first: "dropped"}
    redis = Redis.from_url(redis_url)
    assert redis.xlen(DEAD_LETTERS) == 2
    assert command("dlq", "drop", "--all")[0] == 0
    assert redis.xlen(DEAD_LETTERS) == 0


def test_a_retried_candidate_is_delivered_to_a_worker(command: Command, redis_url: str, database: str) -> None:
    (letter,) = given_up(redis_url, need(1))
    assert command("dlq", "retry", letter, "--database-url", database)[0] == 0
    group = Redis.from_url(redis_url).xreadgroup(WORKERS_GROUP, "w2", {CANDIDATES: ">"})
    assert [fields[b"id"] for _, fields in group[0][1]] == [b"need-1"]


def test_a_redis_that_is_away_exits_with_2_and_the_next_step(command: Command) -> None:
    assert command("queue", "status", "--redis-url", "redis://:hunter2@127.0.0.1:1/0")[0] == 2
    assert "check that it runs" in command.err
    assert "hunter2" not in command.err


# ── skip list ───────────────────────────────────────────────────────────────────────────────────────────────────────


def rest(database: str, position: str, failures: int, minutes: int, reason: str) -> None:
    """Leave a position alone as a worker does."""
    length = timedelta(minutes=minutes)
    on(database, lambda db: Guards(db).back_off(position, failures_add=failures, rest=length, reason=reason))


def test_skips_show_who_rests_and_why_most_failures_first(command: Command, database: str) -> None:
    rest(database, "Position1", 2, 1, "stale oracle")
    rest(database, "Position2", 5, 2, "5 failures in a row, the last: slippage")
    rest(database, "Position3", 9, -1, "over")
    found = command.json("skips", "list")
    assert [(one["position"], one["failures"]) for one in found["skipped"]] == [("Position2", 5), ("Position1", 2)]
    assert 110 < found["skipped"][0]["seconds_left"] <= 120
    assert "5 failures in a row, the last: slippage" in command("skips", "list", "--limit", "1")[1]
    assert "Position1" not in command("skips", "list", "--limit", "1")[1]


def test_a_cleared_position_is_skipped_no_more(command: Command, database: str) -> None:
    rest(database, "Position1", 2, 1, "stale oracle")
    assert command.json("skips", "clear", "Position1") == {"skipped": {"Position1": "cleared"}}
    assert command.json("skips", "list") == {"skipped": [], "count": 0}
    claim = on(database, lambda db: Guards(db).claim("Position1", "w"))
    assert (claim.failures, claim.resting) == (0, False)


@pytest.mark.usefixtures("database")
def test_clearing_a_position_that_nobody_tried_exits_with_1_and_the_next_step(command: Command) -> None:
    assert command.json("skips", "clear", "Position9", code=1) == {"skipped": {"Position9": "unknown"}}
    assert "skips list" in command.err


# ── kill switch ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_stop_turns_the_switch_in_postgres_and_tells_the_instances(
    command: Command, redis_url: str, database: str
) -> None:
    channel = Redis.from_url(redis_url).pubsub(ignore_subscribe_messages=True)
    channel.subscribe(KILL_SWITCH_CHANNEL)
    channel.get_message(timeout=1)  # the subscription's own answer
    found = command.json("stop", "--reason", "oracle incident")
    assert (found["stopped"], found["reason"], found["announced"]) == (True, "oracle incident", True)
    message = channel.get_message(timeout=2)
    assert message is not None
    assert message["data"] == b"stop"
    assert on(database, lambda db: KillSwitch(db).state()).reason == "oracle incident"
    assert command.json("resume")["stopped"] is False
    assert on(database, lambda db: KillSwitch(db).state()).stopped is False


def test_stop_works_without_redis_and_says_who_finds_it(
    command: Command, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    code, _ = command("stop", "--reason", "drill")
    assert code == 0
    assert "within a second" in command.err
    assert on(database, lambda db: KillSwitch(db).state()).stopped is True


@pytest.mark.usefixtures("database")
def test_stop_asks_for_a_reason(command: Command) -> None:
    assert command("stop")[0] == 2
    assert "--reason" in command.err
