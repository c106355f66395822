"""Save's deployed program against the engine's prediction, on random states: `python -m tests.differential.save`.

Needs LIQ_PROGRAMS, a folder with `solend.so`. Compares outcome, error code, balances, the bonus and every byte of every
account of the program.
"""

import argparse
import os
import sys
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan, Prediction
from tests.differential.save_accounts import PROGRAM, WAD
from tests.differential.save_states import State, state
from tests.differential.save_vm import Landed, Vm


def predicted(given: State) -> Prediction:
    """Return what the engine expects."""
    accounts = {str(at): Account(10**10, data, owner) for at, (owner, data) in given.accounts.items()}
    clock = Clock(given.slot, 0, 0, 0, given.time)
    plan = Plan(
        position=str(given.obligation),
        debt_reserve=str(given.debt),
        collateral_reserve=str(given.collateral),
        amount=given.amount,
        liquidator=str(given.liquidator),
    )
    return protocols.get("save").predict(accounts, clock, plan)


def differences(given: State, chain: Landed, ours: Prediction) -> list[str]:
    """Return every way in which the two disagree."""
    if chain.error != ours.error:
        return [f"error: chain {chain.error}, engine {ours.error}"]
    if chain.error is not None or chain.after is None:
        return []
    found = []
    numbers = [
        ("repaid", chain.paid, ours.repaid),
        ("seized", max(0, chain.received), ours.seized),
        ("seized_shares", chain.shares, ours.seized_shares),
        ("protocol_fee", chain.fee, ours.protocol_fee),
        ("bonus", bonus(given, chain.after), ours.bonus),
    ]
    found += [f"{name}: chain {theirs}, engine {mine}" for name, theirs, mine in numbers if theirs != mine]
    for address, data in chain.after.items():
        before = given.accounts[address][1]
        mine = ours.accounts_after.get(str(address), before)
        if data != mine:
            places = [at for at in range(len(data)) if data[at] != mine[at]]
            found.append(f"account {address}: bytes {places[:8]} of {len(places)}")
        if data == before and str(address) in ours.accounts_after:
            found.append(f"account {address}: unchanged, but predicted as changed")
    return found


def bonus(given: State, after: dict[Pubkey, bytes]) -> Fraction:
    """Return the bonus from the values that the chain wrote into the obligation."""
    data = after[given.obligation]
    value = lambda at: int.from_bytes(data[at : at + 16], "little")  # noqa: E731
    borrowed, unhealthy, most = value(90), value(122), value(155)
    if borrowed < unhealthy:
        return Fraction(0)
    made = given.reserves[given.collateral]
    percent = 10**16
    least, top = made.rates[2] * percent, max(made.rates[2], made.max_bonus) * percent
    fee = min(made.protocol_fee, 50) * 10**15
    if unhealthy == most:
        return Fraction(min(least + fee, 25 * percent), WAD)
    scaled = (borrowed - unhealthy) * WAD
    weight = WAD if scaled >= 2**192 else min(scaled // (most - unhealthy), WAD)
    return Fraction(min(least + weight * (top - least) // WAD + fee, 25 * percent), WAD)


@dataclass
class Tally:
    """What a run has seen."""

    trials: int
    landed: int
    outcomes: Counter[str]
    mismatches: list[str]


def run(programs: Path, trials: int, seed: int, *, show: bool = False) -> Tally:
    """Compare `trials` states from `seed` on."""
    vm, outcomes, mismatches = Vm(programs), Counter[str](), list[str]()
    for number in range(seed, seed + trials):
        given = state(number)
        chain, ours = vm.run(given), predicted(given)
        outcomes[f"{given.kind:9} {'liquidated' if chain.error is None else f'error {chain.error}'}"] += 1
        mismatches += [f"seed {number} ({given.kind}): {line}" for line in differences(given, chain, ours)]
        if show and (number - seed) % 100 == 99:
            progress(number - seed + 1, trials, len(mismatches))
    landed = sum(count for name, count in outcomes.items() if name.endswith("liquidated"))
    return Tally(trials, landed, outcomes, mismatches)


def progress(done: int, trials: int, mismatches: int) -> None:
    """Draw the bar."""
    filled = done * 40 // trials
    print(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{trials}, {mismatches} mismatches", end="", file=sys.stderr)


def main() -> int:
    """Run and print the table; 1 with any mismatch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    tally = run(Path(os.environ["LIQ_PROGRAMS"]), asked.trials, asked.seed, show=True)
    print(file=sys.stderr)
    for name, count in sorted(tally.outcomes.items()):
        print(f"{name:28} {count:7}")
    print(f"{tally.trials} trials of {PROGRAM}, seed {asked.seed}: {tally.landed} liquidated, ", end="")
    print(f"{tally.trials - tally.landed} rejected, {len(tally.mismatches)} mismatches")
    for line in tally.mismatches[:30]:
        print(line)
    return 1 if tally.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
