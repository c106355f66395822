"""Interleaved rounds: every call once a round, so that a machine shared with others slows all of them alike."""

import time
from collections.abc import Callable, Mapping
from statistics import median

Values = dict[str, float | None]


def interleaved(rounds: int, calls: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the seconds of each call in each round; every call is made once before, to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - started)
    return taken


def ratio(one: list[float], other: list[float]) -> float:
    """Return the median over the rounds of one call's time by another's."""
    return median(a / b for a, b in zip(one, other, strict=True))


def quantile(taken: list[float], share: float) -> float:
    """Return the time that this share of the calls do not exceed."""
    return sorted(taken)[min(len(taken) - 1, int(share * len(taken)))]
