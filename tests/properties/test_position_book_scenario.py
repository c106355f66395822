"""What-if against the slow book: random markets, shocks that put positions at their limits, every kernel."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from generic_markets import ASSETS, KERNELS, both, decimals, exponents, positions, prices, run, weights
from generic_reference import Leg, SlowBook, shocked
from liquidation_engine import PositionBook

shocks = st.lists(
    st.lists(
        st.one_of(
            st.just(0.0),
            st.just(-1.0),
            st.sampled_from([-0.5, -0.1, 0.1, 1.0, -1e-9, 1e-17]),
            st.floats(-1, 3, allow_nan=False),
        ),
        min_size=ASSETS,
        max_size=ASSETS,
    ),
    min_size=1,
    max_size=19,
)


def agree(fast: PositionBook, slow: SlowBook, rows: list[list[float]]) -> None:
    """Compare a call's every answer with plain Python's."""
    counts, debt, shortfall, offsets, ids = fast.scenario(np.array(rows, float), ids=True)
    for number, row in enumerate(rows):
        expected, debts, short = slow.scenario(row)
        assert ids[offsets[number] : offsets[number + 1]].tolist() == expected
        assert counts[number] == len(expected)
        near = debts / 10**12 + Fraction(1, 10**250)  # a leg may be less than a double can say
        assert abs(Fraction(debt[number]) - debts) <= near
        assert abs(Fraction(shortfall[number]) - short) <= near
    plain = fast.scenario(np.array(rows, float))
    assert [column.tolist() for column in plain] == [column.tolist() for column in (counts, debt, shortfall)]


def in_range(slow: SlowBook, row: list[float]) -> list[float]:
    """Return the shocks without those that would give a price that there is no room for."""
    return [shock if shocked(price, shock) < 2**63 else 0.0 for price, shock in zip(slow.prices, row, strict=True)]


@pytest.mark.parametrize("kernel", KERNELS)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    decimals=decimals,
    exponents=exponents,
    everybody=positions,
    prices=prices,
    weights=st.tuples(weights, weights),
    rows=shocks,
)
def test_every_scenario_is_what_judging_everybody_by_hand_gives(
    monkeypatch: pytest.MonkeyPatch,
    kernel: str,
    decimals: list[int],
    exponents: list[int],
    everybody: dict[int, list[Leg]],
    prices: list[int],
    weights: tuple[list[int], list[int]],
    rows: list[list[float]],
) -> None:
    monkeypatch.setenv("LIQUIDATION_KERNEL", kernel)
    fast, slow = both(decimals, exponents)
    for call, argument in [("set", everybody), ("weigh", weights), ("tick", prices)]:
        run(fast, slow, call, argument)
    agree(fast, slow, [in_range(slow, row) for row in rows])


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price=st.integers(1, 10**13),
    shock=st.one_of(st.sampled_from([-0.9, -0.3, -0.1, 0.1, 0.7]), st.floats(-0.99, 5)),
    amount=st.integers(1, 10**15),
    off=st.integers(-2, 2),
)
def test_the_last_unit_of_debt_decides_under_the_shock(
    monkeypatch: pytest.MonkeyPatch, kernel: str, price: int, shock: float, amount: int, off: int
) -> None:
    monkeypatch.setenv("LIQUIDATION_KERNEL", kernel)
    fast, slow = both([6, 18], [-8, -18])
    fallen = shocked(price, shock)
    worth = amount * fallen * 10**4  # in the second asset's smallest units at a mantissa of 1
    assume(2 < worth < 2**62)
    run(fast, slow, "tick", [price, 10**18])
    run(fast, slow, "set", {1: [(0, amount), (3, worth + off)], 2: [(0, amount), (3, worth)]})
    assert [1] * (off > 0) == slow.scenario([shock, 0.0])[0]
    agree(fast, slow, [[0.0, 0.0], [shock, 0.0]])
