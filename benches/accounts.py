"""The reference protocol's market: G3, an account's bytes decoded, judged and indexed, in Rust, through Python, and driftpy's part.

Beside it the exact rule alone (G6), a cold start from one buffer (G13) and one price taken by a market of so many. Absolute
figures are those of the least disturbed round.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median

from benches import peers
from benches.rounds import Values
from liquidation_engine import PositionBook

POSITIONS = 10_000
PROGRAM, MARKET = bytes([9] * 32), bytes([8] * 32)
DRIFTPY = Path(os.environ.get("LIQUIDATION_DRIFTPY", peers.ROOT / ".venv-driftpy")) / "bin" / "python"


def accounts(count: int, rounds: int) -> Values:
    """Measure it on 10,000 positions of five legs; driftpy only decodes the same shape, which favours it."""
    library = peers.library()
    if library is None:
        return dict.fromkeys(
            ("G3_reference_us", "G3_python_us", "G3_driftpy", "G6_reference_us", "G13_reference_per_second")
        )
    reference = peers.Reference(library, POSITIONS)
    book, states = PositionBook.for_market("reference", PROGRAM, MARKET), reference.accounts()
    book.tick(1, 1)
    for address, data in states:
        book.apply(address, PROGRAM, 1, data)
    positions, inside, around = states[-POSITIONS:], [], []
    for slot in range(2, 2 + max(5, rounds // 3)):
        inside.append(reference.apply())
        started = time.perf_counter()
        for address, data in positions:
            book.apply(address, PROGRAM, slot, data)
        around.append((time.perf_counter() - started) / POSITIONS)
    judged = min(reference.judge() for _ in range(5))
    reference.free()
    driftpy = driftpy_seconds()
    return {
        "G3_reference_us": min(inside) * 1e6,
        "G3_python_us": min(around) * 1e6,
        "driftpy_us": driftpy and driftpy * 1e6,
        "G3_driftpy": driftpy and driftpy / min(inside),
        "G6_reference_us": judged * 1e6,
    } | market_of(peers.Reference(library, count), rounds)


def market_of(reference: peers.Reference, rounds: int) -> Values:
    """Measure the cold start of a large market, and one price 10 bp lower that reaches 5/16 of its positions."""
    filled = [reference.fill() for _ in range(3)]
    prices = [reference.price(999_000 - step % 2) for step in range(10 * rounds)]
    reference.free()
    return {"G13_reference_per_second": max(filled), "reference_price_us": median(prices[rounds:]) * 1e6}


def driftpy_seconds() -> float | None:
    """Return what driftpy takes to decode a user of five deposits and debts, None without its environment."""
    if not DRIFTPY.exists():
        return None
    script = Path(__file__).parent / "peers_env" / "driftpy_decode.py"
    done = subprocess.run([DRIFTPY, script], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["seconds"])
