"""G10 and G2 after updates: what replacing a position costs, here and in a small book; G11: a new anchor behind the ticks."""

import time
from statistics import median

import numpy as np

from benches.books import filled, timed_tick, updated
from benches.data import Data, data
from benches.rounds import Values, interleaved, quantile
from benches.ticks import lower_and_a_bit_more
from liquidation_engine import PositionBook

UPDATES = 30_000


def updates(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure one update, here and in a book of 10,000, and the tick after 30,000 of them.

    The two books' updates alternate in lots, so that both see the same machine.
    """
    small = data(10_000)
    other = filled(small)
    moves = lower_and_a_bit_more(market.prices)

    def tick_seconds() -> float:
        taken = [timed_tick(book, moves[step % 2])[0] for step in range(6 * rounds)]
        return median(taken[rounds:])

    book.tick(market.prices, 1, 1)
    book.reanchor()
    fresh = tick_seconds()
    dice = np.random.default_rng(5)
    here: list[float] = []
    there: list[float] = []
    for _ in range(min(UPDATES, market.count // 4) // 500):
        here.extend(updated(book, market, dice) for _ in range(500))
        there.extend(updated(other, small, dice) for _ in range(50))
    return {
        "update_us": median(here) * 1e6,
        "G10_update": median(here) / median(there),
        "G2_updates": tick_seconds() / fresh,
    }


def anchors(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure G11: the CPU time of a new anchor, and ticks while one is laid behind them with updates to replay."""
    book.tick(market.prices, 1, 1)
    cpu = []
    for _ in range(max(3, rounds // 4)):
        started = time.thread_time()
        book.reanchor()
        cpu.append(time.thread_time() - started)
    sweep = median(interleaved(rounds, {"sweep": book.screen})["sweep"])
    return {"G11_cpu_ms": median(cpu) * 1e3, "G11_p99": quantile(while_laying(book, market), 0.99) / sweep}


def while_laying(book: PositionBook, market: Data) -> list[float]:
    """Return the seconds of ticks from before a new anchor is begun until after it was swapped in, 1,000 updates between."""
    dice, taken = np.random.default_rng(6), []
    for step in range(1_500):
        if step == 100:
            book.reanchor(wait=False)
        if step % 3 < 2:
            updated(book, market, dice)
        mantissas = market.prices + (market.prices // 1_000_000) * (step % 2)
        taken.append(timed_tick(book, mantissas)[0])
        time.sleep(0.0005)
    return taken
