"""The generic market's book from Python: what it answers, and what it refuses."""

import runpy
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from example_outputs import WATCH
from generic_reference import columns
from liquidation_engine import PositionBook, _core, errors

ONE = {7: [(0, 1_000_000), (3, 1_000_000)]}
DOLLAR = 100_000_000


def book(assets: int = 2) -> PositionBook:
    names = [f"asset {number}" for number in range(assets)]
    return PositionBook(names, np.full(assets, 6, np.uint8), np.full(assets, -8, np.int8))


def filled() -> PositionBook:
    """Return a book with one position that is exactly at its limit."""
    filled = book()
    filled.tick(np.array([DOLLAR, DOLLAR]), 5, 1_700_000_000)
    filled.set_positions(*columns(ONE))
    return filled


def test_equality_is_healthy_and_one_unit_of_price_below_is_not() -> None:
    market = filled()
    assert market.health_exact(7) == (10**18, 10**18)
    assert market.sweep().tolist() == []
    crossed, recovered = market.tick(np.array([DOLLAR - 1, DOLLAR]), 6, 1_700_000_001)
    assert (crossed.tolist(), recovered.tolist()) == ([7], [])
    assert (crossed.dtype, market.sweep().dtype) == (np.uint64, np.uint64)
    assert market.clock == (6, 1_700_000_001)


def test_a_crossing_is_told_once_until_recovery_rearm_or_replacement() -> None:
    market, low, high = filled(), np.array([DOLLAR - 1, DOLLAR]), np.array([DOLLAR, DOLLAR])
    assert market.tick(low, 6, 0)[0].tolist() == [7]
    assert market.tick(low, 7, 0)[0].tolist() == []
    market.rearm(7)
    assert market.tick(low, 8, 0)[0].tolist() == [7]
    assert market.set_positions(*columns(ONE))[0].tolist() == [7]
    assert market.tick(high, 9, 0)[1].tolist() == [7]
    assert market.tick(low, 10, 0)[0].tolist() == [7]
    assert market.remove(np.array([7], np.uint64))[1].tolist() == [7]


def test_weights_are_edits_that_cross_and_recover() -> None:
    market, full = filled(), np.array([10_000, 10_000], np.uint32)
    assert market.set_weights(np.array([9_999, 10_000], np.uint32), full)[0].tolist() == [7]
    assert market.set_weights(full, full)[1].tolist() == [7]


def test_the_liquidation_price_is_where_the_limit_is() -> None:
    market = filled()
    assert market.liquidation_price(7, 0) == DOLLAR - 1
    assert market.liquidation_price(7, 1) == DOLLAR + 1
    market.set_positions(*columns({7: [(0, 1)], 8: [(1, 1)]}))
    assert market.liquidation_price(7, 0) is None
    assert market.liquidation_price(8, 0) == DOLLAR


def test_health_is_infinite_without_debt() -> None:
    market = filled()
    market.set_positions(*columns({1: [(0, 5)], 2: [], 3: [(1, 5)]}))
    assert market.health(np.array([1, 2, 3, 7], np.uint64)).tolist() == [np.inf, np.inf, 0.0, 1.0]


COLUMNS = columns(ONE)
NAMES = ["asset 0", "asset 1"]
U8, I8, U64 = np.full(2, 6, np.uint8), np.full(2, -8, np.int8), np.array([7], np.uint64)


