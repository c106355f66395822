"""The reference adapter keeps every promise of the conformance kit; adapters that break one are found."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.transaction_metadata import TransactionMetadata

from liquidation_engine import protocols
from liquidation_engine.protocols import Adapter, Health, Plan, Prediction, Refusal
from liquidation_engine.protocols.reference import Side
from liquidation_engine.testing.conformance import Broken, Bytes, Case, Executed, Time, check
from reference_trials import NOW, Bench, Trial, random_trial
from reference_world import refusal_code

REFERENCE = protocols.get("reference")


class Market:
    """Random positions on the program itself."""

    def __init__(self, seed: int) -> None:
        self.bench, self.rng = Bench(), random.Random(seed)

    def cases(self, count: int) -> Iterator[Case]:
        """Yield that many cases; each is laid out when it is asked for."""
        for number in range(count):
            yield self.case(f"random {number}", random_trial(self.rng, self.bench.decimals))

    def case(self, name: str, trial: Trial) -> Case:
        """Return a trial as a case."""
        self.bench.lay_out(trial)
        accounts = self.accounts()
        legs = self.bench.world.state(self.bench.position).legs
        trials = [replace(trial, amount=amount) for amount in (trial.amount, protocols.ALL, 1)]
        debts = {str(leg.reserve) for leg in legs if leg.side == Side.DEBT}
        return Case(
            name=name,
            accounts=accounts,
            clock=Time(NOW, 0),
            position=str(self.bench.position),
            plans=tuple(self.plan(one) for one in trials),
            debt_mints={str(a.reserve): str(a.mint) for a in self.bench.assets if str(a.reserve) in debts},
            with_collateral_price=lambda factor: self.cheaper(trial, accounts, factor),
            execute=lambda plan: self.execute(trial, plan, accounts),
        )

    def accounts(self) -> dict[str, Any]:
        """Return every account of the program's, vaults included."""
        bench = self.bench
        addresses = [bench.world.market, bench.position]
        addresses += [key for one in bench.assets for key in (one.reserve, one.oracle, one.fund, one.vault)]
        return {str(address): bench.world.svm.get_account(address) for address in addresses}

    def plan(self, trial: Trial) -> Plan:
        """Return what a trial asks for."""
        return Plan(
            position=str(self.bench.position),
            debt_reserve=str(self.bench.assets[trial.debt].reserve),
            collateral_reserve=str(self.bench.assets[trial.collateral].reserve),
            amount=trial.amount,
            min_received=trial.min_seize,
        )

    def cheaper(self, trial: Trial, accounts: dict[str, Any], factor: Fraction) -> dict[str, Any]:
        """Return the accounts with every collateral's price times a factor, rounded down."""
        accounts = dict(accounts)
        for asset, leg in zip(self.bench.assets, trial.legs, strict=False):
            if not leg.is_debt:
                oracle = self.bench.world.oracle(asset)
                cheaper = replace(oracle, price=int(oracle.price * factor), confidence=0)
                accounts[str(asset.oracle)] = Bytes(accounts[str(asset.oracle)].owner, cheaper.pack())
        return accounts

    def execute(self, trial: Trial, plan: Plan, accounts: dict[str, Any]) -> Executed:
        """Have the program do it in exactly this state."""
        for address, account in accounts.items():
            self.bench.world.svm.set_account(Pubkey.from_string(address), account)
        result = self.bench.send(replace(trial, amount=plan.amount))
        vaults = {str(asset.vault) for asset in self.bench.assets}
        after = {key: bytes(account.data) for key, account in self.accounts().items() if key not in vaults}
        return Executed(None if isinstance(result, TransactionMetadata) else refusal_code(result), after)


def test_the_reference_adapter_keeps_every_promise() -> None:
    report = check(REFERENCE, Market(41).cases(150))
    print(report.table())
    assert report.cases == 150
    assert report.checked["equals the program"] == 450
    assert report.checked["plans within its caps"] > 250
    assert report.checked["never panics"] == 3_000


@dataclass(frozen=True, slots=True)
class Flawed(Adapter):
    """The reference adapter with one flaw."""

    flaw: str = ""

    def predict(self, accounts: Any, clock: Any, plan: Any) -> Prediction:
        """Predict, wrongly."""
        said = REFERENCE.predict(accounts, clock, plan)
        match self.flaw:
            case "panics":
                raise IndexError("out of range")
            case "one unit off" if said.error is None:
                changed = {key: data[:-1] + bytes([data[-1] ^ 1]) for key, data in said.accounts_after.items()}
                return replace(said, accounts_after=changed)
            case "wrong error" if said.error is not None:
                return replace(said, error=6_000)
            case "talks of failures" if said.error is not None:
                return replace(said, repaid=1)
        return said

    def health(self, accounts: Any, clock: Any, position: str) -> Health:
        """Judge, wrongly."""
        health = REFERENCE.health(accounts, clock, position)
        if self.flaw == "upside down":
            return replace(health, numerator=health.denominator, denominator=max(1, health.numerator))
        return health

    def best_plan(self, accounts: Any, clock: Any, policy: Any = None) -> Plan | Refusal:
        """Plan, wrongly."""
        if self.flaw == "greedy":
            policy = {**(policy or {}), "balances": {}}
        if self.flaw == "modest":
            policy = {**(policy or {}), "min_profit": -(10**30)}
        return REFERENCE.best_plan(accounts, clock, policy)

    def explain(self, accounts: Any, clock: Any, position: str) -> Any:
        """Explain, or not."""
        return [] if self.flaw == "silent" else REFERENCE.explain(accounts, clock, position)


@pytest.mark.parametrize(
    ("flaw", "promise"),
    [
        ("panics", "never panics"),
        ("one unit off", "equals the program"),
        ("wrong error", "equals the program"),
        ("talks of failures", "fails empty"),
        ("upside down", "monotone in price"),
        ("greedy", "plans within its caps"),
        ("modest", "plans within its caps"),
        ("silent", "explains its health"),
    ],
)
def test_a_flawed_adapter_is_found(flaw: str, promise: str) -> None:
    with pytest.raises(Broken, match=f"breaks '{promise}'"):
        check(Flawed("reference", flaw), Market(43).cases(60), mutations=2)


def test_a_position_that_the_screen_passes_over_is_found() -> None:
    def blind(case: Case) -> Case:
        return replace(case, screened=lambda: False)

    with pytest.raises(Broken, match="breaks 'screen misses none'"):
        check(REFERENCE, map(blind, Market(43).cases(60)), mutations=0)
