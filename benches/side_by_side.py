"""The goals of the generic market, each operation interleaved with what one would use otherwise.

    python -m benches.side_by_side [--json] [--positions 1000000] [--rounds 31]

Ratios are medians of interleaved rounds in one run, one thread; a falling one means that the book became slower beside the
same peers on the same machine. G1, G2 and G4 time the screen and what it makes the book look at; G2's prices move so that
few positions cross. A peer that is not installed leaves its row empty. Exit code 1: a ratio misses 60 % of its goal.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benches import peers
from benches.data import ASSETS, DENSITY, Data, data
from benches.goals import goals, judged
from liquidation_engine import PositionBook

Values = dict[str, float | None]
UPDATES = 30_000
HOT = 20
"""Ticks in a row that make a hot one."""


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--positions", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=31)
    given = arguments.parse_args()
    values, kernel = measured(given.positions, given.rounds)
    rows = judged(values, kernel)
    if given.json:
        print(json.dumps(rows))
    else:
        print(f"{given.positions:,} positions, kernel {kernel}; {DENSITY}")
        for name, goal in goals(kernel).items():
            value, mark = rows[name]["value"], {None: "-", True: "yes", False: "NO"}[rows[name]["at_goal"]]  # type: ignore[index]
            shown = "not measured" if value is None else f"{value:12.4g}"
            print(f"{name:16} {shown:>12}  {goal.direction:6} {goal.value:<9.4g} {mark:4} {goal.says}")
        for name, value in values.items():
            if name not in rows and value is not None:
                print(f"{name:32} {value:12.4g}")
    return int(any(row["ok"] is False for row in rows.values()))


def measured(count: int, rounds: int) -> tuple[Values, str]:
    """Return every value by name, and the kernel in use."""
    market = data(count)
    before = resident_bytes()
    book = book_of(market)
    started = time.perf_counter()
    book.set_positions(market.ids, market.offsets, market.slots, market.amounts)
    values: Values = {"G13_per_second": count / (time.perf_counter() - started)}
    book.reanchor()
    values["G9_total"] = (resident_bytes() - before) / count
    values["G9_hot"] = book.memory()["hot"] / count
    values["memory_told_per_position"] = book.memory()["total"] / count
    values |= sweeps(book, market, rounds)
    values |= ticks(book, market, rounds)
    values |= walks(book, market, rounds)
    values |= updates(book, market, rounds)
    values |= anchors(book, market, rounds)
    return values, book.kernel


def book_of(market: Data) -> PositionBook:
    """Return a book with the market's prices and weights and no positions yet."""
    book = PositionBook([f"asset {number}" for number in range(ASSETS)], market.decimals, market.exponents)
    book.set_weights(market.collateral_bps, market.debt_bps)
    book.tick(market.prices, 1, 1)
    return book


def interleaved(rounds: int, calls: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the seconds of each call in each round; every call is made once before, to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - started)
    return taken


def ratio(one: list[float], other: list[float]) -> float:
    return median(a / b for a, b in zip(one, other, strict=True))


