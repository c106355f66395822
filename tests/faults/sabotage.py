"""`make faults-sabotage`: breaks each promise on purpose and shows which named test turns red.

Every test is run twice: whole, when it has to pass, and sabotaged, when it has to fail by an assertion. Prints a table; the exit code is
not 0 if a sabotage was not caught, or if a test was red without one.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLAIMS = "tests/integration/test_database_claims.py"
LOST = "tests/faults/test_lost_entries.py"
NODES = "tests/faults/test_rpc_faults.py::test_a_node_that_fails_costs_nothing"
DEMOS = (NODES, LOST)


@dataclass(frozen=True)
class Sabotage:
    """One promise that is broken, and the test that must notice."""

    kind: str
    breaks: str
    test: str


SABOTAGES = (
    Sabotage(
        "drop-live-intent-index",
        "drop the live-intent index",
        f"{CLAIMS}::test_second_intent_is_refused_while_the_first_is_live",
    ),
    Sabotage("skip-fence", "skip the fence", f"{CLAIMS}::test_insert_that_waited_for_a_claim_is_refused_by_it"),
    Sabotage(
        "acknowledge-before-commit",
        "acknowledge before commit",
        "tests/unit/test_execute_pool.py::test_an_entry_is_acknowledged_only_after_its_outcome",
    ),
    Sabotage(
        "sign-again-on-timeout",
        "sign again on timeout",
        f"{NODES}[RPC takes every second send and times out, at both endpoints]",
    ),
    Sabotage(
        "read-without-min-context-slot",
        "read without minContextSlot",
        "tests/faults/test_lagging_reads.py::test_a_position_is_never_read_before_its_last_settlement",
    ),
    Sabotage(
        "trust-one-unknown",
        "trust one endpoint's unknown",
        f"{NODES}[RPC reports landed transactions as unknown at the first endpoint]",
    ),
    Sabotage(
        "bit-never-cleared",
        "new-crossing bit never cleared",
        f"{LOST}::test_entries_that_the_stream_loses_cost_nothing",
    ),
)


def main(wanted: list[str]) -> int:
    """Run the sabotages that are named, or all; return the exit code."""
    chosen = [one for one in SABOTAGES if not wanted or one.kind in wanted]
    rows, failed = [], False
    for sabotage in chosen:
        print(f"{sabotage.kind}: whole ...", flush=True)
        whole, _ = _run(sabotage.test, None)
        print(f"{sabotage.kind}: {'green' if whole == 0 else 'RED'}; sabotaged ...", flush=True)
        broken, why = _run(sabotage.test, sabotage.kind)
        caught = whole == 0 and broken == 1 and why is not None
        failed |= not caught
        said = why if caught else ("red without sabotage" if whole else "NOT CAUGHT")
        rows.append((sabotage.breaks, sabotage.test.rsplit("::", 1)[1], said or ""))
        print(f"{sabotage.kind}: {said}", flush=True)
    print("\n| sabotage | test that caught it | what it saw |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    return 1 if failed else 0


def _run(test: str, kind: str | None) -> tuple[int, str | None]:
    """Run one test; return pytest's code and, where an assertion failed, its words."""
    environment = {key: value for key, value in os.environ.items() if key != "LIQUIDATION_SABOTAGE"}
    if kind is not None:
        environment["LIQUIDATION_SABOTAGE"] = kind
    command = [sys.executable, "-m", "pytest", "-p", "faults.sabotage_plugin", "--tb=short"]
    if test.startswith(DEMOS):
        command += ["-m", "faults"]
    done = subprocess.run([*command, test], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    said = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("E  ")]
    if done.returncode not in (0, 1):
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return done.returncode, _told(said) if said else None


def _told(said: list[str]) -> str:
    """Return what a failed assertion says: of a judged run, how many the judge found missed and sent twice."""
    for line in said:
        if verdict := re.match(r"assert \(False, (\d+), (\d+)\) ==", line):
            return f"judge: {verdict[1]} missed, {verdict[2]} duplicates"
    return said[0].replace("|", "/")[:120]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
