"""What was observed, on real servers: the rules of the tracker on Redis, and each liquidation once in Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from chain_node import FakeNode
from liquidation_engine.chain import RpcClient, program_logs
from liquidation_engine.database import Database, ObservedLiquidations
from liquidation_engine.redis_keys import OBSERVED, OBSERVED_SEEN
from liquidation_engine.stream import ObservedStore, connect
from liquidation_engine.testing import observed


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = await connect(redis_url)
    yield client
    await client.aclose()


async def new(store: ObservedStore, *names: str, now_ms: int = 0, publish: bool = True) -> list[str]:
    return [one.id for one in await store.diff([observed(name) for name in names], now_ms=now_ms, publish=publish)]


async def test_only_what_was_not_there_before_is_new_for_all_observers_together(redis: Redis) -> None:
    one, other = ObservedStore(redis), ObservedStore(redis)
    assert await new(one, "a", "b", "a") == ["a", "b"]
    assert await new(other, "b", "c") == ["c"]
    assert await one.seen_total() == 3
    asked = await asyncio.gather(*(new(store, "x", "y") for store in (one, other) * 5))
    assert sorted(name for names in asked for name in names) == ["x", "y"]


async def test_what_is_new_is_published_once_with_its_event(redis: Redis) -> None:
    store = ObservedStore(redis)
    await new(store, "quiet", publish=False)
    await new(store, "loud", "quiet")
    await new(store, "loud")
    entries: list[Any] = await redis.xrange(OBSERVED)
    assert [fields[b"id"] for _, fields in entries] == [b"loud"]
    event = json.loads(entries[0][1][b"event"])
    assert (event["id"], event["liquidator"], event["timestamp"]) == ("loud", "Somebody", 1_700_001_000)


@pytest.mark.parametrize(("pruning", "again"), [("fifo", "a"), ("lru", "b")])
async def test_beyond_its_limit_it_forgets_by_its_rule(redis: Redis, pruning: Any, again: str) -> None:
    store = ObservedStore(redis, max_ids=3, pruning=pruning)
    await new(store, "a", "b", "c")
    await new(store, "a")
    assert await new(store, "d") == ["d"]
    assert await store.seen_total() == 3
    left = {name.decode() for name in await redis.zrange(OBSERVED_SEEN, 0, -1)}
    assert left == {"a", "b", "c", "d"} - {again}


async def test_with_ttl_an_id_is_forgotten_so_long_after_it_was_first_seen(redis: Redis) -> None:
    store = ObservedStore(redis, pruning="ttl", ttl_seconds=60)
    await new(store, "a", now_ms=1_000_000)
    assert await new(store, "a", now_ms=1_059_900) == []
    assert await new(store, "a", now_ms=1_060_000) == ["a"]


async def test_a_large_batch_goes_in_several_steps(redis: Redis) -> None:
    store = ObservedStore(redis)
    names = [f"s{number}" for number in range(555)]
    assert await new(store, *names) == names
    assert await new(store, *names) == []


async def test_the_cursor_is_kept_by_address(redis: Redis) -> None:
    store = ObservedStore(redis)
    assert await store.cursor("M1") is None
    await store.note("M1", 77, "Sig")
    kept = await store.cursor("M1")
    assert kept is not None
    assert (kept.slot, kept.signature) == (77, "Sig")
    assert await store.cursor("M2") is None


async def test_each_liquidation_is_stored_once_and_its_amounts_are_exact(postgres_url: str) -> None:
    database = await Database.connect(postgres_url, max_size=2)
    table = ObservedLiquidations(database)
    largest = observed("a", slot=5)
    object.__setattr__(largest, "repaid", 2**64 - 1)
    assert await table.store([largest, observed("b", slot=9, signature="SigB")]) == 2
    assert await table.store([observed("a"), observed("c", slot=7)]) == 1
    assert await table.count() == 3
    assert await table.newest("Market1") == (9, "SigB")
    assert await table.newest("Elsewhere") is None
    rows = {row["id"]: row for row in await table.latest(5)}
    assert rows["a"]["repaid"] == 2**64 - 1
    assert rows["a"]["user_pubkey"] == "Position1"
    await database.close()


# ── what the node says ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_signatures_are_asked_for_in_the_documented_shape() -> None:
    entry = {"signature": "S1", "slot": 7, "err": None, "memo": None, "blockTime": 5, "confirmationStatus": "confirmed"}
    async with FakeNode(getSignaturesForAddress=lambda _: [entry]) as node, RpcClient([node.url]) as rpc:
        (found,) = await rpc.signatures_for("Market1", limit=5, before="S9")
    assert node.calls == [
        ("getSignaturesForAddress", ["Market1", {"commitment": "confirmed", "limit": 5, "before": "S9"}])
    ]
    assert (found.signature, found.slot, found.error, found.block_time) == ("S1", 7, None, 5)


async def test_a_call_by_another_program_is_seen_like_a_direct_one() -> None:
    keys = ["Bot", "Position", "Wrapper", "Lending"]
    answer = {
        "slot": 9,
        "blockTime": 5,
        "transaction": {
            "message": {"accountKeys": keys, "instructions": [{"programIdIndex": 2, "accounts": [0], "data": "2"}]}
        },
        "meta": {
            "err": None,
            "logMessages": ["line"],
            "innerInstructions": [
                {"index": 0, "instructions": [{"programIdIndex": 3, "accounts": [0, 1], "data": "StV1DL6CwTryKyV"}]}
            ],
        },
    }
    async with FakeNode(getTransaction=lambda _: answer) as node, RpcClient([node.url]) as rpc:
        executed = await rpc.executed("S1")
    assert executed is not None
    assert [(call.program, call.accounts, call.data) for call in executed.calls] == [
        ("Wrapper", ("Bot",), b"\x01"),
        ("Lending", ("Bot", "Position"), b"hello world"),
    ]


async def test_logs_of_transactions_that_failed_wake_nobody() -> None:
    stop = asyncio.Event()
    async with FakeNode() as node:
        stream = program_logs(node.ws_url, "Market1", stop=stop)
        waiting = asyncio.create_task(anext(stream))
        await node.until_subscribed(1)
        await node.notify("logsNotification", 1, {"value": {"signature": "S", "err": {"x": 1}, "logs": ["bad"]}})
        await node.notify("logsNotification", 1, {"value": {"signature": "S", "err": None, "logs": ["good"]}})
        async with asyncio.timeout(5):
            assert await waiting == ("good",)
        stop.set()
        await stream.aclose()
    assert node.subscribed[0] == ("logsSubscribe", [{"mentions": ["Market1"]}, {"commitment": "confirmed"}])
