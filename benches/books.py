"""The book under test, filled from the benches' data, and calls on it that several modules time."""

import ctypes
import time

import numpy as np
from numpy.typing import NDArray

from benches.data import ASSETS, Data
from liquidation_engine import PositionBook


def book_of(market: Data) -> PositionBook:
    """Return a book with the market's prices and weights and no positions yet."""
    book = PositionBook([f"asset {number}" for number in range(ASSETS)], market.decimals, market.exponents)
    book.set_weights(market.collateral_bps, market.debt_bps)
    book.tick(market.prices, 1, 1)
    return book


def filled(market: Data) -> PositionBook:
    """Return a book of all positions, freshly anchored."""
    book = book_of(market)
    book.set_positions(market.ids, market.offsets, market.slots, market.amounts)
    book.reanchor()
    return book


def timed_tick(book: PositionBook, mantissas: NDArray[np.int64]) -> tuple[float, int]:
    """Return the seconds of a tick and how many crossings and recoveries it told."""
    started = time.perf_counter()
    crossed, recovered = book.tick(mantissas, 1, 1)
    return time.perf_counter() - started, crossed.size + recovered.size


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


def resident_bytes() -> int:
    """Return what the process holds in memory, once it has given back what it had freed."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
