"""Growth from 10,000 to 10,000,000 positions: sweep, tick, update, new anchor and memory at each size.

    python -m benches.growth [--json] [--sizes 10000 100000 1000000 10000000] [--rounds 15]

Each size runs in a process of its own, so that its memory is what that process gained by the book. The rows that G10 has goals
for: the sweep of ten million beside a streaming read of the same bytes, a tick beside the blocks that it read, an update
beside that at the smallest size.
"""

import argparse
import json
import subprocess
import sys
import time
from statistics import median

import numpy as np

from benches import peers
from benches.books import book_of, resident_bytes, updated
from benches.data import DENSITY, Data, data
from benches.rounds import interleaved, quantile, ratio

SIZES = [10_000, 100_000, 1_000_000, 10_000_000]
MOVES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3]
"""Falls of the first asset whose ticks are timed, as parts of its price."""


def main() -> None:
    """Measure every size and print."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--here", action="store_true", help="measure the only size in this process")
    given = arguments.parse_args()
    if given.here:
        print(json.dumps(at(given.sizes[0], given.rounds)))
        return
    rows = measured(given.sizes, given.rounds)
    if given.json:
        print(json.dumps(rows))
        return
    print(DENSITY)
    names = [name for name in rows[0] if name != "ticks"]
    for name in names:
        print(f"{name:26}" + "".join(f"{_shown(row[name]):>14}" for row in rows))


def measured(sizes: list[int], rounds: int) -> list[dict[str, object]]:
    """Return a row per size."""
    rows = []
    for size in sizes:
        command = [sys.executable, "-m", "benches.growth", "--here", "--sizes", str(size), "--rounds", str(rounds)]
        done = subprocess.run(command, cwd=peers.ROOT, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
    return rows


def at(count: int, rounds: int) -> dict[str, object]:
    """Return what a book of so many positions costs."""
    market = data(count)
    before = resident_bytes()
    book = book_of(market)
    started = time.perf_counter()
    book.set_positions(market.ids, market.offsets, market.slots, market.amounts)
    laid = time.perf_counter() - started
    used = resident_bytes() - before
    started = time.thread_time()
    book.reanchor()
    anchored = time.thread_time() - started
    values: dict[str, object] = {
        "positions": count,
        "process_bytes_each": used / count,
        "process_gib": used / 2**30,
        "hot_bytes_each": book.memory()["hot"] / count,
        "laid_per_second": count / laid,
        "anchor_cpu_ms": anchored * 1e3,
    }
    dice = np.random.default_rng(5)
    library = peers.library()
    if library is None:
        raise SystemExit("cargo could not build rust/bench-peers, which times the ticks")
    words = np.ones(book.memory()["hot"] // 8 // 64 * 64, np.uint64)
    taken = interleaved(rounds, {"screen": book.screen, "read": lambda: peers.read(library, words)})
    updates = [updated(book, market, dice) for _ in range(2_000)]
    del book
    ticks = ticks_of(peers.Rust(library, market), market, rounds)
    by_move = {tick["move"]: tick for tick in ticks}
    return values | {
        "screen_us": median(taken["screen"]) * 1e6,
        "screen_to_read": ratio(taken["screen"], taken["read"]),
        "update_us": median(updates) * 1e6,
        "update_p99_us": quantile(updates, 0.99) * 1e6,
        "tick_10_bp_us": by_move[1e-3]["us"],
        "tick_10_bp_blocks": by_move[1e-3]["blocks"],
        "tick_3_percent_us": by_move[3e-2]["us"],
        "tick_3_percent_blocks": by_move[3e-2]["blocks"],
        "ticks": ticks,
    }


def ticks_of(book: peers.Rust, market: Data, rounds: int) -> list[dict[str, float]]:
    """Return the time of a tick that leaves the first asset so far down, crossings told before, and the blocks it read."""
    book.fill()
    book.tick(market.prices)
    ticks = []
    for move in MOVES:
        book.reanchor()
        low = market.prices.copy()
        low[0] = int(low[0] * (1 - move))
        lower = low.copy()
        lower[0] -= max(1, int(low[0]) // 1_000_000)
        for prices in (lower, low, lower):
            book.tick(prices)
        taken = [book.tick((low, lower)[step % 2]) for step in range(max(30, 4 * rounds))]
        seconds = [tick[0] for tick in taken]
        ticks.append(
            {
                "move": move,
                "us": median(seconds) * 1e6,
                "p99_us": quantile(seconds, 0.99) * 1e6,
                "blocks": median(tick[2] for tick in taken),
            }
        )
        book.tick(market.prices)
    book.free()
    return ticks


def _shown(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) and value < 1e4 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
