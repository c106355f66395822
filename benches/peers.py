"""What the book is measured against: numpy, numba, a plain Rust loop, a streaming read, and the book without Python."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benches.data import Data

ROOT = Path(__file__).parent.parent
Sweep = Callable[[NDArray[np.int64]], int]


def numpy_sweep(data: Data) -> Sweep:
    """Return a full sweep by a reduceat for collateral and one for debt, everything that does not change prepared."""
    quantities, debts = data.quantities(), data.slots % 2 == 1
    counts = np.diff(data.offsets.astype(np.int64))
    row = np.repeat(np.arange(data.count), counts)
    sides = []
    for side in (~debts, debts):
        legs = np.bincount(row[side], minlength=data.count)
        starts = np.r_[0, np.cumsum(legs)[:-1]]
        sides.append((quantities[side], data.slots[side].astype(np.intp), starts))

    def sweep(prices: NDArray[np.int64]) -> int:
        table = data.table(prices)
        collateral, debt = (np.add.reduceat(legs * table[slots], starts) for legs, slots, starts in sides)
        return int(np.flatnonzero(collateral < -debt).size)

    return sweep


def numpy_signed_sweep(data: Data) -> Sweep:
    """Return a full sweep by one signed reduceat: no health comes of it, and nothing that numpy does is faster."""
    quantities, starts, slots = data.quantities(), data.offsets[:-1].astype(np.intp), data.slots.astype(np.intp)

    def sweep(prices: NDArray[np.int64]) -> int:
        return int(np.flatnonzero(np.add.reduceat(quantities * data.table(prices)[slots], starts) < 0).size)

    return sweep


def numpy_tick(data: Data, asset: int) -> Sweep:
    """Return a tick of one asset on an inverse index: the holders' cached net values plus what the asset's move adds."""
    quantities, row = data.quantities(), np.repeat(np.arange(data.count), np.diff(data.offsets.astype(np.int64)))
    table = data.table(data.prices)
    net = np.bincount(row, quantities * table[data.slots], data.count)
    mine = data.slots // 2 == asset
    per_dollar = quantities[mine] * table[data.slots[mine]] / data.prices[asset]
    exposure = np.bincount(row[mine], per_dollar, data.count)
    holders = np.unique(row[mine])
    moved, last = exposure[holders], [float(data.prices[asset])]

    def tick(prices: NDArray[np.int64]) -> int:
        now = net[holders] + moved * (float(prices[asset]) - last[0])
        net[holders], last[0] = now, float(prices[asset])  # the next tick may be another asset's
        return int(holders[now < 0].size)

    return tick


def numba_sweep(data: Data) -> Sweep | None:
    """Return a full sweep compiled by numba, or None where it is not installed."""
    try:
        from numba import njit
    except ImportError:
        return None

    def count(offsets, slots, quantities, table):  # type: ignore[no-untyped-def]
        below = 0
        for position in range(offsets.size - 1):
            total = 0.0
            for leg in range(offsets[position], offsets[position + 1]):
                total += quantities[leg] * table[slots[leg]]
            below += total < 0.0
        return below

    compiled, quantities = njit(fastmath=True)(count), data.quantities()
    return lambda prices: int(compiled(data.offsets, data.slots, quantities, data.table(prices)))


class _World(ctypes.Structure):
    _fields_ = [
        (name, kind)
        for name, kind in [
            ("assets", ctypes.c_size_t),
            *((name, ctypes.c_void_p) for name in ("decimals", "exponents", "prices", "collateral_bps", "debt_bps")),
            ("positions", ctypes.c_size_t),
            *((name, ctypes.c_void_p) for name in ("ids", "offsets", "slots", "amounts")),
        ]
    ]


class Rust:
    """The library of `rust/bench-peers` on one market."""

    def __init__(self, library: ctypes.CDLL, data: Data) -> None:
        library.peer_csr.restype = ctypes.c_uint64
        library.book_new.restype = ctypes.c_void_p
        library.book_tick.restype = library.book_confirm.restype = ctypes.c_double
        self._library, self._data, self._quantities = library, data, data.quantities()
        columns = {name: getattr(data, name).ctypes.data for name, kind in _World._fields_ if kind is ctypes.c_void_p}
        self._world = _World(assets=data.prices.size, positions=data.count, **columns)
        self._book: int | None = None

    def csr(self, prices: NDArray[np.int64]) -> int:
        """Sweep by a plain loop over compressed rows."""
        quantities, table = self._quantities, self._data.table(prices)
        return self._library.peer_csr(ctypes.byref(self._world), _pointer(quantities), _pointer(table))

    def fill(self) -> None:
        """Make the book that the calls below time."""
        self._book = self._library.book_new(ctypes.byref(self._world))

    def reanchor(self) -> None:
        self._library.book_reanchor(ctypes.c_void_p(self._book))

    def tick(self, prices: NDArray[np.int64]) -> tuple[float, int, int]:
        """Tick and return (seconds, crossings told, blocks read)."""
        told, read = ctypes.c_uint64(), ctypes.c_uint64()
        book = ctypes.c_void_p(self._book)
        taken = self._library.book_tick(book, _pointer(prices), ctypes.byref(told), ctypes.byref(read))
        return taken / 1e9, told.value, read.value

    def confirm(self) -> float:
        """Return the seconds of the exact rule per position, each asked once."""
        return (
            self._library.book_confirm(ctypes.c_void_p(self._book), ctypes.byref(self._world)) / 1e9 / self._data.count
        )

    def free(self) -> None:
        self._library.book_free(ctypes.c_void_p(self._book))


class Reference:
    """The reference protocol's market of `rust/bench-peers`, as accounts and as a book."""

    def __init__(self, library: ctypes.CDLL, positions: int) -> None:
        library.reference_new.restype = ctypes.c_void_p
        for function in (
            library.reference_apply,
            library.reference_price,
            library.reference_judge,
            library.reference_fill,
        ):
            function.restype = ctypes.c_double
        library.reference_account.restype = ctypes.c_size_t
        self._library = library
        self._market = ctypes.c_void_p(library.reference_new(ctypes.c_uint32(positions)))
        if not self._market:
            raise RuntimeError("the reference book refused the benches' accounts")

    def apply(self) -> float:
        """Take another state of every position and return the seconds per account."""
        return self._library.reference_apply(self._market) / 1e9

    def price(self, millionths: int) -> float:
        """Move the first reserve's price and return the seconds of taking it."""
        return self._library.reference_price(self._market, ctypes.c_uint64(millionths)) / 1e9

    def judge(self) -> float:
        """Judge everybody anew and return the seconds per position."""
        return self._library.reference_judge(self._market) / 1e9

    def fill(self) -> float:
        """Fill an empty book from all accounts in one buffer and return accounts per second."""
        return float(self._library.reference_fill(self._market))

    def accounts(self) -> list[tuple[bytes, bytes]]:
        """Return address and bytes of every account, positions last."""
        address, data, found = ctypes.create_string_buffer(32), ctypes.create_string_buffer(4096), []
        while size := self._library.reference_account(
            self._market, ctypes.c_uint32(len(found)), address, data, ctypes.c_size_t(4096)
        ):
            found.append((address.raw, data.raw[:size]))
        return found

    def free(self) -> None:
        self._library.reference_free(self._market)


def library() -> ctypes.CDLL | None:
    """Return the library of `rust/bench-peers`, built first; None where it cannot be."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = subprocess.run(
        ["cargo", "build", "--release", "--locked", "--quiet", "-p", "bench-peers", "--lib"], cwd=ROOT, check=False
    )
    found = target / "release" / "libbench_peers.so"
    return None if built.returncode or not found.exists() else ctypes.CDLL(str(found))


def read(library: ctypes.CDLL, words: NDArray[np.uint64]) -> int:
    """Read so many words and return their sum: what the bytes of a sweep cost at least."""
    library.peer_read.restype = ctypes.c_uint64
    return int(library.peer_read(_pointer(words), ctypes.c_size_t(words.size)))


def rust(data: Data) -> Rust | None:
    """Return the Rust peers on a market, None where they cannot be built."""
    found = library()
    return Rust(found, data) if found else None


def _pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
