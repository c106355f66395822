"""Windows in which a position was liquidatable, and what became of each: liquidated, refused, fleeting or missed."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from liquidation_auditor.decode import base58
from liquidation_auditor.faults import Fault


class Ending(StrEnum):
    """How a window ended."""

    LIQUIDATED = "liquidated"
    LIQUIDATED_BY_ANOTHER = "liquidated by another"
    HEALTHY = "no longer liquidatable"
    AT_THE_END = "still liquidatable at the end"


@dataclass(slots=True)
class Window:
    """Consecutive slots, `start` to before `end`, in which one position was liquidatable.

    `owed` are the stretches of it in which nobody had a confirmed reason to leave the position alone.
    """

    position: bytes
    start: int
    end: int = 0
    ending: Ending = Ending.AT_THE_END
    owed: list[tuple[int, int]] = field(default_factory=list)
    refused_unprofitable: bool = False
    best_profit_micro_usd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the engine says it did or left undone; `stopped_slot` is where the kill switch went off for good."""

    healthy: Mapping[bytes, Sequence[int]]
    attended: Mapping[bytes, Sequence[int]]
    stopped_slot: int | None = None


@dataclass(slots=True)
class Judgement:
    """The windows' sum."""

    missed: set[bytes] = field(default_factory=set)
    fleeting: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)


def judge(windows: list[Window], claims: Claims, missed_slots: int) -> Judgement:
    """Return what became of every window; a position counts once for each reason it was refused for."""
    verdict = Judgement()
    refused: dict[str, set[bytes]] = defaultdict(set)
    later = _next_starts(windows)
    for window, next_start in zip(windows, later, strict=True):
        overdue = _overdue(window, missed_slots)
        if overdue is None:
            if window.refused_unprofitable and _left_alone(window, missed_slots):
                refused["unprofitable"].add(window.position)
            elif window.ending in (Ending.HEALTHY, Ending.LIQUIDATED_BY_ANOTHER):
                verdict.fleeting += 1
            continue
        reason = _reason(window, next_start, overdue, claims, missed_slots)
        if reason is not None:
            refused[reason].add(window.position)
            continue
        verdict.missed.add(window.position)
        verdict.faults.append(
            Fault("missed", base58(window.position), [window.start, window.end - 1], _why(window, missed_slots))
        )
    verdict.refused.update({reason: len(positions) for reason, positions in refused.items()})
    return verdict


def _left_alone(window: Window, missed_slots: int) -> bool:
    """Whether a window would have been missed but for the refusals in it."""
    long = window.end - window.start >= missed_slots and window.ending is not Ending.LIQUIDATED
    return long or window.ending is Ending.AT_THE_END


def _next_starts(windows: list[Window]) -> list[int | None]:
    starts: dict[bytes, list[int]] = defaultdict(list)
    for window in windows:
        starts[window.position].append(window.start)
    for found in starts.values():
        found.sort()
    after = []
    for window in windows:
        mine = starts[window.position]
        place = bisect_left(mine, window.start + 1)
        after.append(mine[place] if place < len(mine) else None)
    return after


def _overdue(window: Window, missed_slots: int) -> tuple[int, int] | None:
    """Return the first stretch that was owed for too long, or up to the end of the recording."""
    for start, end in window.owed:
        if end - start >= missed_slots or (window.ending is Ending.AT_THE_END and end == window.end):
            return start, end
    return None


def _reason(
    window: Window, next_start: int | None, overdue: tuple[int, int], claims: Claims, missed_slots: int
) -> str | None:
    start = overdue[0]
    if claims.stopped_slot is not None and claims.stopped_slot < min(start + missed_slots, window.end):
        return "paused"
    if window.ending is not Ending.HEALTHY:
        return None
    attended = any(
        window.start <= slot < window.start + missed_slots for slot in claims.attended.get(window.position, ())
    )
    seen = any(
        window.end <= slot < window.end + missed_slots and (next_start is None or slot < next_start)
        for slot in claims.healthy.get(window.position, ())
    )
    return "healthy_again" if attended and seen else None


def _why(window: Window, missed_slots: int) -> str:
    length = window.end - window.start
    said = f"liquidatable for {length} slots (limit {missed_slots}), {window.ending.value}"
    if window.best_profit_micro_usd is not None:
        said += f"; called unprofitable, but the best pair earned {window.best_profit_micro_usd} micro-USD"
    return said
