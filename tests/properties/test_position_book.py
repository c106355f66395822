"""The generic market's book against the slow one, through whole histories of calls."""

import runpy
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generic_markets import ASSETS, KERNELS, both, decimals, exponents, positions, prices, run, slots, weights
from generic_reference import Leg, SlowBook, less
from liquidation_engine import PositionBook

FILE = Path(tempfile.mkdtemp()) / "book"

calls = st.lists(
    st.one_of(
        st.tuples(st.just("set"), positions),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 30), max_size=5)),
        st.tuples(st.just("tick"), prices),
        st.tuples(st.just("weigh"), st.tuples(weights, weights)),
        st.tuples(st.just("rearm"), st.integers(0, 30)),
        st.tuples(st.just("reanchor"), st.none()),
    ),
    max_size=25,
)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(decimals=decimals, exponents=exponents, calls=calls)
def test_every_call_answers_as_the_slow_book_does(
    monkeypatch: pytest.MonkeyPatch,
    kernel: str,
    decimals: list[int],
    exponents: list[int],
    calls: list[tuple[str, Any]],
) -> None:
    monkeypatch.setenv("LIQUIDATION_KERNEL", kernel)
    fast, slow = both(decimals, exponents)
    for call, argument in calls:
        run(fast, slow, call, argument)
    for name, legs in slow.positions.items():
        collateral, debt = fast.health_exact(name)
        assert (collateral, debt) == slow.sums(legs)
        expected = collateral / debt if 0 < max(collateral, debt) < 10**300 and debt else None
        if expected is not None:
            assert fast.health(np.array([name], np.uint64))[0] == pytest.approx(expected, rel=1e-14)
    assert len(fast) == len(slow.positions)
    fast.snapshot(FILE)
    again = PositionBook.restore(FILE)
    assert (again.assets, again.clock, again.kernel) == (fast.assets, fast.clock, kernel)
    for name, legs in slow.positions.items():
        assert again.health_exact(name) == slow.sums(legs)
    run(again, slow, "tick", [price ^ 1 for price in slow.prices])


def nearest_by_walking(slow: SlowBook, legs: list[Leg], asset: int, limit: int) -> int | None:
    today = slow.prices[asset]

    def holds(price: int) -> bool:
        changed = slow.prices.copy()
        changed[asset] = price
        return less(slow.sums(legs, changed))

    for distance in range(limit):
        for price in (today - distance, today + distance):
            if price >= 0 and holds(price):
                return price
    return None


small = st.lists(st.tuples(slots, st.integers(0, 2_000)), max_size=6, unique_by=lambda leg: leg[0])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=ASSETS, max_size=ASSETS),
    small,
    st.lists(st.integers(0, 120), min_size=ASSETS, max_size=ASSETS),
    st.lists(st.sampled_from([9_000, 9_999, 10_000, 10_001]), min_size=2 * ASSETS, max_size=2 * ASSETS),
)
def test_the_liquidation_price_is_the_nearest_at_which_the_exact_rule_says_so(
    decimals: list[int], legs: list[Leg], prices: list[int], weights: list[int]
) -> None:
    fast, slow = both(decimals, [-16 - digits % 2 for digits in decimals])
    for call, argument in [("set", {7: legs}), ("weigh", (weights[:ASSETS], weights[ASSETS:])), ("tick", prices)]:
        run(fast, slow, call, argument)
    for asset in range(ASSETS):
        found, walked = fast.liquidation_price(7, asset), nearest_by_walking(slow, legs, asset, 400)
        if walked is None:
            assert found is None or abs(found - prices[asset]) >= 400
        else:
            assert found == walked


@pytest.mark.parametrize("nearest", [0, 1, 3, 100])
def test_nearest_and_histogram_order_positions_by_health(nearest: int) -> None:
    fast, slow = both([6, 6], [-8, -8])
    everybody = {name: [(0, 1_000 + 7 * name), (3, 1_000 - (name % 5))] for name in range(50)} | {90: [(0, 5)], 91: []}
    run(fast, slow, "set", everybody)
    run(fast, slow, "tick", [10**8, 10**8])
    health = {name: c / d for name, (c, d) in ((n, slow.sums(legs)) for n, legs in everybody.items()) if d}
    assert fast.nearest(nearest).tolist() == sorted(health, key=lambda name: (health[name], name))[:nearest]
    edges = np.array([0.5, 1.05, 1.1, 1.3, max(health.values())])
    assert fast.histogram(edges).tolist() == np.histogram(list(health.values()), edges)[0].tolist()
    assert fast.histogram(np.array([5, np.inf])).tolist() == [2]


def test_the_vectors_that_judge_the_oracle_are_what_plain_python_says() -> None:
    folder = Path(__file__).parent.parent / "vectors"
    made = runpy.run_path(str(folder / "make_generic_legs.py"))
    assert (folder / "generic_legs.txt").read_text().splitlines() == made["lines"]()
    for line in made["lines"]():
        decimals, exponent, mantissa, weight, amount, side, value = map(int, line.split())
        fast, slow = both([decimals], [exponent])
        run(fast, slow, "weigh", ([weight], [weight]))
        run(fast, slow, "tick", [mantissa])
        run(fast, slow, "set", {1: [(side, amount)]})
        assert fast.health_exact(1) == ((0, value) if side else (value, 0))


def test_nothing_is_missed_while_a_new_order_is_laid_on_another_thread() -> None:
    fast, slow = both([6, 6, 9], [-8, -8, -8])
    dice = np.random.default_rng(7)

    def position() -> list[Leg]:
        deposit, debt = 2 * int(dice.integers(3)), 2 * int(dice.integers(3)) + 1
        return [(deposit, 10**7), (debt, int(10**7 * dice.uniform(0.9, 1.01)))]

    run(fast, slow, "tick", [10**8, 10**8, 10**11])
    run(fast, slow, "set", {name: position() for name in range(5_000)})
    for step in range(6):
        fast.reanchor(wait=False)
        run(fast, slow, "set", {int(name): position() for name in dice.integers(0, 5_500, 40)})
        run(fast, slow, "remove", {int(name) for name in dice.integers(0, 5_500, 5)})
        time.sleep(0.01 * step)  # lets the thread end before the tick, or after it
        run(fast, slow, "tick", [int(price * dice.uniform(0.99, 1.01)) for price in (10**8, 10**8, 10**11)])
