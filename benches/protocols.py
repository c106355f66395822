"""G3, G6, G13 of the real protocols: bytes taken and judged, exact verdicts alone, a book laid from bytes; all in Rust.

10,000 positions of three deposits and two debts (200,000 for the book), on one thread. A slower verdict means that arithmetic left
its fast path; what the SDKs of these protocols take for the same is 40 to 90 µs.
"""

import ctypes

from benches import peers
from benches.rounds import Values

PROTOCOLS = ("kamino", "marginfi", "save")
POSITIONS, MANY = 10_000, 200_000


def protocols(rounds: int) -> Values:
    """Measure every protocol."""
    library = peers.library()
    values: Values = {}
    for name in PROTOCOLS:
        rows = (f"G3_{name}_us", f"G6_{name}_us", f"G13_{name}_per_second")
        values |= (
            dict.fromkeys(rows) if library is None else dict(zip(rows, measured(library, name, rounds), strict=True))
        )
    return values


def measured(library: ctypes.CDLL, name: str, rounds: int) -> tuple[float, float, float]:
    """Return microseconds an account taken, microseconds a verdict, accounts laid per second."""
    for what in ("apply", "confirm", "fill"):
        getattr(library, f"{name}_{what}").restype = ctypes.c_double
    getattr(library, f"{name}_new").restype = ctypes.c_void_p
    seconds = {}
    for count, whats in ((POSITIONS, ("apply", "confirm")), (MANY, ("fill",))):
        market = ctypes.c_void_p(getattr(library, f"{name}_new")(ctypes.c_uint32(count)))
        if not market:
            raise RuntimeError(f"{name} refused the benches' accounts")
        for what in whats:
            taken = [getattr(library, f"{name}_{what}")(market) for _ in range(rounds)]
            seconds[what] = min(taken) / 1e9
        getattr(library, f"{name}_free")(market)
    return seconds["apply"] * 1e6, seconds["confirm"] * 1e6, 1 / seconds["fill"]
