"""The goals table: what each row must reach, and whether a measured value does."""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
GATE = 0.6
"""CI lets a ratio pass at this part of its goal: machines are shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One row of the table."""

    value: float
    direction: Direction
    says: str
    is_ratio: bool = True


def goals(kernel: str) -> dict[str, Goal]:
    """Return the goals; those of the sweep follow the kernel in use."""
    wide = kernel == "avx512"
    more = lambda value, says: Goal(value=value, direction="higher", says=says)  # noqa: E731
    less = lambda value, says: Goal(value=value, direction="lower", says=says)  # noqa: E731
    absolute = lambda value, direction, says: Goal(value=value, direction=direction, says=says, is_ratio=False)  # noqa: E731
    return {
        "G1_numpy": more(30 if wide else 18, "numpy sweep of two reduceats / screen of a full sweep"),
        "G1_numba": more(15 if wide else 9, "numba sweep / screen"),
        "G1_csr": more(1, "plain Rust CSR loop / screen"),
        "G1_bytes": less(1.5 if wide else 4, "screen / reading the same bytes"),
        "G2_numpy": more(100, "numpy delta on an inverse index / tick of 10 bp, hot"),
        "G2_evicted": more(25, "own sweep / tick of 10 bp in Rust, both with evicted caches"),
        "G2_updates": less(2, "tick after 30,000 updates / fresh"),
        "G2_worst": less(1.2, "dearest screen of a tick of any size / own sweep"),
        "G3_reference_us": absolute(1, "lower", "account bytes to exact verdict, reference protocol, in Rust, µs"),
        "G3_python_us": absolute(3, "lower", "the same through Python, µs"),
        "G3_driftpy": more(75, "driftpy's decoding alone / the same in Rust"),
        "G3_kamino_us": absolute(1, "lower", "account bytes to exact verdict, Kamino, in Rust, µs"),
        "G3_save_us": absolute(1, "lower", "account bytes to exact verdict, Save, in Rust, µs"),
        "G3_marginfi_us": absolute(1, "lower", "account bytes to exact verdict, marginfi, in Rust, µs"),
        "G4_p50": less(1 / 100, "20 correlated assets, p50 / own sweep"),
        "G4_p99": less(1 / 20, "the same, p99"),
        "G4_stress_p50": less(1 / 20, "5 bp per tick, p50 / own sweep"),
        "G4_stress_p99": less(1 / 5, "the same, p99"),
        "G6_generic_us": absolute(0.2, "lower", "exact rule per position, generic market, µs"),
        "G6_kamino_us": absolute(0.22, "lower", "exact verdict per position in the protocol's fixed point, Kamino, µs"),
        "G6_save_us": absolute(0.2, "lower", "exact verdict per position in the protocol's fixed point, Save, µs"),
        "G6_reference_us": absolute(0.2, "lower", "exact rule per position, reference protocol, µs"),
        "G6_marginfi_us": absolute(
            0.2, "lower", "exact verdict per position in the protocol's fixed point, marginfi, µs"
        ),
        "G9_hot": absolute(32, "lower", "bytes that a sweep reads per position"),
        "G9_total": absolute(256, "lower", "bytes per position, from the process"),
        "G10_bytes": less(1.5, "screen / reading the same bytes, 10,000,000 positions"),
        "G10_update": less(2, "one update at this size / at 10,000 positions"),
        "G11_cpu_ms": absolute(100, "lower", "new anchor, thread CPU ms"),
        "G11_p99": less(0.1, "tick p99 while a new anchor is laid, with 1,000 updates / own sweep"),
        "G12_us": absolute(0.5, "lower", "tick from Python minus tick from Rust, µs"),
        "G13_per_second": absolute(1e6, "higher", "positions laid per second from columns"),
        "G13_reference_per_second": absolute(
            1e6, "higher", "accounts taken per second from one buffer, reference protocol"
        ),
        "G13_kamino_per_second": absolute(1e6, "higher", "Kamino's accounts laid per second from their bytes"),
        "G13_save_per_second": absolute(1e6, "higher", "Save's accounts laid per second from their bytes"),
        "G13_marginfi_per_second": absolute(1e6, "higher", "marginfi's accounts laid per second from their bytes"),
    }


def judged(values: dict[str, float | None], kernel: str) -> dict[str, dict[str, float | str | bool | None]]:
    """Return the rows of the JSON: `ok` at the gate, `at_goal` at the goal itself; None for what was not measured."""
    rows: dict[str, dict[str, float | str | bool | None]] = {}
    for name, goal in goals(kernel).items():
        value = values.get(name)
        rows[name] = {"value": value, "goal": goal.value, "direction": goal.direction, "ok": None, "at_goal": None}
        if value is not None:
            gate = GATE if goal.is_ratio else 0.0
            higher = goal.direction == "higher"
            reached = value >= goal.value if higher else value <= goal.value
            passed = value >= gate * goal.value if higher else gate * value <= goal.value
            rows[name] |= {"ok": passed, "at_goal": reached}
    return rows
