"""Arrays go in and come out without a copy: what Python holds is what Rust wrote or reads."""

import re
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from liquidation_engine import PositionBook, _core

COUNT = 100_000


def book() -> PositionBook:
    """Return positions all of which cross when the first price falls."""
    book = PositionBook(["A", "B"], np.array([6, 6], np.uint8), np.zeros(2, np.int8))
    book.tick(np.array([1_000, 1_000]), 1, 1)
    amounts = np.tile(np.array([10**6, 10**6], np.uint64), COUNT)
    offsets, slots = np.arange(0, 2 * COUNT + 1, 2, dtype=np.uint32), np.tile(np.array([0, 3], np.uint16), COUNT)
    book.set_positions(np.arange(COUNT, dtype=np.uint64), offsets, slots, amounts)
    return book


def test_what_comes_back_is_the_memory_that_rust_filled() -> None:
    market = book()
    crossed, _ = market.tick(np.array([999, 1_000]), 2, 2)
    everybody = np.arange(COUNT, dtype=np.uint64)
    answers = [crossed, market.sweep(), market.liquidatable(), market.nearest(COUNT), market.health(everybody)]
    answers += market.scenario(np.zeros((2, 2)), ids=True)
    assert crossed.size == COUNT
    for answer in answers:
        assert answer.base is not None
        assert not answer.flags.owndata
        assert "PySliceContainer" in type(answer.base).__name__
        assert answer.flags.writeable
        assert answer.flags.c_contiguous
        assert answer.flags.aligned


def test_numpy_allocates_nothing_for_a_long_answer() -> None:
    market = book()
    market.tick(np.array([999, 1_000]), 2, 2)
    tracemalloc.start()  # numpy reports what it allocates here, Rust does not
    answer = market.sweep()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.nbytes == 8 * COUNT
    assert peak < 10_000


NOTHING = np.zeros(1, np.uint32), np.zeros(0, np.uint16), np.zeros(0, np.uint64)


@pytest.mark.parametrize(
    ("call", "dtype", "message"),
    [
        (lambda market, column: market.tick(column, 1, 1), np.int64, "found {n} prices, expected 2"),
        (lambda market, column: market.set_positions(column, *NOTHING), np.uint64, "found 1 offsets for {n} ids"),
    ],
)
def test_a_column_of_gigabytes_is_refused_without_being_read_or_copied(
    tmp_path: Path, call: Callable[[PositionBook, np.ndarray], object], dtype: type, message: str
) -> None:
    market, count = book(), 2**28
    column = np.memmap(tmp_path / "column", dtype, "w+", shape=(count,))  # 2 GiB, of which the disk holds nothing
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(_core.ArgumentError, match=re.escape(message.format(n=count))):
        call(market, column)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_an_answer_outlives_its_book() -> None:
    market = book()
    market.tick(np.array([999, 1_000]), 2, 2)
    answer = market.sweep()
    del market
    assert answer.tolist() == list(range(COUNT))


def test_an_answer_is_the_callers_own() -> None:
    market = book()
    market.tick(np.array([999, 1_000]), 2, 2)
    market.sweep()[:] = 0
    assert market.sweep()[-1] == COUNT - 1
