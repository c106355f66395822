"""Plots and tables of one machine, written to a folder: growth, tick cost against tick size, latency distribution.

    python -m benches.report [--out target/benches] [--sizes 10000 100000 1000000 10000000]

Needs matplotlib (`pip install -e '.[bench]'`). Figures are of the machine that ran it; its load is written beside them.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from benches import growth
from benches.books import filled, timed_tick
from benches.data import ASSETS, DENSITY, data


def main() -> None:
    """Measure, draw and write."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    arguments.add_argument("--out", type=Path, default=Path("target/benches"))
    arguments.add_argument("--sizes", type=int, nargs="+", default=growth.SIZES)
    arguments.add_argument("--rounds", type=int, default=15)
    given = arguments.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    plt.rcParams |= {"svg.hashsalt": "benches", "svg.fonttype": "none"}  # the same figures give the same small file
    rows = growth.measured(given.sizes, given.rounds)
    latencies = latency(min(1_000_000, max(given.sizes)))
    draw_growth(rows, given.out / "growth.svg")
    draw_ticks(rows, given.out / "tick-size.svg")
    draw_latency(latencies, given.out / "latency.svg")
    about = {
        "machine": processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "day": time.strftime("%Y-%m-%d"),
        "data": DENSITY,
        "growth": rows,
        "latency_us": {f"p{share:g}": float(np.percentile(latencies, share)) * 1e6 for share in (50, 90, 99, 99.9)},
    }
    (given.out / "report.json").write_text(json.dumps(about, indent=1) + "\n")
    print(f"written: {', '.join(str(path) for path in sorted(given.out.iterdir()))}")


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def latency(count: int, ticks: int = 20_000) -> list[float]:
    """Return the seconds of ticks of a market in motion: 20 of 64 assets, half a basis point rms each, as G4."""
    market = data(count)
    book, dice = filled(market), np.random.default_rng(7)
    prices, taken = market.prices.astype(float), []
    for step in range(ticks):
        if step % 300 == 0:
            book.reanchor()
        moving = (step + 3 * np.arange(20)) % ASSETS
        prices[moving] *= 1 + 0.5e-4 * (dice.normal() + 0.6 * dice.normal(size=20))
        taken.append(timed_tick(book, prices.astype(np.int64))[0])
    return taken


def draw_growth(rows: Sequence[dict[str, object]], path: Path) -> None:
    """Draw what an operation costs at each size."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    sizes = [row["positions"] for row in rows]
    for name, label in (
        ("screen_us", "sweep (screen)"),
        ("tick_10_bp_us", "tick of 10 bp"),
        ("tick_3_percent_us", "tick of 3 %"),
        ("update_us", "update of one position"),
    ):
        axes.loglog(sizes, [row[name] for row in rows], marker="o", label=label)
    axes.set(xlabel="positions", ylabel="µs", title="Growth")
    finish(figure, axes, path)


def draw_ticks(rows: Sequence[dict[str, object]], path: Path) -> None:
    """Draw what a tick costs by the size of the move, and how many blocks it reads."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    for row in rows:
        ticks = row["ticks"]
        moves = [tick["move"] * 1e4 for tick in ticks]  # type: ignore[attr-defined]
        axes.loglog(moves, [tick["us"] for tick in ticks], marker="o", label=f"{row['positions']:,}")  # type: ignore[attr-defined]
    axes.set(xlabel="fall of one asset, basis points", ylabel="µs in Rust", title="Tick cost against tick size")
    finish(figure, axes, path)


def draw_latency(latencies: list[float], path: Path) -> None:
    """Draw the share of ticks that take longer than so long."""
    figure, axes = plt.subplots(figsize=(7, 4.5))
    shares = np.geomspace(1, 2 / len(latencies), 200)
    axes.loglog(np.quantile(latencies, 1 - shares) * 1e6, shares)
    axes.set(
        xlabel="µs, crossings settled", ylabel="share of ticks that take longer", title="Latency of ticks, from Python"
    )
    finish(figure, axes, path)


def finish(figure: plt.Figure, axes: plt.Axes, path: Path) -> None:
    """Write a figure."""
    axes.grid(visible=True, which="major", alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
