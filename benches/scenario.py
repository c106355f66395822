"""What-if beside numpy: 1,000 scenarios of shocked prices in one call, and as many sweeps with the same sums.

    python -m benches.scenario [--json] [--positions 1000000] [--scenarios 1000] [--rounds 31]

Each round times one call of the book and a few sweeps of numpy, which have everything prepared that no price changes; the
ratio is the median of seconds per scenario over seconds per scenario, one thread each. A falling one means that the
engine became slower beside the same sweeps on the same machine. Counts must be equal and sums agree to 1e-9, or there is no
ratio. Exit code 1: the ratio misses 60 % of its goal.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benches.data import ASSETS, DENSITY, Data, data
from benches.goals import GATE
from benches.side_by_side import book_of

GOAL = 15.0
SWEEPS = 2
"""Sweeps of numpy in a round; the time of one does not depend on the shock."""
Sums = tuple[int, float, float]


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--positions", type=int, default=1_000_000)
    arguments.add_argument("--scenarios", type=int, default=1_000)
    arguments.add_argument("--rounds", type=int, default=31)
    given = arguments.parse_args()
    measured, kernel = measure(given.positions, given.scenarios, given.rounds)
    value = measured["scenario_numpy"]
    row = {"value": value, "goal": GOAL, "direction": "higher", "ok": value >= GATE * GOAL, "at_goal": value >= GOAL}
    if given.json:
        print(json.dumps({name: {"value": figure} for name, figure in measured.items()} | {"scenario_numpy": row}))
    else:
        print(f"{given.scenarios:,} scenarios over {given.positions:,} positions, kernel {kernel}; {DENSITY}")
        for name, figure in measured.items():
            print(f"{name:32} {figure:12.4g}")
    return int(not row["ok"])


def shocks(count: int) -> NDArray[np.float64]:
    """Return scenarios from calm to crash: a common fall of up to 60 %, felt by each asset in its own way, and 5 % of its own."""
    dice = np.random.default_rng(8)
    common = -dice.uniform(0, 0.6, (count, 1)) * (dice.random((count, 1)) < 0.7)
    return np.maximum(common * dice.uniform(0, 1.3, ASSETS) + 0.05 * dice.normal(size=(count, ASSETS)), -0.99)


def measure(positions: int, scenarios: int, rounds: int) -> tuple[dict[str, float], str]:
    """Return every figure by name, and the kernel in use."""
    market, rows = data(positions), shocks(scenarios)
    book, sweep = book_of(market), numpy_sweep(market)
    book.set_positions(market.ids, market.offsets, market.slots, market.amounts)
    counts, debt, shortfall = book.scenario(rows, progress=False)
    for number in range(0, scenarios, max(1, scenarios // 5)):
        same(sweep(rows[number]), (int(counts[number]), float(debt[number]), float(shortfall[number])))
    ours, theirs = [], []
    for number in range(rounds):
        ours.append(seconds(lambda: book.scenario(rows, progress=False)) / scenarios)
        some = rows[number * SWEEPS % scenarios :][:SWEEPS]
        theirs.append(seconds(lambda some=some: [sweep(row) for row in some]) / len(some))
    with_ids = seconds(lambda: book.scenario(rows[:100], ids=True, progress=False)) / len(rows[:100])
    return {
        "scenario_numpy": median(a / b for a, b in zip(theirs, ours, strict=True)),
        "call_seconds": median(ours) * scenarios,
        "scenario_us": median(ours) * 1e6,
        "scenario_with_ids_us": with_ids * 1e6,
        "numpy_sweep_us": median(theirs) * 1e6,
        "liquidatable_share": float(counts.mean()) / positions,
    }, book.kernel


def numpy_sweep(market: Data) -> Callable[[NDArray[np.float64]], Sums]:
    """Return a sweep by gathers and reduceats, the legs of either side apart and their amounts in whole tokens."""
    quantities, is_debt = market.quantities(), market.slots % 2 == 1
    row = np.repeat(np.arange(market.count), np.diff(market.offsets.astype(np.int64)))
    sides = []
    for side, weights in ((~is_debt, market.collateral_bps), (is_debt, market.debt_bps)):
        starts = np.searchsorted(row[side], np.arange(market.count))  # everybody has a leg on each side
        sides.append((quantities[side], (market.slots[side] // 2).astype(np.intp), starts, weights / 1e4))
    dollars = 10.0 ** market.exponents.astype(float)

    def sweep(shock: NDArray[np.float64]) -> Sums:
        prices = np.floor(market.prices * (1 + shock)) * dollars
        weighted, values = [], []
        for quantity, asset, starts, weights in sides:
            value = quantity * prices[asset]
            values.append(np.add.reduceat(value, starts))
            weighted.append(np.add.reduceat(value * weights[asset], starts))
        hit = weighted[0] < weighted[1]
        debt = values[1][hit]
        return int(hit.sum()), float(debt.sum()), float(np.maximum(debt - values[0][hit], 0).sum())

    return sweep


def same(one: Sums, other: Sums) -> None:
    """Fail unless two sweeps say the same; floats may put somebody at the very limit on either side."""
    if abs(one[0] - other[0]) > 2 or not np.allclose(one[1:], other[1:], rtol=1e-5 if one[0] != other[0] else 1e-9):
        raise SystemExit(f"numpy found {one}, the book {other}")


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
