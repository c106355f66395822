"""marginfi 0.1.9's own source against the engine's prediction, on random states: `python -m tests.differential.marginfi_new`.

No binary of this version is public, so its published source is compiled for this machine (`marginfi_source/build`) and
LIQ_PROGRAMS names the folder with the result. Classic liquidations and whole receiverships, built by the engine's own
instructions; compared are error codes and every byte of every account of the program. In a receivership the engine says the
least repayment that is accepted: that one has to pass, one less has to be refused.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from solders.instruction import Instruction

from liquidation_engine import protocols
from liquidation_engine.protocols import Plan, Policy, Prediction
from liquidation_engine.protocols.marginfi import MarginAccount, Observer, receivership
from liquidation_engine.protocols.marginfi import accounts as decoded
from liquidation_engine.protocols.marginfi.instructions import liquidate
from tests.differential.marginfi import clock_of, given_accounts
from tests.differential.marginfi_accounts import PROGRAM, TOKEN, key, token
from tests.differential.marginfi_native import Landed, Trial, run
from tests.differential.marginfi_new_states import FEE_WALLET, RECEIVER, state
from tests.differential.marginfi_states import POSITION, State
from tests.differential.trials import Tally, command, ending, progress, unequal_bytes

BATCH = 250
END_OF_IT = {6068, 6072, 6090}
"""What only the end of a receivership says."""
DESTINATION, SOURCE = key(8001), key(8002)


@dataclass
class Asked:
    """A state, what the engine says, and the transactions that show it."""

    seed: int
    given: State
    way: str
    ours: Prediction
    trials: list[Trial]


def plan_of(given: State, way: str) -> Plan:
    """Return what the engine is asked."""
    return Plan(
        position=str(POSITION),
        debt_reserve=str(given.banks[given.debt].address),
        collateral_reserve=str(given.banks[given.asset].address),
        amount=given.amount,
        liquidator=str(given.liquidator_address if way == "v1" else RECEIVER),
        instruction=way,
        version="0.1.9",
    )


def sharpen(given: State, way: str, seed: int) -> None:
    """Take the engine's largest amount, one more or nearly as much in a third of the trials."""
    if seed % 3 or given.kind in ("same bank", "self"):
        return
    liquidator = given.liquidator_address if way == "v1" else RECEIVER
    policy = Policy(
        position=str(POSITION), liquidator=str(liquidator), min_profit=-(2**100), instruction=way, version="0.1.9"
    )
    plan = protocols.get("marginfi").best_plan(given_accounts(given), clock_of(given), policy)
    if isinstance(plan, Plan):
        names = {str(bank.address): place for place, bank in enumerate(given.banks)}
        given.asset, given.debt = names[plan.collateral_reserve], names[plan.debt_reserve]
        given.amount = max(0, min(2**64 - 1, plan.amount + (0, 1, -(seed % 7))[seed // 3 % 3]))


def observer(given: State) -> Observer:
    """Return an observer of the state's banks."""
    data = {bank.address: given.accounts[bank.address][1] for bank in given.banks}
    return Observer({at: decoded.Bank.decode(at, it) for at, it in data.items()}, "0.1.9")


def classic(given: State) -> list[Instruction]:
    """Return a classic liquidation."""
    named = [MarginAccount.decode(at, given.accounts[at][1]) for at in (given.liquidator_address, POSITION)]
    asset, debt = given.banks[given.asset].address, given.banks[given.debt].address
    return [liquidate(observer(given), named[0], named[1], asset, debt, given.amount)]


def received(given: State, repaid: int) -> list[Instruction]:
    """Return a receivership."""
    return receivership.liquidation(
        observer(given),
        MarginAccount.decode(POSITION, given.accounts[POSITION][1]),
        RECEIVER,
        FEE_WALLET,
        asset=given.banks[given.asset].address,
        debt=given.banks[given.debt].address,
        seized=given.amount,
        repaid=repaid,
        destination=DESTINATION,
        source=SOURCE,
    )


def ask(seed: int) -> Asked:
    """Return a trial of a seed."""
    given, way = state(seed), "v2" if seed % 5 < 2 else "v1"
    sharpen(given, way, seed)
    ours = protocols.get("marginfi").predict(given_accounts(given), clock_of(given), plan_of(given, way))
    amounts = (ours.repaid, ours.repaid - 1)
    orders = [classic(given)] if way == "v1" else [received(given, it) for it in amounts if it >= 0]
    return Asked(seed, given, way, ours, [trial_of(given, order) for order in orders])


def trial_of(given: State, instructions: list[Instruction]) -> Trial:
    """Return a transaction on a state, with as many tokens as anybody needs."""
    rich = (TOKEN, token(key(0), RECEIVER, 2**64 - 1))
    return Trial(given.time, given.slot, given.accounts | {DESTINATION: rich, SOURCE: rich}, instructions)


def differences(asked: Asked, chain: list[Landed]) -> Iterator[str]:
    """Yield every way in which the two disagree."""
    first, ours = chain[0], asked.ours
    if asked.way == "v2" and ours.error in END_OF_IT:
        if first.error not in END_OF_IT:
            yield f"error at the end: source {first.error}, engine {ours.error}"
        return
    if first.error != ours.error:
        yield f"error: source {first.error}, engine {ours.error}"
    if first.error is not None or ours.error is not None:
        return
    for address, (owner, before) in asked.given.accounts.items():
        mine = ours.accounts_after.get(str(address), before)
        if owner == PROGRAM:
            yield from unequal_bytes(address, first.after[address], mine)
    if len(chain) > 1 and chain[1].error is None:
        yield f"repaid {ours.repaid}, but the source accepts one less"


def compare(programs: Path, trials: int, seed: int, *, show: bool = False) -> Tally:
    """Compare `trials` states from `seed` on."""
    outcomes, mismatches = Counter[str](), list[str]()
    for start in range(seed, seed + trials, BATCH):
        batch = [ask(place) for place in range(start, min(start + BATCH, seed + trials))]
        landed = run(programs, [trial for asked in batch for trial in asked.trials])
        for asked in batch:
            chain = [next(landed) for _ in asked.trials]
            name = {"v1": "classic", "v2": "receivership"}[asked.way]
            outcomes[f"{name:15} {ending(chain[0].error)}"] += 1
            mismatches += [f"seed {asked.seed} ({asked.given.kind}, {name}): {it}" for it in differences(asked, chain)]
        if show:
            progress(start + len(batch) - seed, trials, len(mismatches))
    return Tally(trials, outcomes, mismatches)


if __name__ == "__main__":
    sys.exit(command(compare, description=__doc__, program=f"{PROGRAM} 0.1.9"))
