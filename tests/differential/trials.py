"""What the comparisons with real programs share: the command, its bar and table, and which bytes of which account differ."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from solders.pubkey import Pubkey

from liquidation_engine.protocols import Prediction

LIQUIDATED = "liquidated"


@dataclass
class Tally:
    """What a run has seen."""

    trials: int
    outcomes: Counter[str]
    mismatches: list[str]

    @property
    def landed(self) -> int:
        """How many trials were liquidations."""
        return sum(count for name, count in self.outcomes.items() if name.endswith(LIQUIDATED))


class Comparison(Protocol):
    """Compares `trials` states from `seed` on with the program in a folder."""

    def __call__(self, programs: Path, trials: int, seed: int, *, show: bool = False) -> Tally: ...


def ending(error: int | None) -> str:
    """Return how a trial ended, as the table has it."""
    return LIQUIDATED if error is None else f"error {error}"


def unequal_bytes(address: Pubkey, chain: bytes, ours: bytes) -> list[str]:
    """Return one line where the chain's account is not as predicted."""
    if chain == ours:
        return []
    places = [at for at in range(len(chain)) if chain[at] != ours[at]]
    return [f"account {address}: bytes {places[:8]} of {len(places)}"]


def unequal_accounts(before: Mapping[Pubkey, bytes], chain: Mapping[Pubkey, bytes], ours: Prediction) -> list[str]:
    """Return every account that is not as predicted, and those that only the prediction changes."""
    found = []
    for address, data in chain.items():
        found += unequal_bytes(address, data, ours.accounts_after.get(str(address), before[address]))
        if data == before[address] and str(address) in ours.accounts_after:
            found.append(f"account {address}: unchanged, but predicted as changed")
    return found


def progress(done: int, trials: int, mismatches: int) -> None:
    """Draw the bar."""
    filled = done * 40 // trials
    print(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{trials}, {mismatches} mismatches", end="", file=sys.stderr)


def command(compare: Comparison, *, description: str | None, program: str) -> int:
    """Run as the command line asks and print the table; 1 with any mismatch."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--trials", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    tally = compare(Path(os.environ["LIQ_PROGRAMS"]), asked.trials, asked.seed, show=True)
    print(file=sys.stderr)
    for name, count in sorted(tally.outcomes.items()):
        print(f"{name:28} {count:7}")
    print(f"{tally.trials} trials of {program}, seed {asked.seed}: {tally.landed} liquidated, ", end="")
    print(f"{tally.trials - tally.landed} rejected, {len(tally.mismatches)} mismatches")
    for line in tally.mismatches[:30]:
        print(line)
    return 1 if tally.mismatches else 0
