"""Every kind of Redis that operators run carries the whole queue: one round trip through everything that the engine keeps there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from liquidation_engine.cluster import KillSwitchCache, LeaderLease, PositionLease, announce
from liquidation_engine.errors import ConfigError, ServerError
from liquidation_engine.model import Candidate
from liquidation_engine.stream import (
    AtRiskIndex,
    CandidateConsumer,
    CandidateProducer,
    DeadLetters,
    Redis,
    Retried,
    connect,
    pending_entries,
    queue_status,
    server_facts,
)
from liquidation_engine.stream.redis_url import read_url
from liquidation_engine.testing import candidate
from redis_kinds import SERVICE, Farm, acl_user, cluster, sentinel, tls, tls_binary


@pytest.fixture
async def farm(tmp_path: Path) -> AsyncIterator[Farm]:
    farm = Farm(tmp_path)
    yield farm
    await farm.stop()


def need(number: int) -> Candidate:
    return replace(candidate(), id=f"need-{number}", position=f"Position{number}")


async def round_trip(redis: Redis) -> None:
    """Go through everything: publish, deliver, renew, reclaim, acknowledge, give up, retry, trim; locks; the index; the switch."""
    producer = CandidateProducer(redis, dedupe_seconds=5, maxlen=100)
    first, second = [
        CandidateConsumer(redis, consumer=name, batch=8, block_milliseconds=50, reclaim_idle_milliseconds=30)
        for name in ("a", "b")
    ]
    await first.start()
    assert await producer.publish([need(number) for number in range(4)]) == 4
    assert await producer.publish([need(1)]) == 0
    entries = await first.read()
    assert [entry.candidate.id for entry in entries] == [f"need-{number}" for number in range(4)]
    status = await queue_status(redis)
    assert (status.length, status.lag, status.pending) == (4, 0, 4)
    assert 0 <= status.oldest_pending_seconds < 30

    await asyncio.sleep(0.06)
    await first.renew([entries[0].stream_id])
    taken = (await second.reclaim()).entries
    assert [entry.candidate.id for entry in taken] == ["need-1", "need-2", "need-3"]
    assert [row.consumer for row in await pending_entries(redis, 9)] == ["a", "b", "b", "b"]
    await second.hand_back([taken[2].stream_id])
    await first.acknowledge(entries[0].stream_id)
    await second.result("Position1", "landed", "Signature1")
    await second.acknowledge(taken[0].stream_id)
    await second.dead_letter(taken[1], "gave up")
    assert await producer.trim() == 3

    letters = DeadLetters(redis, CandidateProducer(redis, dedupe_seconds=0.001, maxlen=100))
    (letter,) = await letters.newest(5)
    assert await letters.retry(letter) in (Retried.PUBLISHED, Retried.QUEUED)
    assert await letters.count() == 0

    lease = await PositionLease.acquire(redis, "Position1", "a")
    assert lease is not None
    assert await PositionLease.acquire(redis, "Position1", "b") is None
    await lease.release()
    await elected(redis)

    index = AtRiskIndex(redis)
    assert await index.write({"MintA": {"P1": 1.5}, "MintB": {"P1": 2.5, "P2": None}}, ["MintA", "MintB"]) == 3
    assert await redis.zscore("atRisk:{MintB}:trigger", "P1") == 2.5
    await hears_a_stop(redis)
    assert (await server_facts(redis)).memory_bytes > 0


async def elected(redis: Redis) -> None:
    leads, stop = asyncio.Event(), asyncio.Event()

    async def lead() -> None:
        leads.set()
        await asyncio.Event().wait()

    async def nothing() -> None: ...

    lease = asyncio.create_task(LeaderLease(redis, "a").run(lead, nothing, stop))
    async with asyncio.timeout(5):
        await leads.wait()
        stop.set()
        await lease


async def hears_a_stop(redis: Redis) -> None:
    """Let the kill switch's word travel; what Postgres says only follows it."""
    stopped = False

    async def state() -> tuple[bool, str | None]:
        return stopped, "drill" if stopped else None

    cache, stop = KillSwitchCache(state, redis=redis), asyncio.Event()
    listening = asyncio.create_task(cache.run(stop))
    async with asyncio.timeout(10):
        while not cache.may_sign():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)
        stopped = True
        while cache.may_sign():
            await announce(redis, stopped=True)
            await asyncio.sleep(0.02)
        stop.set()
        await listening