def setting(place: int, column: object) -> Callable[[PositionBook], object]:
    given = [*COLUMNS[:place], column, *COLUMNS[place + 1 :]]
    return lambda market: market.set_positions(*given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda market: market.tick(np.array([1.0, 2.0]), 1, 1), "found an array of float64 .* expected .*int64"),
        (lambda market: market.tick([1, 2], 1, 1), "found list, expected .*int64"),
        (lambda market: market.tick(np.array([1, 2, 3]), 1, 1), "found 3 prices, expected 2"),
        (lambda market: market.tick(np.array([[1, 2]]), 1, 1), "with 2 dimensions, expected .*one-dimensional"),
        (lambda market: market.tick(np.array([1, -2]), 1, 1), "found price -2 for asset 'asset 1', expected 0"),
        (lambda market: market.tick(np.array([1, 0, 2, 0])[::2], 1, 1), "found an array of int64 with gaps"),
        (lambda market: market.tick(np.array([1, 2]), -1, 1), "found int -1, expected an int from 0"),
        (lambda market: market.tick(np.array([1, 2]), 1, 1.5), "found float, expected an int"),
        (setting(0, np.array([7])), "found an array of int64 .* expected .*uint64"),
        (setting(1, np.array([0], np.uint32)), "found 1 offsets for 1 ids, expected 2"),
        (setting(1, np.array([0, 3], np.uint32)), "found 3 as the last offset, expected 2"),
        (setting(1, np.array([1, 2], np.uint32)), "found 1 as the first offset, expected 0"),
        (setting(2, np.array([0, 4], np.uint16)), "found slot 4, which is of asset 2, expected an asset below 2"),
        (setting(3, np.array([1, -1])), "found an array of int64 .* expected .*uint64"),
        (setting(3, np.array([1.0, 1.0])), "found an array of float64"),
        (setting(3, np.array([2**70, 1])), "found an array of object"),
        (setting(3, np.array([1], np.uint64)), "found 1 amounts for 2 slots"),
        (
            lambda market: market.set_positions(
                np.array([1, 1], np.uint64), np.array([0, 1, 2], np.uint32), *COLUMNS[2:]
            ),
            "found id 1 twice",
        ),
        (
            lambda market: market.set_positions(
                np.array([1, 2, 3], np.uint64), np.array([0, 2, 1, 2], np.uint32), *COLUMNS[2:]
            ),
            "found offset 1 after 2",
        ),
        (
            lambda market: market.set_positions(*columns({1: [(0, 1)] * 17})),
            "found 17 legs on one side of position 1, expected at most 16",
        ),
        (
            lambda market: market.set_weights(np.array([1], np.uint32), np.array([1, 1], np.uint32)),
            "found 1 collateral_bps",
        ),
        (lambda market: market.set_weights(np.array([1, 1]), np.array([1, 1])), "found an array of int64 .* uint32"),
        (lambda market: market.remove(np.array([7, 7], np.uint64)), "found id 7 twice"),
        (lambda market: market.liquidation_price(7, 2), "found asset 2, expected an asset below 2"),
        (lambda market: market.histogram(np.array([1.0])), "found 1 edges, expected at least 2"),
        (lambda market: market.histogram(np.array([1.0, np.nan])), "found edge NaN after 1, expected each above"),
        (lambda market: market.histogram(np.array([1.0, 1.0])), "found edge 1 after 1, expected each above"),
        (lambda market: PositionBook(NAMES, U8[:1], I8), "found 1 decimals, expected 2"),
        (lambda market: PositionBook(NAMES, U8, U8), "found an array of uint8 .* int8"),
        (lambda market: PositionBook(["a", "a"], U8, I8), "found asset 'a' twice"),
        (lambda market: PositionBook([], U8[:0], I8[:0]), "found 0 assets"),
        (lambda market: PositionBook(7, U8, I8), "found int 7, expected a sequence of str"),
        (lambda market: PositionBook(["a", 7], U8, I8), "found int 7, expected a str"),
    ],
)
def test_an_argument_at_fault_is_named_and_changes_nothing(
    fault: Callable[[PositionBook], object], message: str
) -> None:
    market = filled()
    with pytest.raises(_core.ArgumentError, match=message):
        fault(market)
    assert (market.health_exact(7), len(market), market.sweep().tolist(), market.clock[0]) == (
        (10**18, 10**18),
        1,
        [],
        5,
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda market: market.remove(np.array([7, 8], np.uint64)),
        lambda market: market.health(np.array([7, 8], np.uint64)),
        lambda market: market.health_exact(8),
        lambda market: market.rearm(8),
        lambda market: market.liquidation_price(8, 0),
    ],
)
def test_an_unknown_position_is_named(call: Callable[[PositionBook], object]) -> None:
    market = filled()
    with pytest.raises(_core.UnknownPosition, match="position 8 is not in the book"):
        call(market)
    assert len(market) == 1


def test_several_threads_may_call_one_book() -> None:
    market, told = filled(), []

    def work(number: int) -> None:
        for step in range(200):
            told.extend(market.tick(np.array([DOLLAR - (step + number) % 2, DOLLAR]), step, 0)[0].tolist())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(told) == {7}
    assert market.liquidatable().tolist() == market.sweep().tolist()


def cut(content: bytes) -> bytes:
    return content[:-1]


def changed(content: bytes) -> bytes:
    return content[:60] + bytes([content[60] ^ 1]) + content[61:]


def newer(content: bytes) -> bytes:
    return content[:7] + b"\x02" + content[8:]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (cut, "checksum"),
        (changed, "checksum"),
        (newer, "found a snapshot of version 2, expected 1"),
        (lambda content: b"", "found 0 bytes that are not a snapshot"),
    ],
)
def test_a_snapshot_at_fault_is_refused(tmp_path: Path, fault: Callable[[bytes], bytes], message: str) -> None:
    file = tmp_path / "book"
    filled().snapshot(file)
    assert PositionBook.restore(file).health_exact(7) == (10**18, 10**18)
    file.write_bytes(fault(file.read_bytes()))
    with pytest.raises(errors.DecodeError, match=message):
        PositionBook.restore(file)
    assert [file.name for file in tmp_path.iterdir()] == ["book"]


def test_a_snapshot_without_a_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        filled().snapshot(tmp_path / "nowhere" / "book")
    with pytest.raises(FileNotFoundError):
        PositionBook.restore(tmp_path / "book")


def test_a_kernel_can_be_forced_and_an_unknown_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIQUIDATION_KERNEL", "portable")
    assert book().kernel == "portable"
    monkeypatch.setenv("LIQUIDATION_KERNEL", "sse9")
    with pytest.raises(_core.ArgumentError, match="found kernel 'sse9', expected 'avx512', 'avx2' or 'portable'"):
        book()


def test_the_example_finds_each_crossing_in_under_40_lines(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[2] / "examples" / "watch.py"
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == WATCH
    assert len(example.read_text().splitlines()) < 40
