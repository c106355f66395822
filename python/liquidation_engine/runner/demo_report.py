"""What the demo shows: progress on stderr while it runs, then a table, or one JSON object, on stdout."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol

import orjson
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from liquidation_engine.runner.processes import Child

PLAIN_SECONDS = 5.0
MICRO = 1_000_000
STAGES = (
    "detect", "queue", "lease", "read", "plan", "simulate", "sign", "intent", "send", "confirm", "settle", "ack", "seen_to_sent",
)  # fmt: skip
FIELDS = (
    "positions",
    "liquidatable",
    "liquidated",
    "duplicates",
    "missed",
    "fleeting",
    "refused",
    "repaid_usd",
    "seized_usd",
    "profit_usd",
    "bad_debt_covered_usd",
    "bad_debt_uncovered_usd",
    "by_mint",
    "fund_before",
    "fund_after",
    "ledger_matches_chain",
    "fund_matches_chain",
)


class Options(Protocol):
    """What the report says of the demo's options."""

    @property
    def scenario(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def missed_slots(self) -> int: ...


class Progress:
    """Bars on a terminal, a line now and then elsewhere; always on stderr."""

    def __init__(self, scenario: str, positions: int, workers: int) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Bars(
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=40),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._title = f"{scenario}: {positions} positions, {workers} workers"
        self._slots = self._bars.add_task("market", total=1, text="")
        self._printed = 0.0

    def __enter__(self) -> "Progress":
        self.say(self._title)
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print one line of news."""
        self._bars.console.print(text, markup=False, soft_wrap=True)

    def at(self, done: int, total: int, counts: Mapping[str, int]) -> None:
        """Show how far the market is and what has been done."""
        text = (
            f"slot {min(done, total)}/{total} · {counts['liquidatable']} liquidatable now · {counts['landed']} landed · "
            f"{counts['live_intents']} in flight · {counts['refused']} refused"
        )
        self._bars.update(self._slots, completed=min(done, total), total=total, text=text)
        if not self._console.is_terminal and time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            self.say(text)

    def child_ended(self, child: Child, code: int) -> None:
        """Tell of a process that ended without being asked."""
        how = f"killed by signal {-code}" if code < 0 else f"ended with {code}"
        self.say(f"{child.name} (pid {child.process.pid}) {how}" + (", starting it again" if child.restart else ""))

    def done(self, seconds: float) -> None:
        """Close the bars."""
        self._bars.stop()
        self.say(f"market and verdict took {seconds:.1f} s")


def summary(
    report: Mapping[str, Any],
    options: Options,
    latency_ms: Mapping[str, Mapping[str, float]],
    worker_pids: list[int],
) -> dict[str, Any]:
    """Return the demo's JSON object from the auditor's report and the measured stages."""
    result: dict[str, Any] = {name: report[name] for name in FIELDS}
    result |= {"scenario": options.scenario, "seed": options.seed, "missed_slots": options.missed_slots}
    result["latency_ms"] = {stage: latency_ms[stage] for stage in STAGES if stage in latency_ms}
    result["worker_pids"] = worker_pids
    result["clean"] = report["clean"]
    result["auditor"] = {name: value for name, value in report.items() if name not in FIELDS}
    return result


def show(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the result on stdout."""
    if as_json:
        sys.stdout.write(orjson.dumps(result).decode() + "\n")
        sys.stdout.flush()
        return
    console = Console(highlight=False)
    console.print(_verdict_table(result))
    if result["latency_ms"]:
        console.print(_latency_table(result["latency_ms"]))
    faults = result["auditor"].get("faults", [])
    for fault in faults[:20]:
        console.print(f"fault: {fault}", markup=False, soft_wrap=True)
    console.print("[bold green]clean[/]" if result["clean"] else "[bold red]NOT clean[/]", "— the auditor's verdict")


def _verdict_table(result: Mapping[str, Any]) -> Table:
    table = Table(title=f"{result['scenario']}, seed {result['seed']}: judged by the auditor", title_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for name in ("positions", "liquidatable", "liquidated", "missed", "duplicates", "fleeting"):
        table.add_row(name, f"{result[name]:,}")
    refused = ", ".join(f"{count} {reason}" for reason, count in result["refused"].items()) or "0"
    table.add_row("refused", refused)
    for name in ("repaid_usd", "seized_usd", "profit_usd", "bad_debt_covered_usd", "bad_debt_uncovered_usd"):
        table.add_row(name.replace("_usd", "").replace("_", " "), f"${result[name] / MICRO:,.2f}")
    for name in ("ledger_matches_chain", "fund_matches_chain"):
        table.add_row(name.replace("_", " "), "to the lamport" if result[name] else "[bold red]NO[/]")
    return table


def _latency_table(latency_ms: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table(title="stages, in ms", title_justify="left")
    for column in ("stage", "p50", "p99"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, row in latency_ms.items():
        table.add_row(stage, f"{row['p50']:.2f}", f"{row['p99']:.2f}")
    return table
