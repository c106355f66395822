"""marginfi 0.1.1's binary against the engine's prediction, on random states: `python -m tests.differential.marginfi`.

Needs LIQ_PROGRAMS, a folder with `quartz_marginfi.so`. Compares outcome, error code, amounts and every byte of every account
of the program. A third of the trials ask the engine for the largest amount that the program accepts and then try that
amount, one more, or about as much.
"""

import sys
from collections import Counter
from pathlib import Path

from solders.account import Account
from solders.clock import Clock
from solders.pubkey import Pubkey

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan, Policy, Prediction
from tests.differential.marginfi_accounts import ONE, PROGRAM
from tests.differential.marginfi_states import LIQUIDATOR, POSITION, State, state
from tests.differential.marginfi_vm import Landed, Vm
from tests.differential.trials import Tally, command, ending, progress, unequal_accounts


def given_accounts(given: State) -> dict[str, Account]:
    """Return the accounts as an RPC client has them."""
    return {str(at): Account(10**10, data, owner) for at, (owner, data) in given.accounts.items()}


def clock_of(given: State) -> Clock:
    """Return the clock of a state."""
    return Clock(given.slot, 0, 0, 0, given.time)


def predicted(given: State, accounts: dict[str, Account]) -> Prediction:
    """Return what the engine expects."""
    plan = Plan(
        position=str(POSITION),
        debt_reserve=str(given.banks[given.debt].address),
        collateral_reserve=str(given.banks[given.asset].address),
        amount=given.amount,
        liquidator=str(given.liquidator_address),
        version="0.1.1",
    )
    return protocols.get("marginfi").predict(accounts, clock_of(given), plan)


def sharpen(given: State, accounts: dict[str, Account], seed: int) -> str:
    """Take the engine's largest amount, one more or nearly as much in a third of the trials; return which."""
    if seed % 3 != 0 or given.kind in ("same bank", "self", "wrong kind"):
        return "any amount"
    policy = Policy(position=str(POSITION), liquidator=str(LIQUIDATOR), min_profit=-(2**100), version="0.1.1")
    plan = protocols.get("marginfi").best_plan(accounts, clock_of(given), policy)
    if not isinstance(plan, Plan):
        return "any amount"
    names = {str(bank.address): place for place, bank in enumerate(given.banks)}
    given.asset, given.debt = names[plan.collateral_reserve], names[plan.debt_reserve]
    way = seed // 3 % 3
    given.amount = max(0, min(2**64 - 1, plan.amount + (0, 1, -(seed % 7))[way]))
    return ("largest", "one more", "nearly largest")[way]


def differences(given: State, chain: Landed, ours: Prediction) -> list[str]:
    """Return every way in which the two disagree."""
    if chain.error != ours.error:
        return [f"error: chain {chain.error}, engine {ours.error} {chain.logs[-3:]}"]
    if chain.error is not None or chain.after is None:
        return []
    taken, relieved = debts(given, chain.after)
    numbers = [
        ("protocol_fee", chain.fee, ours.protocol_fee),
        ("seized", given.amount, ours.seized),
        ("repaid and relieved", True, abs(ours.repaid - taken) <= 2 and abs((ours.debt_relieved or 0) - relieved) <= 2),
    ]
    found = [f"{name}: chain {theirs}, engine {mine}" for name, theirs, mine in numbers if theirs != mine]
    before = {address: data for address, (_, data) in given.accounts.items()}
    return found + unequal_accounts(before, chain.after, ours)


def debts(given: State, after: dict[Pubkey, bytes]) -> tuple[int, int]:
    """Return by how much the liquidator's debt rose and the position's fell, from the chain's balances (within a unit or two)."""
    bank = given.banks[given.debt].address
    values = [int.from_bytes(after[bank][at : at + 16], "little") for at in (80, 96)]

    def owed(data: bytes) -> int:
        for at in range(72, 72 + 16 * 104, 104):
            if data[at] and data[at + 1 : at + 33] == bytes(bank):
                shares = [
                    int.from_bytes(data[at + field : at + field + 16], "little", signed=True) for field in (40, 56)
                ]
                return (shares[1] * values[1] - shares[0] * values[0]) // ONE
        return 0

    change = lambda address: owed(after[address]) - owed(given.accounts[address][1])  # noqa: E731
    return change(LIQUIDATOR) // ONE, -change(POSITION) // ONE


def run(programs: Path, trials: int, seed: int, *, show: bool = False) -> Tally:
    """Compare `trials` states from `seed` on."""
    vm, outcomes, mismatches = Vm(programs), Counter[str](), list[str]()
    for place in range(seed, seed + trials):
        given = state(place)
        accounts = given_accounts(given)
        amount = sharpen(given, accounts, place)
        chain, ours = vm.run(given), predicted(given, accounts)
        outcomes[f"{amount:15} {ending(chain.error)}"] += 1
        mismatches += [f"seed {place} ({given.kind}): {line}" for line in differences(given, chain, ours)]
        if show and (place - seed) % 100 == 99:
            progress(place - seed + 1, trials, len(mismatches))
    return Tally(trials, outcomes, mismatches)


if __name__ == "__main__":
    sys.exit(command(run, description=__doc__, program=str(PROGRAM)))