async def test_one_server_behind_an_acl_user_that_may_no_more_than_the_engine_needs(farm: Farm) -> None:
    redis = await connect(await acl_user(farm))
    await round_trip(redis)
    await redis.aclose()


async def test_a_wrong_password_is_told_without_showing_it(farm: Farm) -> None:
    url = await acl_user(farm)
    with pytest.raises(ServerError, match="check that it runs") as caught:
        await connect(url.replace("hunter2", "wrong-password"))
    assert "wrong-password" not in str(caught.value)


@pytest.mark.skipif(
    tls_binary() is None, reason="TLS is tested with Debian's redis-server and openssl, which are not installed"
)
async def test_one_server_that_speaks_tls_only(farm: Farm) -> None:
    url = await tls(farm)
    redis = await connect(url)
    await round_trip(redis)
    await redis.aclose()
    with pytest.raises(ServerError, match="certificate verify failed"):
        await connect(url.partition("?")[0])


async def test_a_service_behind_sentinel_and_the_replica_that_takes_over(farm: Farm) -> None:
    sentinels = await sentinel(farm)
    redis = await connect(sentinels.url, timeout_seconds=1.0)
    await round_trip(redis)
    assert redis.connection_pool.connection_kwargs["socket_timeout"] == 1.0
    sentinels.master.kill()
    async with asyncio.timeout(40):
        while True:
            try:
                if await CandidateProducer(redis, dedupe_seconds=0.01, maxlen=100).publish([need(9)]):
                    break
            except ServerError:
                await asyncio.sleep(0.1)
    connection = await redis.connection_pool.get_connection()
    assert connection.port == sentinels.replica_port
    await redis.connection_pool.release(connection)
    await redis.delete(*[key async for key in redis.scan_iter()])
    await round_trip(redis)
    await redis.aclose()


async def test_a_cluster_of_three_nodes(farm: Farm) -> None:
    redis = await connect(await cluster(farm))
    await round_trip(redis)
    await redis.aclose()


async def test_a_sentinel_that_does_not_know_the_service_is_told_with_the_next_step(farm: Farm) -> None:
    sentinels = await sentinel(farm)
    with pytest.raises(ServerError, match=r"No master found for 'payments'.*REDIS_URL"):
        await connect(sentinels.url.replace(SERVICE, "payments"), timeout_seconds=1.0)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://:hunter2@h:1", "begins with 'http'"),
        ("redis+sentinel://:hunter2@h:26379", "names no service"),
        ("redis+sentinel:///mymaster", "names no host"),
        ("redis+cluster://:hunter2@h:6379/1", "has no databases"),
        ("redis+cluster://:hunter2@h:x", "Port could not be cast"),
        ("redis://:hunter2@h:x/0", "Port could not be cast"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read_url(url)
    assert "hunter2" not in str(caught.value)


def test_a_url_is_taken_apart() -> None:
    read = read_url(
        "rediss+sentinel://u:p%40ss@one,[::1]:7,three:9/mymaster/4?ssl_ca_certs=/ca.pem&sentinel_password=s"
    )
    assert (read.kind, read.tls, read.service) == ("sentinel", True, "mymaster")
    assert read.hosts == (("one", 26379), ("::1", 7), ("three", 9))
    options = {name: read.options[name] for name in ("username", "password", "db", "ssl_ca_certs")}
    assert options == {"username": "u", "password": "p@ss", "db": 4, "ssl_ca_certs": "/ca.pem"}
    assert read.sentinel_options == {"password": "s"}
    assert "p@ss" not in repr(read)
    assert read_url("redis+cluster://h").hosts == (("h", 6379),)
