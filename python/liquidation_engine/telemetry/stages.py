"""The stages a candidate passes, how long each took, and the points between them where fault tests end the process."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, TextIO

import orjson

from liquidation_engine.errors import ConfigError

FAULT_VARIABLE: Final = "LIQUIDATION_FAULT_AT"
FLUSH_LINES: Final = 64
FLUSH_SECONDS: Final = 1.0

When = Literal["before", "after"]


class Stage(StrEnum):
    """The one list of stage names: metrics, logs, demo output, fault points, intent state."""

    DETECT = "detect"
    QUEUE = "queue"
    LEASE = "lease"
    READ = "read"
    PLAN = "plan"
    SIMULATE = "simulate"
    SIGN = "sign"
    INTENT = "intent"
    SEND = "send"
    CONFIRM = "confirm"
    SETTLE = "settle"
    ACK = "ack"


SEEN_TO_SENT: Final = "seen_to_sent"  # measured across stages: first seen to accepted by a node


class StageLog:
    """Appends one JSON line per measured stage; without a path it keeps nothing. Lines are written in bundles."""

    def __init__(self, path: Path | None) -> None:
        """Open `path` for appending."""
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        self._lines: list[str] = []
        self._flushed_at = time.monotonic()

    def write(self, stage: str, milliseconds: float, position: str) -> None:
        """Note one measurement."""
        if self._file is None:
            return
        self._lines.append(orjson.dumps({"stage": stage, "ms": milliseconds, "position": position}).decode())
        if len(self._lines) >= FLUSH_LINES or time.monotonic() - self._flushed_at > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        if self._file is not None and self._lines:
            self._file.write("\n".join(self._lines) + "\n")
            self._file.flush()
        self._lines.clear()
        self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Write the rest and close the file."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None


def summarise(paths: Iterable[Path]) -> dict[str, dict[str, float | int]]:
    """Return `{stage: {"p50", "p99", "n"}}` in milliseconds over the logs of several processes.

    A last line that a killed process left half-written is left out.
    """
    measured: dict[str, list[float]] = {}
    for path in paths:
        for line in path.read_bytes().splitlines():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            measured.setdefault(row["stage"], []).append(row["ms"])
    return {
        stage: {"p50": percentile(values, 50), "p99": percentile(values, 99), "n": len(values)}
        for stage, values in measured.items()
    }


def percentile(values: Iterable[float], rank: int) -> float:
    """Return the smallest value that at least `rank` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * rank // 100) - 1)]


class FaultPoints:
    """Places where a test may end the process. Does nothing unless it is enabled on purpose and told where."""

    def __init__(
        self,
        *,
        enabled: bool = False,
        spec: str | None = None,
        on_point: Callable[[Stage, When], object] | None = None,
        kill: Callable[[], object] | None = None,
    ) -> None:
        """Take `spec` as `stage:before`, `stage:after` or, for the n-th time it passes there, `stage:before:n`.

        With `:stop` behind it the process is not ended but stopped, until somebody sends SIGCONT.
        """
        self._at: tuple[Stage, When] | None = None
        self._left = 1
        how = signal.SIGKILL
        if enabled and spec:
            self._at, self._left, how = parse_fault(spec)
        self._on_point = on_point if enabled else None
        self._kill = kill or (lambda: os.kill(os.getpid(), how))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, enabled: bool) -> "FaultPoints":
        """Return the points that LIQUIDATION_FAULT_AT names."""
        return cls(enabled=enabled, spec=environment.get(FAULT_VARIABLE))

    def reach(self, stage: Stage, when: When) -> None:
        """Say that the process is at this point."""
        if self._on_point is not None:
            self._on_point(stage, when)
        if self._at == (stage, when):
            self._left -= 1
            if self._left == 0:
                self._kill()


def parse_fault(spec: str) -> tuple[tuple[Stage, When], int, signal.Signals]:
    """Return where, at which passing and by which signal the process ends or stops."""
    name, _, rest = spec.removesuffix(":stop").partition(":")
    when, _, nth = rest.partition(":")
    if name not in list(Stage) or when not in ("before", "after") or not (nth or "1").isdigit() or nth == "0":
        raise ConfigError(
            f"{FAULT_VARIABLE} is {spec!r}, expected stage:before or stage:after, optionally :n, optionally :stop"
        )
    how = signal.SIGSTOP if spec.endswith(":stop") else signal.SIGKILL
    return (Stage(name), "before" if when == "before" else "after"), int(nth or "1"), how


class StageTimer:
    """Times stages into the log and, where given, the histogram; passes the fault points on the way."""

    def __init__(
        self,
        log: StageLog,
        *,
        histogram: Callable[[Stage, float], object] | None = None,
        faults: FaultPoints | None = None,
    ) -> None:
        """Take where the times go; `histogram` is called with the stage and seconds (`Metrics.observe_stage`)."""
        self._log = log
        self._histogram = histogram
        self._faults = faults or FaultPoints()

    @contextmanager
    def stage(self, name: str, position: str) -> Iterator[None]:
        """Time one stage of one candidate; one that raises is timed too, but passes no point after it."""
        stage = Stage(name)
        self._faults.reach(stage, "before")
        started = time.perf_counter_ns()
        try:
            yield
        finally:
            self.observe(name, position, (time.perf_counter_ns() - started) / 1e6)
        self._faults.reach(stage, "after")

    def observe(self, name: str, position: str, milliseconds: float) -> None:
        """Note how long a stage, or `seen_to_sent`, took."""
        if name != SEEN_TO_SENT and self._histogram is not None:
            self._histogram(Stage(name), milliseconds / 1000)
        self._log.write(name, milliseconds, position)

    def close(self) -> None:
        """Write what is held back."""
        self._log.close()
