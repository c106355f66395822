"""The leader's rounds: everybody is scanned whatever the nodes do, and a round that was not whole is a run that failed."""

import contextlib
from collections.abc import Collection

import pytest

from liquidation_engine.errors import LiquidationEngineError, RpcUnavailable, ServerError
from liquidation_engine.runner.sweeps import SHARDS, Sweeps

PERIOD = 8.0  # seconds: one for each shard


class World:
    """A scanner, a node and a clock that do what the test says."""

    def __init__(self) -> None:
        self.now, self.ready = 800.0, True
        self.redis_away = self.node_away = False
        self.scanned: list[set[int]] = []
        self.runs: list[str] = []
        self.sweeps = Sweeps(
            self,  # type: ignore[arg-type]
            self.reread,
            self,
            period_seconds=PERIOD,
            positions=lambda: 70,
            ready=lambda: self.ready,
            monotonic=lambda: self.now,
        )

    async def scan(self, now_ms: int, shards: Collection[int]) -> int:
        if self.redis_away:
            raise ServerError("Redis is away")
        self.scanned.append(set(shards))
        return 0

    async def reread(self) -> None:
        if self.node_away:
            raise RpcUnavailable("no endpoint")

    def checked(self, positions: int) -> None:
        self.runs.append(f"checked {positions}")

    def ran(self) -> None:
        self.runs.append("ran")

    def failed(self) -> None:
        self.runs.append("failed")

    async def turns(self, count: int) -> None:
        """Take a turn each second; what fails is the caller's to log."""
        for _ in range(count):
            with contextlib.suppress(LiquidationEngineError):
                await self.sweeps.turn()
            self.now += 1.0


@pytest.fixture
async def world() -> World:
    """A leader whose first turn, over everybody, is done."""
    made = World()
    await made.turns(1)
    assert made.scanned == [set(range(SHARDS))]
    made.scanned.clear()
    made.runs.clear()
    return made


async def test_a_period_is_one_run_over_everybody(world: World) -> None:
    await world.turns(SHARDS)
    assert world.scanned == [{shard} for shard in (*range(1, SHARDS), 0)]
    assert world.runs == ["checked 70", "ran"]


async def test_a_node_that_is_away_keeps_nobody_from_being_scanned_but_the_run_failed(world: World) -> None:
    world.node_away = True
    with pytest.raises(RpcUnavailable):
        await world.sweeps.read_anew()
    await world.turns(SHARDS)
    assert set().union(*world.scanned) == set(range(SHARDS))
    assert world.runs == ["failed"]
    world.node_away = False
    await world.sweeps.read_anew()
    await world.turns(SHARDS)
    assert world.runs == ["failed", "checked 70", "ran"]


async def test_shards_that_could_not_be_scanned_come_with_the_next_turn(world: World) -> None:
    world.redis_away = True
    await world.turns(3)
    world.redis_away = False
    await world.turns(1)
    assert world.scanned == [{1, 2, 3, 4}]


async def test_a_round_that_could_not_end_is_one_failed_run(world: World) -> None:
    world.redis_away = True
    await world.turns(SHARDS)
    assert world.runs == ["failed"]


async def test_before_the_book_is_warm_nobody_is_scanned_and_no_node_is_asked(world: World) -> None:
    world.ready, world.node_away = False, True
    await world.turns(SHARDS)
    await world.sweeps.read_anew()
    assert (world.scanned, world.runs) == ([], [])
