"""The at-risk index on a real server: in step with what the leader holds, and whole again after any loss."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from liquidation_engine.stream import AtRiskIndex, connect

Prices = dict[str, dict[str, float | None]]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = await connect(redis_url)
    yield client
    await client.aclose()


async def shown(redis: Redis, asset: str) -> tuple[set[str], dict[str, float]]:
    """Return what another process reads."""
    members = await redis.smembers(f"atRisk:{{{asset}}}")
    triggers = await redis.zrange(f"atRisk:{{{asset}}}:trigger", 0, -1, withscores=True)
    return {member.decode() for member in members}, {member.decode(): score for member, score in triggers}


async def matches(redis: Redis, wanted: Prices, assets: tuple[str, ...]) -> bool:
    for asset in assets:
        prices = wanted.get(asset, {})
        expected = {position: price for position, price in prices.items() if price is not None}
        if await shown(redis, asset) != (set(prices), expected):
            return False
    return True


ASSETS = ("SOL", "USDC")
FIRST: Prices = {"SOL": {"P1": 125.0, "P2": 99.5}, "USDC": {"P1": 1.2, "P2": None}}


async def test_the_index_is_a_set_and_a_sorted_set_of_trigger_prices(redis: Redis) -> None:
    assert await AtRiskIndex(redis).write(FIRST, ASSETS) == 4
    assert await redis.smembers("atRisk:{SOL}") == {b"P1", b"P2"}
    assert await redis.zrange("atRisk:{SOL}:trigger", 0, -1, withscores=True) == [(b"P2", 99.5), (b"P1", 125.0)]
    assert await redis.zrange("atRisk:{USDC}:trigger", 0, -1) == [b"P1"]  # no price of USDC alone makes P2 cross
    assert await redis.smembers("atRisk:{USDC}") == {b"P1", b"P2"}


async def test_a_price_that_falls_through_is_found_by_one_range_query(redis: Redis) -> None:
    await AtRiskIndex(redis).write(FIRST, ASSETS)
    assert await redis.zrangebyscore("atRisk:{SOL}:trigger", 110, "+inf") == [b"P1"]


async def test_only_what_changed_is_written(redis: Redis) -> None:
    index = AtRiskIndex(redis)
    await index.write(FIRST, ASSETS)
    assert await index.write(FIRST, ASSETS) == 0
    second: Prices = {"SOL": {"P1": 126.0, "P3": 50.0}, "USDC": {"P1": 1.2, "P2": 1.5}}
    assert await index.write(second, ASSETS) == 4  # P1 moved, P2 gone, P3 new; P2 of USDC has a price now
    assert await matches(redis, second, ASSETS)
    assert await index.write({"SOL": {"P1": None, "P3": 50.0}}, ASSETS) == 3
    assert await matches(redis, {"SOL": {"P1": None, "P3": 50.0}}, ASSETS)
    assert index.rebuilt_total == len(ASSETS)  # at the beginning, and never since


async def test_it_is_whole_again_one_step_after_redis_was_emptied(redis: Redis) -> None:
    index = AtRiskIndex(redis)
    await index.write(FIRST, ASSETS)
    await redis.flushall()
    await redis.script_flush()
    await index.write(FIRST, ASSETS)
    assert await matches(redis, FIRST, ASSETS)


async def test_it_is_whole_again_after_redis_came_back_from_an_older_copy(redis: Redis) -> None:
    index = AtRiskIndex(redis)
    await index.write(FIRST, ASSETS)
    copy = {key: await redis.dump(key) for key in await redis.keys("atRisk:*")}
    second: Prices = {"SOL": {"P9": 70.0}}
    await index.write(second, ASSETS)
    for key, value in copy.items():
        await redis.restore(key, 0, value, replace=True)
    assert not await matches(redis, second, ASSETS)
    await index.write(second, ASSETS)
    assert await matches(redis, second, ASSETS)


async def test_a_new_leader_replaces_what_its_predecessor_left(redis: Redis) -> None:
    await AtRiskIndex(redis).write({"SOL": {"Gone": 10.0}, "USDC": {"Gone": 10.0}}, ASSETS)
    await AtRiskIndex(redis).write(FIRST, ASSETS)
    assert await matches(redis, FIRST, ASSETS)


async def test_a_leader_that_comes_back_writes_everything_anew(redis: Redis) -> None:
    ours, theirs = AtRiskIndex(redis), AtRiskIndex(redis)
    await ours.write(FIRST, ASSETS)
    await theirs.write({"SOL": {"P7": 7.0}}, ASSETS)
    await ours.write(FIRST, ASSETS)  # even without having been told
    assert await matches(redis, FIRST, ASSETS)


async def test_thousands_of_positions_arrive_in_batches(redis: Redis) -> None:
    index = AtRiskIndex(redis)
    many: Prices = {"SOL": {f"P{number}": float(number) for number in range(2_345)}}
    await index.write(many, ASSETS)
    assert await matches(redis, many, ASSETS)
    fewer: Prices = {"SOL": {f"P{number}": float(number + 1) for number in range(1_200, 2_345)}}
    await index.write(fewer, ASSETS)
    assert await matches(redis, fewer, ASSETS)
    await redis.delete("atRisk:{SOL}:version")
    await index.write(many, ASSETS)
    assert await matches(redis, many, ASSETS)


async def test_after_an_error_nothing_is_believed_to_be_written(redis: Redis) -> None:
    index = AtRiskIndex(redis)
    await index.write(FIRST, ASSETS)
    await redis.set("atRisk:{SOL}", "not a set")
    with pytest.raises(Exception, match="WRONGTYPE"):
        await index.write({"SOL": {"P5": 5.0}}, ASSETS)
    await index.write({"SOL": {"P5": 5.0}}, ASSETS)
    assert await matches(redis, {"SOL": {"P5": 5.0}}, ASSETS)
