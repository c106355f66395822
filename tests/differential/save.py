"""Save's deployed program against the engine's prediction, on random states: `python -m tests.differential.save`.

Needs LIQ_PROGRAMS, a folder with `solend.so`. Compares outcome, error code, balances, the bonus and every byte of every
account of the program.
"""

import sys
from collections import Counter
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
from tests.differential.trials import Tally, command, ending, progress, unequal_accounts


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
    before = {address: data for address, (_, data) in given.accounts.items()}
    return found + unequal_accounts(before, chain.after, ours)


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


def run(programs: Path, trials: int, seed: int, *, show: bool = False) -> Tally:
    """Compare `trials` states from `seed` on."""
    vm, outcomes, mismatches = Vm(programs), Counter[str](), list[str]()
    for number in range(seed, seed + trials):
        given = state(number)
        chain, ours = vm.run(given), predicted(given)
        outcomes[f"{given.kind:9} {ending(chain.error)}"] += 1
        mismatches += [f"seed {number} ({given.kind}): {line}" for line in differences(given, chain, ours)]
        if show and (number - seed) % 100 == 99:
            progress(number - seed + 1, trials, len(mismatches))
    return Tally(trials, outcomes, mismatches)


if __name__ == "__main__":
    sys.exit(command(run, description=__doc__, program=str(PROGRAM)))
