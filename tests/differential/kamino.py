"""Kamino's program against `predict`: `LIQ_PROGRAMS=DIR python -m tests.differential.kamino --trials 5000 --seed 1`.

DIR holds a build of the program (1.7.x). Every trial is a random state run through the real program in LiteSVM; outcome, amounts and
every byte of every account of the program must be as predicted. No arithmetic is shared with the engine: the program is the reference.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from solders.clock import Clock

from liquidation_engine.protocols import get
from liquidation_engine.protocols.adapter import Plan, Prediction
from tests.differential.kamino_accounts import PROGRAM
from tests.differential.kamino_states import Draw
from tests.differential.kamino_vm import Machine, Outcome
from tests.differential.kamino_world import World

BUILDS = (
    "vaultka_kamino_lending.so",
    "ezhui_kamino_lending.so",
    "kamino_lending_nocpi.so",
    "klendsdk_kamino_lending.so",
    "kamino_lending.so",
)
VERSION = "1.7"


@dataclass(frozen=True)
class Trial:
    """One state with what the program did and what was predicted."""

    seed: int
    world: World
    outcome: Outcome
    prediction: Prediction

    def differences(self) -> list[str]:
        """Return every way in which the prediction was wrong."""
        seen, said = self.outcome, self.prediction
        if seen.error != said.error:
            return [f"error: program {seen.error}, predicted {said.error}"]
        if seen.error is not None:
            return []
        found = [text for text in self._amounts() if text]
        for key, before in self.world.accounts.items():
            if before.owner != PROGRAM:
                continue
            expected = said.accounts_after.get(str(key), bytes(before.data))
            found += [f"{name}: {text}" for name, text in _unequal(seen.accounts[key], expected)]
        changed = {str(key) for key, old in self.world.accounts.items() if seen.accounts[key] != bytes(old.data)}
        claimed = set(said.accounts_after)
        ours = {str(key) for key, old in self.world.accounts.items() if old.owner == PROGRAM}
        if claimed != changed & ours:
            found.append(f"changed accounts: {sorted(claimed ^ (changed & ours))}")
        return found

    def _amounts(self) -> Iterator[str]:
        said = self.prediction
        expected = (said.repaid, said.seized, said.seized_shares, said.protocol_fee)
        names = ("repaid", "seized", "seized shares", "protocol fee")
        for name, value, promised in zip(names, self.outcome.numbers(self.world), expected, strict=True):
            if value != promised:
                yield f"{name}: program {value}, predicted {promised}"


def _unequal(seen: bytes, expected: bytes) -> Iterator[tuple[str, str]]:
    kind = {8624: "reserve", 3344: "position", 4664: "market", 360: "referrer"}.get(len(seen), "account")
    for at in range(0, len(seen), 8):
        if seen[at : at + 8] != expected[at : at + 8]:
            yield f"{kind}+{at}", f"program {seen[at : at + 8].hex()}, predicted {expected[at : at + 8].hex()}"


def trial(machine: Machine, seed: int) -> Trial:
    """Run one state both ways."""
    world = Draw(seed).world()
    return Trial(seed, world, machine.run(world), predicted(world, VERSION))


def predicted(world: World, version: str) -> Prediction:
    """Return the engine's prediction for a world."""
    clock = Clock(world.slot, 0, 0, 0, world.time)
    plan = Plan(
        position=str(world.position),
        debt_reserve=str(world.debt),
        collateral_reserve=str(world.collateral),
        amount=world.amount,
        min_received=world.min_received,
        instruction="v1",
        version=version,
    )
    return get("kamino").predict({str(key): account for key, account in world.accounts.items()}, clock, plan)


def build(folder: Path) -> Path:
    """Return the first known build in a folder."""
    for name in BUILDS:
        if (folder / name).is_file():
            return folder / name
    raise SystemExit(f"found none of {', '.join(BUILDS)} in {folder}")


def main() -> int:
    """Run trials with a progress line and a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", help="file in $LIQ_PROGRAMS; the first known one without")
    options = parser.parse_args()
    folder = Path(os.environ["LIQ_PROGRAMS"])
    path = folder / options.program if options.program else build(folder)
    machine, outcomes, wrong = Machine(path), Counter[str](), 0
    for place in range(options.trials):
        one = trial(machine, options.seed * 1_000_000 + place)
        found = one.differences()
        outcomes["liquidated" if one.outcome.error is None else f"error {one.outcome.error}"] += 1
        if found:
            wrong += 1
            print(f"seed {one.seed}: {'; '.join(found[:6])}")
        if sys.stderr.isatty() and place % 50 == 0:
            print(f"\r{place}/{options.trials}, {wrong} wrong", end="", file=sys.stderr, flush=True)
    print(f"\n{path.name}: {options.trials} trials from seed {options.seed}, {wrong} mismatches")
    for name, count in outcomes.most_common():
        print(f"{name:>14} {count:>7}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
