"""The library as Python users call it, by pytest-benchmark: 100,000 positions of five legs.

    python -m pytest benches/suite [--benchmark-compare]

A regression in `tick` is felt by every price message, in `screen` after every large move, in `set_positions` at the start.
Compare runs on one machine only; the ratios to peers are in benches.side_by_side.
"""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benches.books import book_of, filled
from benches.data import Data, data
from benches.ticks import lower_and_a_bit_more
from liquidation_engine import PositionBook


@pytest.fixture(scope="module")
def market() -> Data:
    return data(100_000)


@pytest.fixture
def book(market: Data) -> PositionBook:
    return filled(market)


def test_screen(benchmark: BenchmarkFixture, book: PositionBook) -> None:
    assert benchmark(book.screen) >= 0


def test_sweep_equals_the_standing_set(benchmark: BenchmarkFixture, book: PositionBook) -> None:
    assert np.array_equal(benchmark(book.sweep), book.liquidatable())


@pytest.mark.parametrize("basis_points", [1, 10, 100])
def test_tick(benchmark: BenchmarkFixture, book: PositionBook, market: Data, basis_points: int) -> None:
    prices = market.prices.copy()
    prices[0] -= prices[0] * basis_points // 10_000
    moves = [prices, lower_and_a_bit_more(prices)[1]]
    book.tick(prices, 1, 1)
    steps = iter(range(10**9))
    benchmark(lambda: book.tick(moves[next(steps) % 2], 1, 1))


def test_update_of_one_position(benchmark: BenchmarkFixture, book: PositionBook, market: Data) -> None:
    legs = slice(0, int(market.offsets[1]))
    columns = (market.ids[:1], market.offsets[:2], market.slots[legs], market.amounts[legs])
    benchmark(lambda: book.set_positions(*columns))
    assert len(book) == market.count


def test_set_positions_of_all(benchmark: BenchmarkFixture, market: Data) -> None:
    columns = (market.ids, market.offsets, market.slots, market.amounts)
    book = benchmark.pedantic(
        lambda book: (book.set_positions(*columns), book)[1], setup=lambda: ((book_of(market),), {}), rounds=5
    )
    assert len(book) == market.count


def test_reanchor(benchmark: BenchmarkFixture, book: PositionBook) -> None:
    benchmark.pedantic(book.reanchor, rounds=10)


def test_health_of_a_thousand(benchmark: BenchmarkFixture, book: PositionBook, market: Data) -> None:
    assert benchmark(lambda: book.health(market.ids[:1_000])).size == 1_000
