"""The auditor's command line: `python -m liquidation_auditor --help`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from liquidation_auditor.errors import BadInput
from liquidation_auditor.judge import audit
from liquidation_auditor.report import show

CLEAN, FAULTY, BAD_INPUT = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    options = argparse.ArgumentParser(
        "python -m liquidation_auditor", description="Judges a run by the chain's recording and the database."
    )
    options.add_argument("--recording", type=Path, required=True, help="the SQLite file that localnet wrote")
    options.add_argument("--database", required=True, help="URL of the engine's Postgres")
    options.add_argument(
        "--wallet", action="append", required=True, help="address that the engine signs with (repeatable)"
    )
    options.add_argument("--program", required=True, help="address of the lending program")
    options.add_argument("--market", required=True, help="address of the market")
    options.add_argument(
        "--missed-slots", type=int, default=50, help="slots after which a liquidatable position counts as missed"
    )
    options.add_argument("--from-seq", type=int, default=0, help="judge only what was recorded from this seq on")
    options.add_argument("--min-profit-micro-usd", type=int, help="most that the engine may claim as its least profit")
    options.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit and print; 0 if the verdict is clean, 1 if faults were found, 2 on bad input."""
    chosen = parser().parse_args(arguments)
    if chosen.missed_slots < 1:
        print(f"--missed-slots is {chosen.missed_slots}, expected at least 1", file=sys.stderr)  # noqa: T201
        return BAD_INPUT
    progress = Console(stderr=True)
    try:
        report = audit(
            chosen.recording,
            chosen.database,
            chosen.wallet,
            chosen.program,
            chosen.market,
            missed_slots=chosen.missed_slots,
            from_seq=chosen.from_seq,
            min_profit_micro_usd=chosen.min_profit_micro_usd,
            progress=lambda line: progress.print(f"auditor: {line}", highlight=False, markup=False),
        )
    except BadInput as error:
        progress.print(f"auditor: {error}", highlight=False, markup=False)
        return BAD_INPUT
    if chosen.json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        show(report, Console())
    return CLEAN if report.clean else FAULTY


if __name__ == "__main__":
    sys.exit(main())
