"""The goals table, each operation interleaved with what one would use otherwise.

    python -m benches.side_by_side [--json] [--positions 1000000] [--rounds 31] [--gate]

Ratios are medians of interleaved rounds in one run, one thread; a falling one means that the book became slower beside the
same peers on the same machine. G1, G2 and G4 time the screen and what it makes the book look at; G2's prices move so that
few positions cross. A peer that is not installed leaves its row empty. Exit code 1: a ratio misses 60 % of its goal. With
--gate only the rows that fail are named, what missed is measured once more before it counts (machines are shared), and the
sweep of ten million is left out.
"""

import argparse
import json
import os
import time

from benches import growth
from benches.accounts import accounts
from benches.books import book_of, filled, resident_bytes
from benches.data import DENSITY, Data, data
from benches.goals import goals, judged
from benches.protocols import protocols
from benches.rounds import Values
from benches.sweep import sweeps
from benches.ticks import ticks, walks
from benches.upkeep import anchors, updates

LARGE = 10_000_000


def main() -> int:
    """Measure, print, and return the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--gate", action="store_true")
    arguments.add_argument("--positions", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=31)
    given = arguments.parse_args()
    values, kernel = measured(given.positions, given.rounds)
    if not given.gate:
        values["G10_bytes"] = growth.measured([LARGE], 5)[0]["screen_to_read"]  # type: ignore[assignment]
    if given.gate and failed(values, kernel):
        again, _ = measured(given.positions, given.rounds)
        values |= {name: again[name] for name in failed(values, kernel)}
    if given.json:
        print(json.dumps(judged(values, kernel)))
    elif given.gate:
        print_failures(values, kernel)
    else:
        print_table(values, kernel, given.positions)
    return int(bool(failed(values, kernel)))


def failed(values: Values, kernel: str) -> list[str]:
    """Return the rows that miss the gate."""
    return [name for name, row in judged(values, kernel).items() if row["ok"] is False]


def print_failures(values: Values, kernel: str) -> None:
    rows = judged(values, kernel)
    wrong = failed(values, kernel)
    for name in wrong:
        row, goal = rows[name], goals(kernel)[name]
        print(f"{name}: found {row['value']:.4g}, expected {goal.direction} than 60 % of {goal.value:.4g}: {goal.says}")
    measured_rows = sum(row["value"] is not None for row in rows.values())
    print(f"benches: {measured_rows - len(wrong)} of {measured_rows} rows pass, kernel {kernel}")


def print_table(values: Values, kernel: str, positions: int) -> None:
    rows, load = judged(values, kernel), os.getloadavg()[0]
    print(f"{positions:,} positions, kernel {kernel}, load {load:.1f} on {os.cpu_count()} cores; {DENSITY}")
    for name, goal in goals(kernel).items():
        value, mark = rows[name]["value"], {None: "-", True: "yes", False: "NO"}[rows[name]["at_goal"]]  # type: ignore[index]
        shown = "not measured" if value is None else f"{value:12.4g}"
        print(f"{name:16} {shown:>12}  {goal.direction:6} {goal.value:<9.4g} {mark:4} {goal.says}")
    for name, value in values.items():
        if name not in rows and value is not None:
            print(f"{name:32} {value:12.4g}")


def measured(count: int, rounds: int) -> tuple[Values, str]:
    """Return every value by name, and the kernel in use."""
    market = data(count)
    laying = [lay_seconds(market) for _ in range(3)]
    before = resident_bytes()
    book = filled(market)
    values: Values = {"G13_per_second": count / min(laying)}
    values["G9_total"] = (resident_bytes() - before) / count
    values["G9_hot"] = book.memory()["hot"] / count
    values["memory_told_per_position"] = book.memory()["total"] / count
    for measure in (sweeps, ticks, walks, updates, anchors):
        values |= measure(book, market, rounds)
    return values | accounts(min(count, 1_000_000), rounds) | protocols(rounds), book.kernel


def lay_seconds(market: Data) -> float:
    """Return what laying all positions from columns takes."""
    book = book_of(market)
    started = time.perf_counter()
    book.set_positions(market.ids, market.offsets, market.slots, market.amounts)
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
