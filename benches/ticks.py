"""G2, G6 and G12: one tick of the asset that most positions hold; G4: 20 correlated assets at a time."""

import sys
import time
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benches import peers
from benches.books import filled, timed_tick
from benches.data import ASSETS, Data
from benches.rounds import Values, interleaved, quantile, ratio
from liquidation_engine import PositionBook

HOT = 20
"""Ticks in a row that make a hot one."""
EVICTING_WORDS = 16 << 20
"""Words that leave nothing else in any cache: 128 MiB."""


def ticks(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure G2, G6 and G12: the other assets 5 bp off, hot and evicted."""
    dice = np.random.default_rng(2)
    prices = (market.prices * (1 + 5e-4 * dice.normal(size=ASSETS))).astype(np.int64)
    book.tick(prices, 1, 1)
    book.reanchor()
    moves = lower_and_a_bit_more(prices)
    numpy = peers.numpy_tick(market, 0)
    state = iter(range(sys.maxsize))

    def several() -> None:
        for step in range(HOT):
            book.tick(moves[step % 2], 1, 1)

    peer = {"numpy": lambda: numpy(moves[next(state) % 2])}
    hot = interleaved(rounds, {**peer, "warm": several, "tick": several})
    hot["tick"] = [seconds / HOT for seconds in hot["tick"]]
    values: Values = {
        "tick_hot_us": median(hot["tick"]) * 1e6,
        "numpy_tick_us": median(hot["numpy"]) * 1e6,
        "G2_numpy": ratio(hot["numpy"], hot["tick"]),
        "G2_worst": worst(book, prices, rounds),
    }
    return values | beside_rust(market, prices, moves, rounds)


def lower_and_a_bit_more(prices: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return prices with the first asset 10 bp lower, and a millionth more."""
    low = prices.copy()
    low[0] = int(prices[0] * 0.999)
    lower = low.copy()
    lower[0] -= max(1, prices[0] // 1_000_000)
    return [low, lower]


def worst(book: PositionBook, prices: NDArray[np.int64], rounds: int) -> float:
    """Return the dearest tick beside the sweep, over moves of 1 bp to 50 %, crossings made before the timed tick."""
    dearest = 0.0
    for move in (1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5):
        for sign in (1, -1):
            moved = prices.copy()
            moved[0] = int(prices[0] * (1 + sign * move))
            book.tick(moved, 1, 1)
            calls = {"tick": lambda moved=moved: book.tick(moved, 1, 1), "sweep": book.sweep}
            taken = interleaved(max(5, rounds // 5), calls)
            dearest = max(dearest, ratio(taken["tick"], taken["sweep"]))
    book.tick(prices, 1, 1)
    book.reanchor()
    return dearest


def beside_rust(market: Data, prices: NDArray[np.int64], moves: list[NDArray[np.int64]], rounds: int) -> Values:
    """Measure what Python's own cost would blur, on the same book without Python around it: G2 evicted, G6, G12.

    With every cache evicted the interpreter itself is slow to come back, so that tick is timed inside.
    """
    rust = peers.rust(market)
    if rust is None:
        return {"G2_evicted": None, "G6_generic_us": None, "G12_us": None}
    rust.fill()
    book = filled(market)
    rust.tick(prices), book.tick(prices, 1, 1), rust.reanchor(), book.reanchor()
    junk = np.ones(EVICTING_WORDS, np.uint64)
    cold, swept = [], []
    for step in range(rounds):
        junk.sum()
        cold.append(rust.tick(moves[step % 2])[0])
        junk.sum()
        started = time.perf_counter()
        book.screen()
        swept.append(time.perf_counter() - started)
    differences, inside = [], []
    for step in range(20 * rounds):
        here = moves[step % 2]
        there = [rust.tick(here)[0] for _ in range(3)]
        around = [timed_tick(book, here)[0] for _ in range(3)]
        differences.append(around[-1] - there[-1])
        inside.append(there[-1])
    confirmed = median(rust.confirm() for _ in range(5))
    rust.free()
    return {
        "G2_evicted": ratio(swept, cold),
        "tick_evicted_us": median(cold) * 1e6,
        "sweep_evicted_us": median(swept) * 1e6,
        "G6_generic_us": confirmed * 1e6,
        "G12_us": median(differences) * 1e6,
        "tick_in_rust_us": median(inside) * 1e6,
    }


def walks(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure G4: 20 of 64 assets at a time, correlated; ordered anew every 30 s, every 5 s under stress.

    The screen's time is that of the tick after, every price of the batch one unit further; the first tick, which settles the
    crossings too, is reported beside it.
    """
    values: Values = {}
    for name, step, batches in (("G4", 0.5e-4, 300), ("G4_stress", 5e-4, 50)):
        dice = np.random.default_rng(4)
        prices = market.prices.astype(float)
        screened, whole, swept, told = [], [], [], 0
        for batch in range(20 * rounds):
            if batch % batches == 0:
                book.reanchor()  # on a thread of its own otherwise
            common = step * dice.normal()
            moving = (batch + 3 * np.arange(20)) % ASSETS
            prices[moving] *= 1 + common + 0.6 * step * dice.normal(size=20)
            mantissas = prices.astype(np.int64)
            seconds, crossed = timed_tick(book, mantissas)
            whole.append(seconds)
            told += crossed
            mantissas[moving] += 1
            screened.append(timed_tick(book, mantissas)[0])
            if batch % 20 == 0:
                started = time.perf_counter()
                book.screen()
                swept.append(time.perf_counter() - started)
        sweep = median(swept)
        values |= {
            f"{name}_p50": median(screened) / sweep,
            f"{name}_p99": quantile(screened, 0.99) / sweep,
            f"{name}_with_crossings_p50_us": median(whole) * 1e6,
            f"{name}_with_crossings_p99_us": quantile(whole, 0.99) * 1e6,
            f"{name}_crossings_per_tick": told / len(whole),
        }
    book.tick(market.prices, 1, 1)
    book.reanchor()
    return values
