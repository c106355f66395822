"""Every argument of every method of the generic book: what is at fault is named, and the book is the same afterwards."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generic_reference import columns
from liquidation_engine import PositionBook, _core

DOLLAR = 100_000_000
NAMES = ["SOL", "USDC"]
IDS, OFFSETS, SLOTS, AMOUNTS = columns({7: [(0, 10**6), (3, 10**6)], 8: [(0, 10**6), (3, 1_000_001)]})

ARRAYS: Mapping[str, Mapping[str, np.ndarray]] = {
    "PositionBook": {"decimals": np.array([6, 6], np.uint8), "exponents": np.array([-8, -8], np.int8)},
    "set_positions": {"ids": IDS, "offsets": OFFSETS, "slots": SLOTS, "amounts": AMOUNTS},
    "remove": {"ids": IDS},
    "set_weights": {"collateral_bps": np.full(2, 9_000, np.uint32), "debt_bps": np.full(2, 10_000, np.uint32)},
    "tick": {"prices": np.array([DOLLAR + 1, DOLLAR])},
    "health": {"ids": IDS},
    "histogram": {"edges": np.array([0.5, 1.0, 1.5])},
    "scenario": {"shocks": np.array([[-0.5, 0.0], [0.0, 0.5]])},
}
NUMBERS: Mapping[str, Mapping[str, int]] = {
    "tick": {"slot": 9, "unix_time": 1_700_000_009},
    "rearm": {"id": 8},
    "health_exact": {"id": 8},
    "nearest": {"n": 1},
    "liquidation_price": {"id": 7, "asset": 0},
}
EVERY_ARRAY = [(method, name) for method, arrays in ARRAYS.items() for name in arrays]
EVERY_NUMBER = [(method, name) for method, numbers in NUMBERS.items() for name in numbers]


def book() -> PositionBook:
    """Return a book with one position at its limit and one that is liquidatable and was told."""
    book = PositionBook(NAMES, **ARRAYS["PositionBook"])
    book.tick(np.array([DOLLAR, DOLLAR]), 5, 1_700_000_000)
    book.set_positions(IDS, OFFSETS, SLOTS, AMOUNTS)
    return book


def call(market: PositionBook, method: str, changed: Mapping[str, Any]) -> object:
    """Call a method with arguments that fit, some of them replaced."""
    arguments = {**ARRAYS.get(method, {}), **NUMBERS.get(method, {}), **changed}
    if method == "PositionBook":
        return PositionBook(arguments.pop("assets", NAMES), **arguments)
    return getattr(market, method)(**arguments)


def unaligned(array: np.ndarray) -> np.ndarray:
    """Return a copy that begins one byte after an aligned address."""
    memory = np.zeros(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64 + 1
    view = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[:] = array
    return view


FAULTS: Mapping[str, tuple[Callable[[np.ndarray], Any], str]] = {
    "another width": (lambda array: array.astype(np.float32 if array.dtype.kind == "f" else np.int16), "array of"),
    "floats for integers": (
        lambda array: array.astype(np.complex128 if array.dtype.kind == "f" else float),
        "array of",
    ),
    "objects": (lambda array: array.astype(object), "array of object"),
    "another byte order": (lambda array: array.astype(array.dtype.newbyteorder(">")), "array of >"),
    "one dimension more": (lambda array: array[None], "dimensions"),
    "no dimension": (lambda array: array.reshape(-1)[0], "."),
    "gaps": (lambda array: np.repeat(array, 2, axis=-1)[..., ::2], "with gaps or another order"),
    "an odd address": (unaligned, "at an unaligned address"),
    "a list": (lambda array: array.tolist(), "list"),
    "a text": (lambda array: "prices", "str"),
    "nothing": (lambda array: None, "NoneType"),
}
ONE_BYTE = {"another byte order", "an odd address"}
"""Faults that a dtype of one byte cannot have."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("method", "name"), EVERY_ARRAY)
def test_an_array_that_does_not_fit_is_named_and_changes_nothing(
    tmp_path: Path, method: str, name: str, fault: str
) -> None:
    spoil, found = FAULTS[fault]
    right, market = ARRAYS[method][name], book()
    if right.itemsize == 1 and fault in ONE_BYTE:
        call(market, method, {name: spoil(right)})
        return
    market.snapshot(tmp_path / "before")
    expected = f"found .*{found}.*, expected a contiguous (one|two)-dimensional array of {right.dtype}\n.*'{name}'$"
    with pytest.raises(_core.ArgumentError, match=expected):
        call(market, method, {name: spoil(right)})
    market.snapshot(tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()


@pytest.mark.parametrize("wrong", [-1, 2**64, 1.0, "1", None, np.float64(1), np.array([1, 2])])
@pytest.mark.parametrize(("method", "name"), EVERY_NUMBER)
def test_a_number_that_is_no_u64_is_named_and_changes_nothing(
    tmp_path: Path, method: str, name: str, wrong: object
) -> None:
    market = book()
    market.snapshot(tmp_path / "before")
    with pytest.raises(_core.ArgumentError, match=r"found .*, expected an int from 0 to 2\*\*64 - 1"):
        call(market, method, {name: wrong})
    market.snapshot(tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()


@pytest.mark.parametrize(("method", "name"), EVERY_ARRAY)
def test_a_read_only_array_will_do_and_is_left_as_it_was(method: str, name: str) -> None:
    array = ARRAYS[method][name].copy()
    array.setflags(write=False)
    call(book(), method, {name: array})
    assert np.array_equal(array, ARRAYS[method][name])


@pytest.mark.parametrize(("method", "name"), EVERY_NUMBER)
def test_numpys_integers_are_numbers_too(method: str, name: str) -> None:
    number = NUMBERS[method][name]
    plain, theirs = call(book(), method, {}), call(book(), method, {name: np.uint64(number)})
    assert str(plain) == str(theirs)


@pytest.mark.parametrize(
    ("method", "changed", "message"),
    [
        ("tick", {"prices": np.array([DOLLAR])}, "found 1 prices, expected 2: one per asset"),
        ("tick", {"prices": np.array([1, -2])}, r"found price -2 for asset 'USDC', expected 0 \(no price\) or more"),
        ("set_weights", {"debt_bps": np.array([1], np.uint32)}, "found 1 debt_bps, expected 2: one per asset"),
        ("remove", {"ids": np.array([7, 7], np.uint64)}, "found id 7 twice, expected each id once"),
        ("set_positions", {"ids": np.array([8, 8], np.uint64)}, "found id 8 twice, expected each id once"),
        (
            "set_positions",
            {"slots": SLOTS + np.uint16(2)},
            "found slot 5, which is of asset 2, expected an asset below 2",
        ),
        ("liquidation_price", {"asset": 2}, "found asset 2, expected an asset below 2"),
        ("histogram", {"edges": np.array([2.0, 1.0])}, "found edge 1 after 2, expected each above the one before"),
        ("scenario", {"shocks": np.zeros((1, 3))}, "found shocks for 3 assets, expected 2: one column per asset"),
        ("scenario", {"shocks": np.array([[0, 0], [0, -1.5]])}, "found shock -1.5 for asset 'USDC' in scenario 1, "),
        ("scenario", {"shocks": np.array([[np.nan, 0]])}, "found shock NaN for asset 'SOL' in scenario 0, expected at"),
        ("scenario", {"shocks": np.array([[1e12, 0]])}, r"expected .* a price of 100000000 \* .* below 2\*\*63"),
        ("scenario", {"ids": 1}, "found int 1, expected a bool"),
        ("scenario", {"progress": "yes"}, r"found str, expected a callable of \(done, total\), a bool or None"),
        ("reanchor", {"wait": None}, "found NoneType, expected a bool"),
        ("PositionBook", {"assets": ["SOL", "SOL"]}, "found asset 'SOL' twice, expected each once"),
        ("PositionBook", {"decimals": np.zeros(3, np.uint8)}, "found 3 decimals, expected 2: one per asset"),
    ],
)
def test_values_that_do_not_fit_are_named_and_change_nothing(
    tmp_path: Path, method: str, changed: Mapping[str, Any], message: str
) -> None:
    market = book()
    market.snapshot(tmp_path / "before")
    with pytest.raises(_core.ArgumentError, match=message):
        call(market, method, changed)
    market.snapshot(tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
