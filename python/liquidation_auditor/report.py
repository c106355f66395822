"""The verdict: one frozen record, as JSON and as a table for people."""

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from liquidation_auditor.faults import Fault

SHOWN_FAULTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the auditor found. Values are micro-USD at the prices of the moment, `by_mint` and the funds smallest units.

    `positions`, `liquidatable`, `liquidated` and `missed` count positions, `fleeting` counts windows; `refused` counts
    the positions left alone for a reason that the auditor confirmed, `refused_confirmed` is its sum. `scenario` counts
    the marks that the scenario left in the recording.
    """

    scenario: dict[str, int]
    positions: int
    liquidatable: int
    liquidated: int
    missed: int
    fleeting: int
    duplicates: int
    double_landings: int
    refused: dict[str, int]
    refused_confirmed: int
    verdict_mismatches: int
    replay_mismatches: int
    tokens_conserved: bool
    ledger_zero_sum: bool
    ledger_matches_chain: bool
    fund_matches_chain: bool
    books_complete: bool
    bad_debt_not_written_off: int
    stayed_liquidatable_after_first: int
    under_water: int
    repaid_usd: int
    seized_usd: int
    profit_usd: int
    bad_debt_covered_usd: int
    bad_debt_uncovered_usd: int
    by_mint: dict[str, dict[str, int]]
    fund_before: dict[str, int]
    fund_after: dict[str, int]
    judged_slots: int
    price_steps: int
    asked_program: int
    faults: list[Fault]
    clean: bool

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return asdict(self)


def show(report: Report, console: Console) -> None:
    """Print the report as a table, the first faults below it."""
    table = Table(title="Audit: " + ("clean" if report.clean else "FAULTS FOUND"), show_header=False)
    for name, value in report.as_json().items():
        if name not in ("faults", "by_mint", "clean"):
            table.add_row(name, _cell(name, value))
    for name, amounts in report.by_mint.items():
        table.add_row(f"{name} by mint", _cell(name, amounts))
    console.print(table)
    for fault in report.faults[:SHOWN_FAULTS]:
        console.print(f"{fault.kind} {fault.position or ''} {fault.slots}: {fault.why}", markup=False, highlight=False)
    if len(report.faults) > SHOWN_FAULTS:
        console.print(f"… and {len(report.faults) - SHOWN_FAULTS} more; --json lists them all")


def _cell(name: str, value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {amount:,}" for key, amount in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, int) and name.endswith("_usd"):
        return f"{value / 1_000_000:,.2f} USD"
    return f"{value:,}" if isinstance(value, int) else str(value)