def sweeps(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure G1: the screen of a full sweep beside its peers, everything 0.05 % off the anchor."""
    dice = np.random.default_rng(1)
    prices = (market.prices * (1 + 5e-4 * dice.normal(size=ASSETS))).astype(np.int64)
    book.tick(prices, 1, 1)
    words = np.ones(book.memory()["hot"] // 8 // 64 * 64, np.uint64)
    rust, numba, numpy = peers.rust(market), peers.numba_sweep(market), peers.numpy_sweep(market)
    calls: dict[str, Callable[[], object]] = {
        "screen": book.screen,
        "sweep": book.sweep,
        "numpy": lambda: numpy(prices),
    }
    if numba is not None:
        calls["numba"] = lambda: numba(prices)
    if rust is not None:
        calls |= {"csr": lambda: rust.csr(prices), "read": lambda: rust.read(words)}
    taken = interleaved(rounds, calls)
    values: Values = {f"{name}_us": median(times) * 1e6 for name, times in taken.items()}
    values["G1_numpy"] = ratio(taken["numpy"], taken["screen"])
    values["G1_numba"] = ratio(taken["numba"], taken["screen"]) if numba else None
    values["G1_csr"] = ratio(taken["csr"], taken["screen"]) if rust else None
    values["G1_bytes"] = ratio(taken["screen"], taken["read"]) if rust else None
    values["liquidatable"] = book.sweep().size
    book.tick(market.prices, 1, 1)
    return values


def ticks(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure G2 and G12: one tick of the asset that most positions hold, others 5 bp off, hot and evicted."""
    dice = np.random.default_rng(2)
    prices = (market.prices * (1 + 5e-4 * dice.normal(size=ASSETS))).astype(np.int64)
    book.tick(prices, 1, 1)
    book.reanchor()
    low = prices.copy()
    low[0] = int(prices[0] * 0.999)
    lower, junk = low.copy(), np.ones(16 << 20, np.uint64)
    lower[0] -= max(1, prices[0] // 1_000_000)
    numpy = peers.numpy_tick(market, 0)
    state = iter(range(sys.maxsize))

    def tick() -> None:
        book.tick(low if next(state) % 2 else lower, 1, 1)

    def several() -> None:
        for _ in range(HOT):
            tick()

    hot = interleaved(
        rounds, {"numpy": lambda: numpy(low if next(state) % 2 else lower), "warm": several, "tick": several}
    )
    hot["tick"] = [seconds / HOT for seconds in hot["tick"]]
    cold = interleaved(rounds, {"evict": junk.sum, "tick": tick, "sweep": book.screen})
    values: Values = {
        "tick_hot_us": median(hot["tick"]) * 1e6,
        "tick_evicted_us": median(cold["tick"]) * 1e6,
        "numpy_tick_us": median(hot["numpy"]) * 1e6,
        "G2_numpy": ratio(hot["numpy"], hot["tick"]),
        "G2_evicted": ratio(cold["sweep"], cold["tick"]),
        "G2_worst": worst(book, prices, rounds),
    }
    return values | beside_rust(market, prices, [low, lower], rounds)


def worst(book: PositionBook, prices: NDArray[np.int64], rounds: int) -> float:
    """Return the dearest tick beside the sweep, over moves of 1 bp to 50 %, crossings made before the timed tick."""
    dearest = 0.0
    for move in (1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5):
        for sign in (1, -1):
            moved = prices.copy()
            moved[0] = int(prices[0] * (1 + sign * move))
            book.tick(moved, 1, 1)
            taken = interleaved(
                max(3, rounds // 5), {"tick": lambda moved=moved: book.tick(moved, 1, 1), "sweep": book.sweep}
            )
            dearest = max(dearest, ratio(taken["tick"], taken["sweep"]))
    book.tick(prices, 1, 1)
    book.reanchor()
    return dearest


def beside_rust(market: Data, prices: NDArray[np.int64], moves: list[NDArray[np.int64]], rounds: int) -> Values:
    """Measure G6 and G12: the same tick on the same book without Python around it."""
    rust = peers.rust(market)
    if rust is None:
        return {"G6_generic_us": None, "G12_us": None}
    rust.fill()
    book = book_of(market)
    book.set_positions(market.ids, market.offsets, market.slots, market.amounts)
    differences, inside = [], []
    rust.tick(prices), book.tick(prices, 1, 1), rust.reanchor(), book.reanchor()
    for step in range(20 * rounds):
        here, there = moves[step % 2], []
        there.extend(rust.tick(here)[0] for _ in range(3))
        times = []
        for _ in range(3):
            started = time.perf_counter()
            book.tick(here, 1, 1)
            times.append(time.perf_counter() - started)
        differences.append(times[-1] - there[-1])
        inside.append(there[-1])
    confirmed = median(rust.confirm() for _ in range(5))
    rust.free()
    return {
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
        dice, prices = np.random.default_rng(4), market.prices.astype(float)
        book.tick(market.prices, 1, 1)
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
            f"{name}_p99": float(np.quantile(screened, 0.99)) / sweep,
            f"{name}_with_crossings_p50_us": median(whole) * 1e6,
            f"{name}_with_crossings_p99_us": float(np.quantile(whole, 0.99)) * 1e6,
            f"{name}_crossings_per_tick": told / len(whole),
        }
    book.tick(market.prices, 1, 1)
    book.reanchor()
    return values


def timed_tick(book: PositionBook, mantissas: NDArray[np.int64]) -> tuple[float, int]:
    """Return the seconds of a tick and how many crossings and recoveries it told."""
    started = time.perf_counter()
    crossed, recovered = book.tick(mantissas, 1, 1)
    return time.perf_counter() - started, crossed.size + recovered.size


def updates(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure one update, here and in a small book, and the tick after 30,000 of them."""
    small = data(10_000)
    other = book_of(small)
    other.set_positions(small.ids, small.offsets, small.slots, small.amounts)
    other.reanchor()
    low = market.prices.copy()
    low[0] = int(low[0] * 0.999)
    pair = [low, low + (np.arange(ASSETS) == 0) * max(1, int(low[0]) // 1_000_000)]

    def tick_seconds() -> float:
        taken = []
        for step in range(6 * rounds):
            started = time.perf_counter()
            book.tick(pair[step % 2], 1, 1)
            taken.append(time.perf_counter() - started)
        return median(taken[rounds:])

    book.tick(market.prices, 1, 1)
    book.reanchor()
    fresh = tick_seconds()
    dice = np.random.default_rng(5)
    here = [updated(book, market, dice) for _ in range(min(UPDATES, market.count // 4))]
    there = [updated(other, small, dice) for _ in range(2_500)]
    return {
        "update_us": median(here) * 1e6,
        "G10_update": median(here) / median(there),
        "G2_updates": tick_seconds() / fresh,
    }


def updated(book: PositionBook, market: Data, dice: np.random.Generator) -> float:
    """Return the seconds of replacing one position by itself with amounts up to 1 % off."""
    place = int(dice.integers(market.count))
    legs = slice(int(market.offsets[place]), int(market.offsets[place + 1]))
    amounts = (market.amounts[legs] * dice.uniform(0.99, 1.01, legs.stop - legs.start)).astype(np.uint64)
    offsets = np.array([0, amounts.size], np.uint32)
    ids, slots = market.ids[place : place + 1], market.slots[legs]
    started = time.perf_counter()
    book.set_positions(ids, offsets, slots, amounts)
    return time.perf_counter() - started


def anchors(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure G11: the CPU time of a new anchor, and ticks while one is laid behind them with updates to replay."""
    book.tick(market.prices, 1, 1)
    cpu = []
    for _ in range(max(3, rounds // 6)):
        started = time.thread_time()
        book.reanchor()
        cpu.append(time.thread_time() - started)
    sweep = median(interleaved(rounds, {"sweep": book.screen})["sweep"])
    return {"G11_cpu_ms": median(cpu) * 1e3, "G11_p99": while_laying(book, market) / sweep}


def while_laying(book: PositionBook, market: Data) -> float:
    """Return the 99th percentile of ticks from before a new anchor is begun until after it was swapped in, 1,000 updates between."""
    dice, taken = np.random.default_rng(6), []
    for step in range(1_500):
        if step == 100:
            book.reanchor(wait=False)
        if step % 3 < 2:
            updated(book, market, dice)
        mantissas = market.prices + (market.prices // 1_000_000) * (step % 2)
        started = time.perf_counter()
        book.tick(mantissas, 1, 1)
        taken.append(time.perf_counter() - started)
        time.sleep(0.0005)
    return float(np.quantile(taken, 0.99))


def resident_bytes() -> int:
    """Return what the process holds in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    raise SystemExit(main())
