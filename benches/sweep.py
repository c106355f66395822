"""G1: the screen of a full sweep beside numpy, numba, a plain Rust loop and a streaming read of the same bytes."""

from collections.abc import Callable
from statistics import median

import numpy as np

from benches import peers
from benches.data import ASSETS, Data
from benches.rounds import Values, interleaved, ratio
from liquidation_engine import PositionBook


def sweeps(book: PositionBook, market: Data, rounds: int) -> Values:
    """Measure it with every price 0.05 % off the anchor.

    `numpy` sums collateral and debt by two reduceats, as the goals describe; `numpy_signed` one signed sum, which is
    the fastest that numpy does: printed beside.
    """
    dice = np.random.default_rng(1)
    prices = (market.prices * (1 + 5e-4 * dice.normal(size=ASSETS))).astype(np.int64)
    book.tick(prices, 1, 1)
    words = np.ones(book.memory()["hot"] // 8 // 64 * 64, np.uint64)
    library, numba = peers.library(), peers.numba_sweep(market)
    rust = peers.Rust(library, market) if library else None
    numpy, signed = peers.numpy_sweep(market), peers.numpy_signed_sweep(market)
    calls: dict[str, Callable[[], object]] = {
        "screen": book.screen,
        "sweep": book.sweep,
        "numpy": lambda: numpy(prices),
        "numpy_signed": lambda: signed(prices),
    }
    if numba is not None:
        calls["numba"] = lambda: numba(prices)
    if library is not None and rust is not None:
        calls |= {"csr": lambda: rust.csr(prices), "read": lambda: peers.read(library, words)}
    taken = interleaved(rounds, calls)
    values: Values = {f"{name}_us": median(times) * 1e6 for name, times in taken.items()}
    values |= {
        "G1_numpy": ratio(taken["numpy"], taken["screen"]),
        "numpy_signed_ratio": ratio(taken["numpy_signed"], taken["screen"]),
        "G1_numba": ratio(taken["numba"], taken["screen"]) if numba else None,
        "G1_csr": ratio(taken["csr"], taken["screen"]) if rust else None,
        "G1_bytes": ratio(taken["screen"], taken["read"]) if rust else None,
        "liquidatable": book.sweep().size,
    }
    book.tick(market.prices, 1, 1)
    return values
