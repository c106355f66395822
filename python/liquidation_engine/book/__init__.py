"""2 · Every position of a market, judged in exact integers at the prices that the program will read.

Before it: ingest, which brings accounts and slots. After it: detect, which publishes what crossed and sweeps what stands. The
book is compiled from Rust (`liquidation_engine._core`); this package names what its users need of it.
"""

from liquidation_engine._core import (
    ArgumentError,
    BookBroken,
    Change,
    MarketBook,
    Markets,
    PositionBook,
    Quote,
    Refused,
    UnknownPosition,
)

__all__ = [
    "ArgumentError",
    "BookBroken",
    "Change",
    "MarketBook",
    "Markets",
    "PositionBook",
    "Quote",
    "Refused",
    "UnknownPosition",
]
