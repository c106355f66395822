"""Random generic markets for property tests, and one call made on the fast and the slow book alike."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from generic_reference import SlowBook, columns
from liquidation_engine import PositionBook

ASSETS = 4


def kernels() -> list[str]:
    """Return the kernels that this processor has."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return ["portable"] + ["avx2"] * (" avx2 " in flags) + ["avx512"] * (" avx512f " in flags)


KERNELS = kernels()

amounts = st.one_of(st.integers(0, 3), st.integers(0, 10**9), st.integers(0, 2**64 - 1))
slots = st.integers(0, 2 * ASSETS - 1)
legs = st.lists(st.tuples(slots, amounts), max_size=9)
positions = st.dictionaries(st.integers(0, 30), legs, max_size=8)
prices = st.lists(
    st.one_of(st.just(0), st.integers(90, 110), st.integers(0, 10**12), st.integers(0, 2**63 - 1)),
    min_size=ASSETS,
    max_size=ASSETS,
)
weights = st.lists(
    st.one_of(st.just(0), st.integers(7_000, 12_000), st.integers(0, 2**32 - 1)), min_size=ASSETS, max_size=ASSETS
)
decimals = st.lists(st.sampled_from([0, 6, 6, 9, 9, 18, 40, 255]), min_size=ASSETS, max_size=ASSETS)
exponents = st.lists(st.sampled_from([-128, -18, -8, -8, -8, 0, 12, 127]), min_size=ASSETS, max_size=ASSETS)


def both(decimals: list[int], exponents: list[int]) -> tuple[PositionBook, SlowBook]:
    fast = PositionBook(
        [f"asset {number}" for number in range(len(decimals))],
        np.array(decimals, np.uint8),
        np.array(exponents, np.int8),
    )
    return fast, SlowBook(decimals, exponents)


def run(fast: PositionBook, slow: SlowBook, call: str, argument: Any) -> None:
    """Do one call on both books and compare what they answer."""
    got, expected = None, None
    match call:
        case "set":
            got, expected = fast.set_positions(*columns(argument)), slow.set_positions(argument)
        case "remove":
            known = sorted(argument & slow.positions.keys())
            got, expected = fast.remove(np.array(known, np.uint64)), slow.remove(known)
        case "tick":
            got, expected = fast.tick(np.array(argument, np.int64), 1, 1), slow.tick(argument)
        case "weigh":
            got = fast.set_weights(*(np.array(side, np.uint32) for side in argument))
            expected = slow.set_weights(*argument)
        case "reanchor":
            fast.reanchor()
        case "rearm" if argument in slow.positions:
            fast.rearm(argument)
            slow.rearm(argument)
    if got is not None:
        assert tuple(side.tolist() for side in got) == expected
    assert fast.sweep().tolist() == fast.liquidatable().tolist() == sorted(slow.liquidatable())
