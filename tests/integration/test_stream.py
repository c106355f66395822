"""The queue against a real server: each need once per scan, nothing lost, nothing unacknowledged trimmed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from liquidation_engine.errors import ConfigError, ServerError
from liquidation_engine.model import Candidate
from liquidation_engine.redis_keys import CANDIDATES, DEAD_LETTERS, RESULTS, WORKERS_GROUP, dedupe_marker
from liquidation_engine.stream import CandidateConsumer, CandidateProducer, Entry, connect, queue_status
from liquidation_engine.stream.codec import encode

CANDIDATE = Candidate(
    position="7abcPosition",
    protocol="reference",
    market="Market1",
    owner="Owner1",
    assets=("MintA", "MintB"),
    reason="price-move",
    slot=1_234,
    ts=1_700_000_000_123,
    id="need-1",
)
SCAN_SECONDS = 30.0


def need(number: int) -> Candidate:
    return replace(CANDIDATE, id=f"need-{number}", position=f"Position{number}")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = await connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def producer(redis: Redis) -> CandidateProducer:
    return CandidateProducer(redis, dedupe_seconds=SCAN_SECONDS, maxlen=1_000, full_wait_seconds=0.2)


async def worker(redis: Redis, name: str = "a", *, batch: int = 16, idle_milliseconds: int = 300) -> CandidateConsumer:
    consumer = CandidateConsumer(
        redis, consumer=name, batch=batch, block_milliseconds=20, reclaim_idle_milliseconds=idle_milliseconds
    )
    await consumer.start()
    return consumer


# ── publishing ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_candidate_arrives_as_it_was_sent(redis: Redis, producer: CandidateProducer) -> None:
    consumer = await worker(redis)
    await producer.publish([CANDIDATE])
    (entry,) = await consumer.read()
    assert entry.candidate == CANDIDATE
    assert entry.deliveries == 1


async def test_the_same_need_published_twice_is_one_entry(redis: Redis, producer: CandidateProducer) -> None:
    assert await producer.publish([CANDIDATE, CANDIDATE]) == 1
    assert await producer.publish([replace(CANDIDATE, reason="scan", slot=9_999)]) == 0
    assert await redis.xlen(CANDIDATES) == 1


async def test_the_marker_expires_and_the_need_is_published_again(redis: Redis) -> None:
    producer = CandidateProducer(redis, dedupe_seconds=0.05, maxlen=1_000)
    assert await producer.publish([CANDIDATE]) == 1
    await expired(redis, dedupe_marker(CANDIDATE.id))
    assert await producer.publish([CANDIDATE]) == 1
    assert await redis.xlen(CANDIDATES) == 2


async def test_the_marker_lives_in_the_streams_slot_and_no_longer_than_a_scan(
    redis: Redis, producer: CandidateProducer
) -> None:
    await producer.publish([CANDIDATE])
    assert dedupe_marker(CANDIDATE.id) == "dedupe:{liq:candidates}:need-1"
    assert 0 < await redis.pttl("dedupe:{liq:candidates}:need-1") <= SCAN_SECONDS * 1000


async def test_marker_and_entry_become_visible_together(redis: Redis, producer: CandidateProducer) -> None:
    """A second connection that looks all the time never sees one without the other."""
    seen: set[tuple[int, int]] = set()
    publishing = asyncio.create_task(producer.publish([need(number) for number in range(300)]))
    while not publishing.done():
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.xlen(CANDIDATES)
            pipeline.eval("return #redis.call('KEYS', 'dedupe:*')", 0)
            entries, markers = await pipeline.execute()
        seen.add((entries, markers))
    assert await publishing == 300
    assert all(entries == markers for entries, markers in seen), seen
    assert await redis.xlen(CANDIDATES) == 300


async def test_an_entry_that_cannot_be_written_leaves_no_marker(redis: Redis, producer: CandidateProducer) -> None:
    await redis.set(CANDIDATES, "not a stream")
    with pytest.raises(ServerError, match="REDIS_URL"):
        await producer.publish([CANDIDATE])
    assert await redis.exists(dedupe_marker(CANDIDATE.id)) == 0


async def test_scripts_are_loaded_again_after_the_server_forgot_them(redis: Redis, producer: CandidateProducer) -> None:
    await producer.publish([need(1)])
    await redis.script_flush()
    assert await producer.publish([need(2), need(3)]) == 2
    await redis.script_flush()
    assert await producer.trim() == 0


async def test_publishing_stops_at_the_length_limit_and_leaves_no_marker_for_the_rest(redis: Redis) -> None:
    producer = CandidateProducer(redis, dedupe_seconds=SCAN_SECONDS, maxlen=3, full_wait_seconds=0.1)
    await worker(redis)
    assert await producer.publish([need(number) for number in range(5)]) == 3
    assert producer.held_back_total == 2
    assert await redis.xlen(CANDIDATES) == 3
    assert await redis.exists(dedupe_marker("need-3"), dedupe_marker("need-4")) == 0


async def test_publishing_goes_on_in_order_as_soon_as_workers_make_room(redis: Redis) -> None:
    producer = CandidateProducer(redis, dedupe_seconds=SCAN_SECONDS, maxlen=3, full_wait_seconds=5.0)
    consumer = await worker(redis, batch=2)
    publishing = asyncio.create_task(producer.publish([need(number) for number in range(7)]))
    taken: list[str] = []
    while len(taken) < 7:
        for entry in await consumer.read():
            taken.append(entry.candidate.id)
            await consumer.acknowledge(entry.stream_id)
    assert await publishing == 7
    assert taken == [f"need-{number}" for number in range(7)]
    assert producer.held_back_total == 0


# ── trimming ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_trim_removes_nothing_that_is_undelivered_or_unacknowledged(
    redis: Redis, producer: CandidateProducer
) -> None:
    consumer = await worker(redis, batch=4)
    await producer.publish([need(number) for number in range(8)])
    assert await producer.trim() == 0  # nothing delivered
    delivered = await consumer.read()
    assert await producer.trim() == 0  # nothing acknowledged
    for entry in (delivered[0], delivered[1], delivered[3]):
        await consumer.acknowledge(entry.stream_id)
    assert await producer.trim() == 2  # the third is pending, so it and all after it stay
    assert [fields[b"id"].decode() for _, fields in await entries_of(redis, CANDIDATES)] == [
        f"need-{number}" for number in range(2, 8)
    ]


async def test_trim_keeps_everything_while_no_group_exists(redis: Redis, producer: CandidateProducer) -> None:
    await producer.publish([need(1), need(2)])
    assert await producer.trim() == 0
    assert await redis.xlen(CANDIDATES) == 2


async def test_trim_looks_at_every_group(redis: Redis, producer: CandidateProducer) -> None:
    consumer = await worker(redis)
    await redis.xgroup_create(CANDIDATES, "onlookers", id="0")
    await producer.publish([need(1), need(2)])
    for entry in await consumer.read():
        await consumer.acknowledge(entry.stream_id)
    assert await producer.trim() == 0


# ── consuming ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_group_sees_what_was_published_before_it_existed(redis: Redis, producer: CandidateProducer) -> None:
    await producer.publish([need(1)])
    consumer = await worker(redis)
    assert [entry.candidate.id for entry in await consumer.read()] == ["need-1"]


async def test_two_workers_share_the_entries(redis: Redis, producer: CandidateProducer) -> None:
    first, second = await worker(redis, "a", batch=3), await worker(redis, "b", batch=3)
    await producer.publish([need(number) for number in range(6)])
    taken = [*await first.read(), *await second.read()]
    assert sorted(entry.candidate.id for entry in taken) == [f"need-{number}" for number in range(6)]


async def test_an_idle_entry_of_a_dead_worker_is_taken_over(redis: Redis, producer: CandidateProducer) -> None:
    dead, alive = await worker(redis, "dead"), await worker(redis, "alive")
    await producer.publish([CANDIDATE])
    await dead.read()
    assert (await alive.reclaim()).entries == []  # not idle for long enough
    (entry,) = await until_reclaimed(alive)
    assert entry.candidate == CANDIDATE
    assert entry.deliveries == 2
    (pending,) = await redis.xpending_range(CANDIDATES, WORKERS_GROUP, min="-", max="+", count=9)
    assert pending["consumer"] == b"alive"


async def test_reclaim_takes_one_batch_at_a_time(redis: Redis, producer: CandidateProducer) -> None:
    dead, alive = await worker(redis, "dead"), await worker(redis, "alive", batch=2)
    await producer.publish([need(number) for number in range(5)])
    await dead.read()
    await asyncio.sleep(0.35)
    assert len((await alive.reclaim()).entries) == 2


async def test_renewing_keeps_an_entry_from_being_reclaimed(redis: Redis, producer: CandidateProducer) -> None:
    busy, other = (
        await worker(redis, "busy", idle_milliseconds=400),
        await worker(redis, "other", idle_milliseconds=400),
    )
    await producer.publish([CANDIDATE])
    (entry,) = await busy.read()
    for _ in range(12):
        await asyncio.sleep(0.05)
        await busy.renew([entry.stream_id])
        assert (await other.reclaim()).entries == []
    (pending,) = await redis.xpending_range(CANDIDATES, WORKERS_GROUP, min="-", max="+", count=9)
    assert pending["times_delivered"] == 1  # renewing is no delivery


async def test_renewing_does_not_take_back_what_another_worker_took_over(
    redis: Redis, producer: CandidateProducer
) -> None:
    stalled, other = await worker(redis, "stalled"), await worker(redis, "other")
    await producer.publish([CANDIDATE])
    (entry,) = await stalled.read()
    await until_reclaimed(other)
    await stalled.renew([entry.stream_id])
    (pending,) = await redis.xpending_range(CANDIDATES, WORKERS_GROUP, min="-", max="+", count=9)
    assert pending["consumer"] == b"other"


async def test_an_acknowledged_entry_is_never_delivered_again(redis: Redis, producer: CandidateProducer) -> None:
    consumer = await worker(redis, idle_milliseconds=1)
    await producer.publish([CANDIDATE])
    (entry,) = await consumer.read()
    await consumer.acknowledge(entry.stream_id)
    await asyncio.sleep(0.01)
    assert (await consumer.reclaim()).entries == []
    assert await consumer.read() == []


async def test_pending_ids_that_were_deleted_are_counted(redis: Redis, producer: CandidateProducer) -> None:
    consumer = await worker(redis, idle_milliseconds=1)
    await producer.publish([need(1), need(2), need(3)])
    first, second, _ = await consumer.read()
    await redis.xdel(CANDIDATES, first.stream_id, second.stream_id)
    await asyncio.sleep(0.01)
    reclaimed = await consumer.reclaim()
    assert reclaimed.deleted == 2
    assert [entry.candidate.id for entry in reclaimed.entries] == ["need-3"]
    assert (await consumer.reclaim()).deleted == 0  # counted once


GOOD = {name.encode(): value.encode() for name, value in encode(CANDIDATE).items()}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({b"hello": b"world"}, "no field 'v'"),
        ({**GOOD, b"v": b"2"}, "version '2', expected 1"),
        ({**GOOD, b"slot": b"-5"}, "'slot' is '-5', expected a whole number"),
        ({**GOOD, b"reason": b"boredom"}, "reason 'boredom'"),
        ({**GOOD, b"position": b"a}b"}, "'position' is 'a}b', expected an identifier"),
        ({**GOOD, b"owner": b"\xff\xfe"}, "'owner' is not UTF-8"),
    ],
)
async def test_a_malformed_entry_becomes_a_dead_letter_and_holds_up_nobody(
    redis: Redis, producer: CandidateProducer, fields: dict[bytes, bytes], reason: str
) -> None:
    consumer = await worker(redis)
    await producer.publish([need(1)])
    await redis.xadd(CANDIDATES, {**fields})  # type: ignore[dict-item]
    await producer.publish([need(2)])
    assert [entry.candidate.id for entry in await consumer.read()] == ["need-1", "need-2"]
    ((_, letter),) = await entries_of(redis, DEAD_LETTERS)
    assert reason in letter[b"dead_reason"].decode()
    assert fields.items() <= letter.items()  # as it was found
    assert (await redis.xpending(CANDIDATES, WORKERS_GROUP))["pending"] == 2  # the malformed one is acknowledged


async def test_a_dead_letter_keeps_candidate_and_reason_and_stops_no_position(
    redis: Redis, producer: CandidateProducer
) -> None:
    consumer = await worker(redis)
    await producer.publish([CANDIDATE])
    (entry,) = await consumer.read()
    await consumer.dead_letter(entry, "gave up: 3 failures")
    ((_, letter),) = await entries_of(redis, DEAD_LETTERS)
    assert (letter[b"dead_reason"], letter[b"position"]) == (b"gave up: 3 failures", b"7abcPosition")
    assert (await queue_status(redis)).pending == 0
    await redis.delete(dedupe_marker(CANDIDATE.id))
    assert await producer.publish([CANDIDATE]) == 1


async def test_results_carry_outcome_and_signature(redis: Redis) -> None:
    consumer = await worker(redis)
    await consumer.result("Position1", "landed", "Signature1", {"profit": "5"})
    await consumer.result("Position2", "healthy", None, {})
    (_, first), (_, second) = await entries_of(redis, RESULTS)
    assert first == {b"position": b"Position1", b"outcome": b"landed", b"signature": b"Signature1", b"profit": b"5"}
    assert second[b"signature"] == b""


async def test_a_worker_goes_on_after_redis_was_emptied(redis: Redis, producer: CandidateProducer) -> None:
    consumer = await worker(redis)
    await producer.publish([need(1)])
    (entry,) = await consumer.read()
    await redis.flushall()
    await consumer.renew([entry.stream_id])
    await consumer.acknowledge(entry.stream_id)
    assert (await consumer.reclaim()).entries == []
    assert await producer.publish([need(1)]) == 1  # the marker went with the rest
    await redis.flushall()
    assert await consumer.read() == []
    await producer.publish([need(1)])
    assert len(await consumer.read()) == 1


async def test_what_is_handed_back_is_taken_over_at_once_by_another(redis: Redis, producer: CandidateProducer) -> None:
    specialist, generalist = (
        await worker(redis, "a", idle_milliseconds=60_000),
        await worker(redis, "b", idle_milliseconds=60_000),
    )
    await producer.publish([need(1), need(2)])
    first, second = await specialist.read()
    await specialist.hand_back([first.stream_id])
    taken = await generalist.reclaim()
    assert [entry.stream_id for entry in taken.entries] == [first.stream_id]
    held = await redis.xpending_range(CANDIDATES, WORKERS_GROUP, min="-", max="+", count=9)
    assert [(row["message_id"], row["consumer"]) for row in held] == [
        (first.stream_id.encode(), b"b"),
        (second.stream_id.encode(), b"a"),
    ]


# ── status and connection ───────────────────────────────────────────────────────────────────────────────────────────


async def test_status_of_an_empty_server_is_an_empty_queue(redis: Redis) -> None:
    status = await queue_status(redis)
    assert (status.length, status.lag, status.pending, status.oldest_pending_seconds) == (0, 0, 0, 0.0)


async def test_status_counts_undelivered_and_unacknowledged(redis: Redis, producer: CandidateProducer) -> None:
    consumer = await worker(redis, batch=2)
    await producer.publish([need(number) for number in range(5)])
    await consumer.read()
    await asyncio.sleep(0.03)
    status = await queue_status(redis)
    assert (status.length, status.lag, status.pending, status.dead_letters) == (5, 3, 2, 0)
    assert 0.03 <= status.oldest_pending_seconds < 5


async def test_status_counts_the_lag_itself_after_a_deletion_in_the_middle(
    redis: Redis, producer: CandidateProducer
) -> None:
    await worker(redis)
    await producer.publish([need(number) for number in range(4)])
    stream_ids = [stream_id for stream_id, _ in await entries_of(redis, CANDIDATES)]
    await redis.xdel(CANDIDATES, stream_ids[2])
    assert (await queue_status(redis)).lag == 3


async def test_an_unreachable_server_is_named_with_the_next_step() -> None:
    with pytest.raises(ServerError, match=r"redis://127\.0\.0\.1:1/0 .*check that it runs") as caught:
        await connect("redis://:hunter2@127.0.0.1:1/0", timeout_seconds=0.5)
    assert "hunter2" not in str(caught.value)


async def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected redis://"):
        await connect("http://127.0.0.1:1")


async def test_a_block_time_beyond_the_timeout_is_refused(redis: Redis) -> None:
    with pytest.raises(ConfigError, match="STREAM_BLOCK_MS is 5000"):
        CandidateConsumer(redis, consumer="a", batch=1, block_milliseconds=5_000, reclaim_idle_milliseconds=1)


async def test_a_server_that_may_evict_is_warned_about(
    redis: Redis, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        await (await connect(redis_url)).aclose()
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")
    assert "set maxmemory-policy to noeviction" in "".join(capsys.readouterr())


# ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def entries_of(redis: Redis, stream: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return list(await redis.xrange(stream))  # type: ignore[arg-type]


async def until_reclaimed(consumer: CandidateConsumer) -> list[Entry]:
    async with asyncio.timeout(5):
        while True:
            if entries := (await consumer.reclaim()).entries:
                return entries
            await asyncio.sleep(0.01)


async def expired(redis: Redis, key: str) -> None:
    async with asyncio.timeout(5):
        while True:
            if not await redis.exists(key):
                return
            await asyncio.sleep(0.005)
